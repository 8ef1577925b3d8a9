"""Power-average pooling as loops. I input, O output, T the total of each window, p the power, Ps size of the window,
S stride; `ceil` rounds the output size up instead of down."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

Sizes = tuple[int, ...]


def lp_pool(I: np.ndarray, p: float, Ps: Sizes, S: Sizes, ceil: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """T[n,c,y] = mean over r of I[n, c, y*S + r]^p, times the size of the window;   O[n,c,y] = T[n,c,y]^(1/p)"""
    T = np.zeros((*I.shape[:2], *_sizes(I, Ps, S, ceil)), I.dtype)
    O = np.zeros_like(T)
    for n, c, *y in np.ndindex(T.shape):
        window = list(_window(I, y, Ps, S))
        for i in window:
            T[(n, c, *y)] += I[(n, c, *i)] ** p
        T[(n, c, *y)] *= math.prod(Ps) / len(window)
        O[(n, c, *y)] = T[(n, c, *y)] ** (1 / p)
    return O, T


def lp_pool_gradient(dO: np.ndarray, I: np.ndarray, T: np.ndarray, p: float, Ps: Sizes, S: Sizes) -> np.ndarray:
    """dI[n,c,i] += dO[n,c,y] * T[n,c,y]^(1/p - 1) * I[n,c,i]^(p-1), nothing where T is 0"""
    dI = np.zeros_like(I)
    for n, c, *y in np.ndindex(dO.shape):
        if T[(n, c, *y)] == 0:
            continue
        window = list(_window(I, y, Ps, S))
        share = dO[(n, c, *y)] * T[(n, c, *y)] ** (1 / p - 1) * (math.prod(Ps) / len(window))
        for i in window:
            dI[(n, c, *i)] += share * I[(n, c, *i)] ** (p - 1)
    return dI


def _sizes(I, Ps, S, ceil) -> list[int]:
    """(I - Ps) / S + 1, rounded down; rounded up, no window starts after the input's end."""
    sizes = []
    for i, ps, s in zip(I.shape[2:], Ps, S, strict=True):
        o = (math.ceil((i - ps) / s) if ceil else math.floor((i - ps) / s)) + 1
        sizes.append(o - 1 if ceil and (o - 1) * s >= i else o)
    return sizes


def _window(I, y, Ps, S) -> Iterator[Sizes]:
    """The places i = y*S + r of one window that lie inside of the image."""
    for r in np.ndindex(*Ps):
        i = tuple(yi * s + ri for yi, ri, s in zip(y, r, S, strict=True))
        if all(position < size for position, size in zip(i, I.shape[2:], strict=True)):
            yield i
