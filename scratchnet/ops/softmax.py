"""Softmax along one axis: numbers into probabilities, and their logarithms.

    p[c] = exp(x[c]) / sum over k of exp(x[k])            log p[c] = x[c] - log(sum over k of exp(x[k]))

Both subtract the maximum of x first: p does not change, and no exponential overflows. Backward:

    softmax       dx = p * (dout - sum over k of dout[k] p[k])
    log-softmax   dx = dout - p * sum over k of dout[k]
Source: Bridle 1990; Goodfellow, Bengio and Courville 2016, section 4.1 for the maximum.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def softmax_forward(x: np.ndarray, axis: int) -> tuple[np.ndarray, Any]:
    """x of any shape -> p of the same shape, whose sum along `axis` is 1, and the cache (NaN where all x are -inf)."""
    e = np.exp(_below_maximum(x, axis))
    out = e / e.sum(axis=axis, keepdims=True)
    return out, (out, axis)


def softmax_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx[c] = p[c] (dout[c] - sum over k of dout[k] p[k])"""
    p, axis = cache
    return p * (dout - (dout * p).sum(axis=axis, keepdims=True))


def log_softmax_forward(x: np.ndarray, axis: int) -> tuple[np.ndarray, Any]:
    """x of any shape -> log p of the same shape, and the cache: finite where p itself would be 0."""
    z = _below_maximum(x, axis)
    total = np.exp(z).sum(axis=axis, keepdims=True)
    out = z - np.log(np.maximum(total, 1))  # the maximum alone adds 1, unless the axis is empty
    return out, (out, axis)


def log_softmax_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx[c] = dout[c] - p[c] * sum over k of dout[k]"""
    logp, axis = cache
    return dout - np.exp(logp) * dout.sum(axis=axis, keepdims=True)


def softmin_forward(x: np.ndarray, axis: int) -> tuple[np.ndarray, Any]:
    """The softmax of -x: the smallest x gets the most."""
    return softmax_forward(-x, axis)


def softmin_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx[c] = -p[c] (dout[c] - sum over k of dout[k] p[k])"""
    return -softmax_backward(dout, cache)


def _below_maximum(x: np.ndarray, axis: int) -> np.ndarray:
    return x - x.max(axis=axis, keepdims=True, initial=-np.inf)
