"""Linear: the fully connected layer, out = x w^T + b; and Bilinear, the same of two inputs.

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


def linear_backward(dout: np.ndarray, cache: Any, needs_dx: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dout (..., O) -> dx = dout w, or 0 where nobody needs it, dw = dout^T x, db = sum of dout over all rows."""
    x, w = cache
    dx = dout @ w if needs_dx else np.zeros_like(x)
    rows = dout.reshape(prod(dout.shape[:-1]), dout.shape[-1])
    dw = rows.T @ x.reshape(len(rows), x.shape[-1])
    return dx, dw, rows.sum(axis=0)


def bilinear_forward(x1: np.ndarray, x2: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """x1 (..., I), x2 (..., J), w (O, I, J), b (O,) or None -> out (..., O), and the cache.

    out[n, o] = b[o] + sum over i, j of x1[n, i] w[o, i, j] x2[n, j]
    """
    out = np.einsum("...i,oij,...j->...o", x1, w, x2, optimize=True)
    if b is not None:
        out = out + b
    return out, (x1, x2, w)


def bilinear_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dout (..., O) -> dx1, dx2, dw, db: in each product the factor itself is replaced by dout."""
    x1, x2, w = cache
    dx1 = np.einsum("...o,oij,...j->...i", dout, w, x2, optimize=True)
    dx2 = np.einsum("...o,...i,oij->...j", dout, x1, w, optimize=True)
    rows, rows1, rows2 = (a.reshape(prod(a.shape[:-1]), a.shape[-1]) for a in (dout, x1, x2))
    dw = np.einsum("no,ni,nj->oij", rows, rows1, rows2, optimize=True)
    return dx1, dx2, dw, rows.sum(axis=0)
