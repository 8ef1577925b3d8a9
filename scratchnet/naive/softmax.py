"""Softmax as loops over one axis. I input, O output, dO upstream gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np


def softmax(I: np.ndarray, axis: int) -> np.ndarray:
    """O[c] = exp(I[c]) / sum over k of exp(I[k]); the largest I is subtracted from all, so that nothing overflows."""
    O = np.zeros_like(I)
    for row in _rows(I, axis):
        largest = max(I[c] for c in row)
        total = sum(math.exp(I[k] - largest) for k in row)
        for c in row:
            O[c] = math.exp(I[c] - largest) / total
    return O


def softmax_gradient(dO: np.ndarray, I: np.ndarray, axis: int) -> np.ndarray:
    """dI[c] = sum over k of dO[k] * O[k] * ((1 if k is c else 0) - O[c])"""
    O, dI = softmax(I, axis), np.zeros_like(I)
    for row in _rows(I, axis):
        for c in row:
            for k in row:
                dI[c] += dO[k] * O[k] * ((1 if k == c else 0) - O[c])
    return dI


def softmin(I: np.ndarray, axis: int) -> np.ndarray:
    """O[c] = exp(-I[c]) / sum over k of exp(-I[k])"""
    return softmax(-I, axis)


def softmin_gradient(dO: np.ndarray, I: np.ndarray, axis: int) -> np.ndarray:
    """dI[c] = -sum over k of dO[k] * O[k] * ((1 if k is c else 0) - O[c])"""
    return -softmax_gradient(dO, -I, axis)


def log_softmax(I: np.ndarray, axis: int) -> np.ndarray:
    """O[c] = I[c] - log(sum over k of exp(I[k]))"""
    O = np.zeros_like(I)
    for row in _rows(I, axis):
        largest = max(I[c] for c in row)
        total = sum(math.exp(I[k] - largest) for k in row)
        for c in row:
            O[c] = I[c] - largest - math.log(total)
    return O


def log_softmax_gradient(dO: np.ndarray, I: np.ndarray, axis: int) -> np.ndarray:
    """dI[c] = sum over k of dO[k] * ((1 if k is c else 0) - softmax(I)[c])"""
    p, dI = softmax(I, axis), np.zeros_like(I)
    for row in _rows(I, axis):
        for c in row:
            for k in row:
                dI[c] += dO[k] * ((1 if k == c else 0) - p[c])
    return dI


def _rows(I: np.ndarray, axis: int) -> Iterator[list[tuple[int, ...]]]:
    """The places along `axis`, once for each position in the other axes."""
    axis %= I.ndim
    for before in np.ndindex(I.shape[:axis]):
        for after in np.ndindex(I.shape[axis + 1 :]):
            if row := [(*before, c, *after) for c in range(I.shape[axis])]:
                yield row
