"""Dropout: in training each element (or channel) is left out with probability p.

    out = x * mask / (1 - p)        mask is 1 where x is kept, 0 where it is dropped
    dx  = dout * mask / (1 - p)     the same mask

Dividing by 1 - p ("inverted" dropout) keeps the mean, E[out] = x, so that evaluation is the identity. Alpha dropout
sets what it drops to the value that SELU saturates at, t = -scale*alpha, and keeps mean 0 and variance 1 of x by

    out = a * (x * mask + t * (1 - mask)) + b,   a = ((1 - p)(1 + p t^2))^(-1/2),   b = -a t p
Source: Srivastava et al. 2014; Tompson et al. 2015 (channels); Klambauer et al. 2017 (alpha).
"""

from __future__ import annotations

from typing import Any

import numpy as np

SATURATION = -1.7580993408473766  # t: -scale * alpha of SELU, 1.0507009873554805 * 1.6732632423543772


def draw_mask(shape: tuple[int, ...], p: float, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """1 with probability 1 - p (to 2**-24), else 0; each on its own."""
    return (rng.random(shape, np.float32) >= p).astype(dtype)


def dropout_forward(x: np.ndarray, mask: np.ndarray, p: float) -> tuple[np.ndarray, Any]:
    """out = x * mask / (1 - p), and the cache; mask broadcasts against x. With p = 1 everything is 0."""
    factor = mask / (1 - p) if p < 1 else np.zeros_like(mask)
    return x * factor, factor


def dropout_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx = dout * mask / (1 - p)"""
    return dout * cache


def alpha_dropout_forward(x: np.ndarray, mask: np.ndarray, p: float) -> tuple[np.ndarray, Any]:
    """out = a * (x * mask + t * (1 - mask)) + b, and the cache. With p = 1 everything is 0."""
    t = SATURATION
    a = ((1 - p) * (1 + p * t * t)) ** -0.5 if p < 1 else 0.0
    factor = a * mask
    return x * factor + (a * t * (1 - mask) - a * t * p), factor


def alpha_dropout_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx = dout * a * mask"""
    return dout * cache
