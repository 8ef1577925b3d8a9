"""Adaptive pooling as loops. I input, O output; one position of an image or of the output is a tuple."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

Sizes = tuple[int, ...]


def adaptive_avg_pool(I: np.ndarray, sizes: Sizes) -> np.ndarray:
    """O[n,c,y] = (sum of I[n,c,i] over the window of y) / the number of places in it"""
    O = np.zeros((*I.shape[:2], *sizes), I.dtype)
    for n, c, *y in np.ndindex(O.shape):
        window = list(_window(I, y, sizes))
        for i in window:
            O[(n, c, *y)] += I[(n, c, *i)]
        O[(n, c, *y)] /= len(window)
    return O


def adaptive_avg_pool_gradient(dO: np.ndarray, I: np.ndarray) -> np.ndarray:
    """dI[n,c,i] += dO[n,c,y] / the number of places in the window of y"""
    dI = np.zeros_like(I)
    for n, c, *y in np.ndindex(dO.shape):
        window = list(_window(I, y, dO.shape[2:]))
        for i in window:
            dI[(n, c, *i)] += dO[(n, c, *y)] / len(window)
    return dI


def adaptive_max_pool(I: np.ndarray, sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """O[n,c,y] = max of I[n,c,i] over the window of y, and M[n,c,y], the place in the image where it stood."""
    O = np.zeros((*I.shape[:2], *sizes), I.dtype)
    M = np.zeros(O.shape, np.int64)
    for n, c, *y in np.ndindex(O.shape):
        best = None
        for i in _window(I, y, sizes):
            if best is None or I[(n, c, *i)] > best or math.isnan(I[(n, c, *i)]):
                best = I[(n, c, *i)]
                M[(n, c, *y)] = np.ravel_multi_index(i, I.shape[2:])
        O[(n, c, *y)] = best
    return O, M


def _window(I, y, sizes) -> Iterator[Sizes]:
    """The places floor(y*I/O) <= i < ceil((y+1)*I/O)."""
    axes = list(zip(y, I.shape[2:], sizes, strict=True))
    starts = [math.floor(yi * size / o) for yi, size, o in axes]
    ends = [math.ceil((yi + 1) * size / o) for yi, size, o in axes]
    for r in np.ndindex(*(end - start for start, end in zip(starts, ends, strict=True))):
        yield tuple(start + ri for start, ri in zip(starts, r, strict=True))
