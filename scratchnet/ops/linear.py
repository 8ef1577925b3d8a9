"""Linear: the fully connected layer, out = x w^T + b.

L depends on w only through out, so dL/dw[o, i] = sum over n of dout[n, o] x[n, i]: the transposes are the ones that
make the dimensions meet.   Source: the course note, section 1.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


def linear_forward(x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """x (..., I), w (O, I), b (O,) or None -> out (..., O), out = x w^T + b, and the cache of the backward."""
    out = x @ w.T
    if b is not None:
        out = out + b
    return out, (x, w)


def linear_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dout (..., O) -> dx = dout w, dw = dout^T x, db = sum of dout over all rows."""
    x, w = cache
    dx = dout @ w
    rows = dout.reshape(prod(dout.shape[:-1]), dout.shape[-1])
    dw = rows.T @ x.reshape(len(rows), x.shape[-1])
    return dx, dw, rows.sum(axis=0)
