"""Activations, element by element:   out = f(x),   dx = dout * f'(x).

Each function stands with its gradient below it; FUNCTIONS at the end lists the pairs by torch.nn's names. A gradient
gets x and out, and uses whichever makes its formula short. Settings (a slope, a bound) are keywords of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def activation_forward(x: np.ndarray, name: str, **settings: Any) -> tuple[np.ndarray, Any]:
    """x of any shape -> out = f(x) of the same shape and dtype, and the cache; `name` is a key of FUNCTIONS."""
    f, _ = FUNCTIONS[name]
    out = f(x, **settings)
    return out, (x, out, name, settings)


def activation_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout -> dx = dout * f'(x), all of the same shape."""
    x, out, name, settings = cache
    _, gradient = FUNCTIONS[name]
    return gradient(dout, x, out, **settings)


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)"""
    return np.maximum(x, 0)


def relu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 where x > 0, else 0; at the kink 0, at NaN 1 (as torch)."""
    return np.where(x <= 0, 0, dout)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), which is exp(x) / (1 + exp(x)): the one whose exponential cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = f(x) (1 - f(x))"""
    return dout * out * (1 - out)


def tanh(x: np.ndarray) -> np.ndarray:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))"""
    return np.tanh(x)


def tanh_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 - f(x)^2"""
    return dout * (1 - out * out)


FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "ReLU": (relu, relu_gradient),
    "Sigmoid": (sigmoid, sigmoid_gradient),
    "Tanh": (tanh, tanh_gradient),
}
