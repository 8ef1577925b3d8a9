"""Distances between the rows of two arrays, over the last axis."""

from __future__ import annotations

import math

import numpy as np


def pairwise_distance(x1: np.ndarray, x2: np.ndarray, p: float, eps: float) -> np.ndarray:
    """(sum over d of |x1[d] - x2[d] + eps|^p)^(1/p);   p = inf: the largest of them.   x1, x2 (..., D) -> (...)"""
    v = np.abs(x1 - x2 + eps)
    if p == math.inf:
        return v.max(axis=-1)
    if p == 1:
        return v.sum(axis=-1)
    if p == 2:
        return np.sqrt((v * v).sum(axis=-1))
    return (v**p).sum(axis=-1) ** (1 / p)


def pairwise_distance_gradients(
    dout: np.ndarray, x1: np.ndarray, x2: np.ndarray, p: float, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """dx1[d] = sign(v[d]) (|v[d]| / out)^(p - 1), v = x1 - x2 + eps; p = inf: 1, shared among the largest; dx2 = -dx1.

    0 where the distance is 0 (but for p = 1, whose gradient does not look at the distance).
    """
    v = x1 - x2 + eps
    out = pairwise_distance(x1, x2, p, eps)[..., None]
    if p == math.inf:
        largest = np.abs(v) == out
        part = largest / largest.sum(axis=-1, keepdims=True).astype(v.dtype)
    elif p == 1:
        part = np.ones_like(v)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(v == 0, 0, (np.abs(v) / out) ** (p - 1))
    dx1 = dout[..., None] * np.sign(v) * part
    return dx1, -dx1
