"""Flatten as loops. I input, O output, dO upstream gradient."""

from __future__ import annotations

from math import prod

import numpy as np


def flatten(I: np.ndarray, start: int = 1, end: int = -1) -> np.ndarray:
    """O[before, place, after] = I[before, i, after], where place counts the i in order, the last axis fastest."""
    start, end = start % I.ndim, end % I.ndim
    middle = I.shape[start : end + 1]
    O = np.zeros((*I.shape[:start], prod(middle), *I.shape[end + 1 :]), I.dtype)
    for before in np.ndindex(I.shape[:start]):
        for after in np.ndindex(I.shape[end + 1 :]):
            for place, i in enumerate(np.ndindex(middle)):
                O[(*before, place, *after)] = I[(*before, *i, *after)]
    return O


def flatten_gradient(dO: np.ndarray, I: np.ndarray, start: int = 1, end: int = -1) -> np.ndarray:
    """dI[before, i, after] = dO[before, place, after]"""
    start, end = start % I.ndim, end % I.ndim
    dI = np.zeros_like(I)
    for before in np.ndindex(I.shape[:start]):
        for after in np.ndindex(I.shape[end + 1 :]):
            for place, i in enumerate(np.ndindex(I.shape[start : end + 1])):
                dI[(*before, *i, *after)] = dO[(*before, place, *after)]
    return dI
