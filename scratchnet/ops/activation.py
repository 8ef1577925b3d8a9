"""Activations. Most work element by element:   out = f(x),   dx = dout * f'(x).

Those pairs (f and its gradient) stand in activation_piecewise.py, made of straight lines, and activation_smooth.py,
made of exponentials; FUNCTIONS lists them by torch.nn's names. Here is how they are called, and what is more than a
function of one number: PReLU, whose slope is learned, RReLU, whose slopes are drawn, and GLU, which multiplies one half
of x with the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops import activation_piecewise, activation_smooth
from scratchnet.ops.activation_smooth import sigmoid

FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    **activation_piecewise.FUNCTIONS,
    **activation_smooth.FUNCTIONS,
}


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


def prelu_forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Any]:
    """out = x where x > 0, else w x.   w (1,) for all of x, or (C,): one slope for each channel of x (N, C, ...)."""
    slope = _per_channel(w, x.ndim)
    return np.where(x > 0, x, slope * x), (x, slope, w.shape)


def prelu_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """dx = dout where x > 0, else w dout;   dw[c] = sum of dout x over all places of channel c where x <= 0."""
    x, slope, shape = cache
    dx = np.where(x > 0, dout, slope * dout)
    each = np.where(x > 0, 0, dout * x)
    others = tuple(axis for axis in range(x.ndim) if slope.ndim == 0 or slope.shape[axis] == 1)
    return dx, each.sum(axis=others).reshape(shape)


def _per_channel(w: np.ndarray, ndim: int) -> np.ndarray:
    """w (C,) so that it meets axis 1 of an array of `ndim` axes."""
    return w.reshape(()) if w.size == 1 else w.reshape(1, -1, *(1,) * (ndim - 2))


def rrelu_forward(x: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, Any]:
    """out = x where x > 0, else slopes * x, with a slope of its own for each element."""
    factor = np.where(x > 0, 1, slopes)
    return factor * x, factor


def rrelu_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx = dout where x > 0, else slopes * dout"""
    return cache * dout


def glu_forward(x: np.ndarray, axis: int) -> tuple[np.ndarray, Any]:
    """out = a * sigmoid(b), where a and b are the first and the second half of x along `axis`."""
    a, b = np.split(x, 2, axis)
    gate = sigmoid(b)
    return a * gate, (a, gate, axis)


def glu_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """da = dout * sigmoid(b),   db = dout * a * sigmoid(b) (1 - sigmoid(b)),   dx = a and b side by side again."""
    a, gate, axis = cache
    da = dout * gate
    return np.concatenate([da, da * a * (1 - gate)], axis)
