"""Distances between two arrays of vectors.

    cosine similarity   out = sum of x1 x2 / (m1 m2),   m = max(|x|, eps)
                        dx1 = dout (x2/(m1 m2) - out x1/(|x1| m1)), the last term 0 where x1 is 0; dx2 alike
    pairwise distance   out = (sum of |d|^p)^(1/p),   d = x1 - x2 + eps
                        dx1 = dout sign(d) (|d|/out)^(p-1), 0 where out is 0;   dx2 = -dx1

As in torch the norm's derivative is taken where eps takes its place, too.
"""

from __future__ import annotations

from math import isinf
from typing import Any

import numpy as np


def cosine_similarity_forward(x1: np.ndarray, x2: np.ndarray, axis: int, eps: float) -> tuple[np.ndarray, Any]:
    """x1, x2 (..., D, ...) of one shape -> out without `axis`, and the cache."""
    n1, n2 = (np.sqrt(np.sum(x * x, axis=axis, keepdims=True)) for x in (x1, x2))
    m1, m2 = np.maximum(n1, x1.dtype.type(eps)), np.maximum(n2, x2.dtype.type(eps))
    out = np.sum((x1 / m1) * (x2 / m2), axis=axis, keepdims=True)
    return np.squeeze(out, axis), (x1, x2, n1, n2, m1, m2, out, axis)


def cosine_similarity_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """dout without the axis -> dx1, dx2."""
    x1, x2, n1, n2, m1, m2, out, axis = cache
    dout = np.expand_dims(dout, axis)

    def one(x: np.ndarray, n: np.ndarray, m: np.ndarray, other: np.ndarray, m_other: np.ndarray) -> np.ndarray:
        direction = np.divide(x, n, out=np.zeros_like(x), where=n != 0)
        return dout / m * (other / m_other - out * direction)

    return one(x1, n1, m1, x2, m2), one(x2, n2, m2, x1, m1)


def pairwise_distance_forward(
    x1: np.ndarray, x2: np.ndarray, p: float, eps: float, keepdims: bool = False
) -> tuple[np.ndarray, Any]:
    """x1, x2 (..., D) of one shape -> out (...) or (..., 1), and the cache. p = infinity: the largest |d|."""
    d = x1 - x2 + x1.dtype.type(eps)
    size = np.abs(d)
    if isinf(p):
        norm = size.max(axis=-1, keepdims=True)
    else:
        norm = np.sum(size**p, axis=-1, keepdims=True) ** (1 / p)
    return (norm if keepdims else norm[..., 0]), (d, norm, p)


def pairwise_distance_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """dout as out -> dx1, dx2. Elements that are equally large share the gradient of p = infinity."""
    d, norm, p = cache
    if isinf(p):
        largest = np.abs(d) == norm
        share = largest / largest.sum(axis=-1, keepdims=True).astype(d.dtype)
    else:
        part = np.divide(np.abs(d), norm, out=np.zeros_like(d), where=(norm != 0) & (d != 0))
        share = np.power(part, p - 1, out=np.zeros_like(d), where=part != 0)
    dx1 = dout.reshape(norm.shape) * np.sign(d) * share
    return dx1, -dx1
