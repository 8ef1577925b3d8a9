"""Upsampling as loops. I input, O output, R input steps per output step on each axis; one position is a tuple."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

Ratios = Sequence[float]


def upsample(I: np.ndarray, sizes: tuple[int, ...], R: Ratios, mode: str, align_corners: bool = False) -> np.ndarray:
    """O[n,c,o] = sum over the pixels i near the place that o comes from of weight * I[n,c,i]"""
    O = np.zeros((*I.shape[:2], *sizes), I.dtype)
    for n, c, *o in np.ndindex(O.shape):
        for i, weight in _neighbours(I, o, R, mode, align_corners):
            O[(n, c, *o)] += weight * I[(n, c, *i)]
    return O


def upsample_gradient(dO: np.ndarray, I: np.ndarray, R: Ratios, mode: str, align_corners: bool = False) -> np.ndarray:
    """dI[n,c,i] += weight * dO[n,c,o]"""
    dI = np.zeros_like(I)
    for n, c, *o in np.ndindex(dO.shape):
        for i, weight in _neighbours(I, o, R, mode, align_corners):
            dI[(n, c, *i)] += weight * dO[(n, c, *o)]
    return dI


def _neighbours(I, o, R, mode, align_corners) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every pixel that o takes from, and its weight: the product of the weights on each axis."""
    axes = [list(_on_axis(oi, size, r, mode, align_corners)) for oi, size, r in zip(o, I.shape[2:], R, strict=True)]
    for choice in np.ndindex(*map(len, axes)):
        taps = [axis[t] for axis, t in zip(axes, choice, strict=True)]
        yield tuple(i for i, _ in taps), math.prod(weight for _, weight in taps)


def _on_axis(o, size, r, mode, align_corners) -> Iterator[tuple[int, float]]:
    s = o * r if align_corners or mode == "nearest" else (o + 0.5) * r - 0.5
    if mode == "nearest":
        yield min(math.floor(s), size - 1), 1.0
    elif mode == "bicubic":
        for i in range(math.floor(s) - 1, math.floor(s) + 3):
            yield min(max(i, 0), size - 1), _keys(abs(s - i))
    else:
        s = max(s, 0.0)
        left = math.floor(s)
        yield min(left, size - 1), 1 - (s - left)
        yield min(left + 1, size - 1), s - left


def _keys(t: float, a: float = -0.75) -> float:
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
