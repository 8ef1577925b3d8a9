"""Padding as loops. I input, O output, P = (before, after) on each of the last axes, dO upstream gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Widths = Sequence[tuple[int, int]]


def pad(I: np.ndarray, P: Widths, mode: str, value: float = 0.0) -> np.ndarray:
    """O[c,o] = I[c,i], where i is the place that o comes from; the value where there is none"""
    n = len(P)
    sizes = [before + size + after for size, (before, after) in zip(I.shape[-n:], P, strict=True)]
    O = np.zeros((*I.shape[:-n], *sizes), I.dtype)
    for *c, o in _split(O, n):
        i = [_source(*axis, mode) for axis in zip(o, I.shape[-n:], P, strict=True)]
        O[(*c, *o)] = value if None in i else I[(*c, *i)]
    return O


def pad_gradient(dO: np.ndarray, I: np.ndarray, P: Widths, mode: str) -> np.ndarray:
    """dI[c,i] += dO[c,o]"""
    n = len(P)
    dI = np.zeros_like(I)
    for *c, o in _split(dO, n):
        i = [_source(*axis, mode) for axis in zip(o, I.shape[-n:], P, strict=True)]
        if None not in i:
            dI[(*c, *i)] += dO[(*c, *o)]
    return dI


def _source(o: int, size: int, P: tuple[int, int], mode: str) -> int | None:
    """The place of the input that place o of the output comes from, on one axis."""
    before, after = P
    i = o - before
    if mode == "constant":
        return i if 0 <= i < size else None
    if mode == "replicate":
        return min(max(i, 0), size - 1)
    if mode == "reflect":
        i = abs(i)
        return i if i < size else 2 * (size - 1) - i
    first, end = max(-before, 0), size + min(after, 0)  # circular: round what a negative width leaves
    if i < first:
        return i + (end - first)
    return i if i < end else i - (end - first)


def _split(O: np.ndarray, n: int) -> Any:
    """(*c, o) for every place of O, o the position in the last n axes."""
    for place in np.ndindex(O.shape):
        yield *place[: O.ndim - n], place[O.ndim - n :]
