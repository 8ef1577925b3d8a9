"""Shapes: operations that move no number. Backward gives the gradient the input's shape back."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


def flatten_forward(x: np.ndarray, start: int = 1, end: int = -1) -> tuple[np.ndarray, Any]:
    """x (..., start axis, ..., end axis, ...) -> the axes from start to end (included) as one, and the cache.

    A view of x where NumPy can make one, as in torch.
    """
    start, end = start % max(x.ndim, 1), end % max(x.ndim, 1)
    return x.reshape(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]), x.shape


def flatten_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    return dout.reshape(cache)
