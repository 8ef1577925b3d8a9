"""Pooling as loops, in the letters of the course note: I input, O output, Ps size of the pooling window, S stride,
P padding, D dilation. One position of an image, of the window or of the output is a tuple (one number for MaxPool1d,
row and column for MaxPool2d, ...); `ceil` rounds the output size up instead of down."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

Sizes = tuple[int, ...]


def max_pool(
    I: np.ndarray, Ps: Sizes, S: Sizes, P: Sizes, D: Sizes, ceil: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """O[n,c,y] = max over r of I[n, c, y*S + r*D - P], and M[n,c,y], the place in the image where it stood."""
    O = np.zeros((*I.shape[:2], *_sizes(I, Ps, S, P, D, ceil)), I.dtype)
    M = np.zeros(O.shape, np.int64)
    for n, c, *y in np.ndindex(O.shape):
        best = None
        for i in _window(I, y, Ps, S, P, D):
            if best is None or I[(n, c, *i)] > best or math.isnan(I[(n, c, *i)]):
                best = I[(n, c, *i)]
                M[(n, c, *y)] = np.ravel_multi_index(i, I.shape[2:])
        O[(n, c, *y)] = best
    return O, M


def max_pool_gradient(dO: np.ndarray, I: np.ndarray, M: np.ndarray) -> np.ndarray:
    """dI[n, c, M[n,c,y]] += dO[n,c,y]: only the larger one receives dO."""
    dI = np.zeros_like(I)
    for n, c, *y in np.ndindex(dO.shape):
        i = np.unravel_index(M[(n, c, *y)], I.shape[2:])
        dI[(n, c, *i)] += dO[(n, c, *y)]
    return dI


def avg_pool(
    I: np.ndarray,
    Ps: Sizes,
    S: Sizes,
    P: Sizes,
    ceil: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> np.ndarray:
    """O[n,c,y] = (sum over r of I[n, c, y*S + r - P]) / the number of places in the window"""
    D = (1,) * len(Ps)
    O = np.zeros((*I.shape[:2], *_sizes(I, Ps, S, P, D, ceil)), I.dtype)
    for n, c, *y in np.ndindex(O.shape):
        for i in _window(I, y, Ps, S, P, D):
            O[(n, c, *y)] += I[(n, c, *i)]
        O[(n, c, *y)] /= divisor or _places(I, y, Ps, S, P, count_include_pad)
    return O


def avg_pool_gradient(
    dO: np.ndarray,
    I: np.ndarray,
    Ps: Sizes,
    S: Sizes,
    P: Sizes,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> np.ndarray:
    """dI[n, c, y*S + r - P] += dO[n,c,y] / the number of places in the window"""
    dI = np.zeros_like(I)
    for n, c, *y in np.ndindex(dO.shape):
        for i in _window(I, y, Ps, S, P, (1,) * len(Ps)):
            dI[(n, c, *i)] += dO[(n, c, *y)] / (divisor or _places(I, y, Ps, S, P, count_include_pad))
    return dI


def _sizes(I, Ps, S, P, D, ceil) -> list[int]:
    """(I - (D*(Ps-1) + 1) + 2P) / S + 1, rounded down; rounded up, no window starts in the padding at the end."""
    sizes = []
    for i, ps, s, p, d in zip(I.shape[2:], Ps, S, P, D, strict=True):
        steps = (i - (d * (ps - 1) + 1) + 2 * p) / s
        o = (math.ceil(steps) if ceil else math.floor(steps)) + 1
        if ceil and (o - 1) * s - p >= i:
            o -= 1
        sizes.append(o)
    return sizes


def _window(I, y, Ps, S, P, D) -> Iterator[tuple[int, ...]]:
    """The places i = y*S + r*D - P of one window that lie inside of the image."""
    for r in np.ndindex(*Ps):
        i = tuple(yi * s + ri * d - p for yi, ri, s, p, d in zip(y, r, S, P, D, strict=True))
        if all(0 <= position < size for position, size in zip(i, I.shape[2:], strict=True)):
            yield i


def _places(I, y, Ps, S, P, count_include_pad) -> int:
    """How many places of the window lie in the image, or in the image and its padding."""
    places = 0
    for r in np.ndindex(*Ps):
        i = [yi * s + ri - p for yi, ri, s, p in zip(y, r, S, P, strict=True)]
        border = P if count_include_pad else (0,) * len(P)
        places += all(-b <= position < size + b for position, size, b in zip(i, I.shape[2:], border, strict=True))
    return places
