"""Max unpooling as loops. I input, M the place of each value in the image that is made, O that image."""

from __future__ import annotations

import numpy as np


def max_unpool(I: np.ndarray, M: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """O[n, c, M[n,c,y]] = I[n,c,y], and 0 everywhere else"""
    O = np.zeros((*I.shape[:2], *sizes), I.dtype)
    for n, c, *y in np.ndindex(I.shape):
        i = np.unravel_index(M[(n, c, *y)], sizes)
        O[(n, c, *i)] = I[(n, c, *y)]
    return O


def max_unpool_gradient(dO: np.ndarray, M: np.ndarray) -> np.ndarray:
    """dI[n,c,y] = dO[n, c, M[n,c,y]]"""
    dI = np.zeros(M.shape, dO.dtype)
    for n, c, *y in np.ndindex(M.shape):
        i = np.unravel_index(M[(n, c, *y)], dO.shape[2:])
        dI[(n, c, *y)] = dO[(n, c, *i)]
    return dI
