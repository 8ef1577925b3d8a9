"""Flatten and the shuffles as loops. I input, O output, dO upstream gradient."""

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


def unflatten(I: np.ndarray, dim: int, sizes: tuple[int, ...]) -> np.ndarray:
    """O[before, i, after] = I[before, place, after], where place counts the i in order, the last axis fastest."""
    dim %= I.ndim
    O = np.zeros((*I.shape[:dim], *sizes, *I.shape[dim + 1 :]), I.dtype)
    return flatten_gradient(I, O, dim, dim + len(sizes) - 1)


def unflatten_gradient(dO: np.ndarray, I: np.ndarray, dim: int, sizes: tuple[int, ...]) -> np.ndarray:
    """dI[before, place, after] = dO[before, i, after]"""
    dim %= I.ndim
    return flatten(dO, dim, dim + len(sizes) - 1)


def pixel_shuffle(I: np.ndarray, r: int) -> np.ndarray:
    """O[c, y*r + i, x*r + j] = I[c*r*r + i*r + j, y, x]"""
    *lead, C, H, W = I.shape
    O = np.zeros((*lead, C // (r * r), H * r, W * r), I.dtype)
    for *n, c, y, x in np.ndindex(O.shape):
        O[(*n, c, y, x)] = I[(*n, c * r * r + y % r * r + x % r, y // r, x // r)]
    return O


def pixel_unshuffle(I: np.ndarray, r: int) -> np.ndarray:
    """O[c*r*r + i*r + j, y, x] = I[c, y*r + i, x*r + j]: the gradient of pixel_shuffle, and the other way round"""
    *lead, C, H, W = I.shape
    O = np.zeros((*lead, C * r * r, H // r, W // r), I.dtype)
    for *n, c, y, x in np.ndindex(I.shape):
        O[(*n, c * r * r + y % r * r + x % r, y // r, x // r)] = I[(*n, c, y, x)]
    return O


def channel_shuffle(I: np.ndarray, G: int) -> np.ndarray:
    """O[n, m*G + g] = I[n, g*M + m]; with M in the place of G its gradient"""
    O = np.zeros_like(I)
    M = I.shape[1] // G
    for n, g, m in np.ndindex(len(I), G, M):
        O[n, m * G + g] = I[n, g * M + m]
    return O
