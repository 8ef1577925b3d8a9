"""Padding: a border around the spatial axes, and its removal. Forward pads, backward crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Widths = Sequence[tuple[int, int]]  # (before, after) for each spatial axis


def _inside(shape: tuple[int, ...], widths: Widths) -> tuple[Any, ...]:
    """Where the unpadded array of spatial `shape` lies in the padded one."""
    return (..., *(slice(before, before + size) for size, (before, _) in zip(shape, widths, strict=True)))


def pad(x: np.ndarray, widths: Widths, value: float = 0.0) -> np.ndarray:
    """x (..., *spatial) in a border of `value`: padded[..., P + i] = x[..., i]. A view of x where all widths are 0."""
    if not any(before or after for before, after in widths):
        return x
    lead, spatial = x.shape[: x.ndim - len(widths)], x.shape[x.ndim - len(widths) :]
    sizes = [before + size + after for size, (before, after) in zip(spatial, widths, strict=True)]
    padded = np.full((*lead, *sizes), value, x.dtype)
    padded[_inside(spatial, widths)] = x
    return padded


def crop(padded: np.ndarray, widths: Widths) -> np.ndarray:
    """The inverse of `pad`, and its gradient: what lies in the border is dropped."""
    spatial = padded.shape[padded.ndim - len(widths) :]
    sizes = tuple(size - before - after for size, (before, after) in zip(spatial, widths, strict=True))
    return padded[_inside(sizes, widths)]
