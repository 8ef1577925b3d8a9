"""Unfold and Fold as loops, in the letters of the course note: I input, O output, F kernel size, S stride, P padding,
D dilation. One position of an image or of a window is a tuple of row and column."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

Sizes = tuple[int, ...]


def unfold(I: np.ndarray, F: Sizes, S: Sizes, P: Sizes, D: Sizes) -> np.ndarray:
    """O[n, row, column] = I[n, c, y*S + r*D - P]: a row for each (c, r), a column for each y"""
    N, C, *sizes = I.shape
    O = np.zeros((N, C * prod(F), prod(_positions(sizes, F, S, P, D))), I.dtype)
    for n, (c, row, column, i) in _places(N, C, sizes, F, S, P, D):
        O[n, row, column] = I[(n, c, *i)]
    return O


def fold(I: np.ndarray, sizes: Sizes, F: Sizes, S: Sizes, P: Sizes, D: Sizes) -> np.ndarray:
    """O[n, c, y*S + r*D - P] += I[n, row, column]: the windows are added back where they lay"""
    N, C = len(I), I.shape[1] // prod(F)
    O = np.zeros((N, C, *sizes), I.dtype)
    for n, (c, row, column, i) in _places(N, C, sizes, F, S, P, D):
        O[(n, c, *i)] += I[n, row, column]
    return O


def unfold_gradient(dO: np.ndarray, I: np.ndarray, F: Sizes, S: Sizes, P: Sizes, D: Sizes) -> np.ndarray:
    """dI[n, c, y*S + r*D - P] += dO[n, row, column], which is fold"""
    return fold(dO, I.shape[2:], F, S, P, D)


def fold_gradient(dO: np.ndarray, F: Sizes, S: Sizes, P: Sizes, D: Sizes) -> np.ndarray:
    """dI[n, row, column] = dO[n, c, y*S + r*D - P], which is unfold"""
    return unfold(dO, F, S, P, D)


def _positions(sizes, F, S, P, D) -> list[int]:
    return [(i + 2 * p - d * (f - 1) - 1) // s + 1 for i, f, s, p, d in zip(sizes, F, S, P, D, strict=True)]


def _places(N, C, sizes, F, S, P, D) -> Iterator[tuple[int, tuple[int, int, int, Sizes]]]:
    """n and (c, row, column, i) for every window and every place i = y*S + r*D - P of it inside of the image."""
    for n in range(N):
        for row, (c, *r) in enumerate(np.ndindex(C, *F)):
            for column, y in enumerate(np.ndindex(*_positions(sizes, F, S, P, D))):
                i = tuple(yi * s + ri * d - p for yi, ri, s, p, d in zip(y, r, S, P, D, strict=True))
                if all(0 <= position < size for position, size in zip(i, sizes, strict=True)):
                    yield n, (c, row, column, i)
