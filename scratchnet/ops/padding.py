"""Padding: a border around the spatial axes, and its removal. Forward pads, backward crops.

    constant            out[o] = x[o - before], and the value where o - before lies outside of x
    reflect, replicate  out[o] = x[index[o]]:   an index map for each axis says where the border takes its values from
    and circular        dx[index[o]] += dout[o]

A negative width crops, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Widths = Sequence[tuple[int, int]]  # (before, after) for each spatial axis
IndexMap = Callable[[int, int, int], np.ndarray]  # (size, before, after) -> the place of x that each output comes from


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


def constant_pad_forward(x: np.ndarray, widths: Widths, value: float) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *(before + size + after)), and the cache.

    A view of x where nothing is added.   Raises ValueError where more is cropped than there is.
    """
    for size, (before, after) in zip(x.shape[x.ndim - len(widths) :], widths, strict=True):
        _check_crop(size, before, after, least=0)
    grow, shrink = ([(max(s * b, 0), max(s * a, 0)) for b, a in widths] for s in (1, -1))
    return pad(crop(x, shrink), grow, value), (grow, shrink)


def constant_pad_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes): the border's gradient is dropped, what was cropped gets 0."""
    grow, shrink = cache
    return pad(crop(dout, grow), shrink)


def index_pad_forward(x: np.ndarray, widths: Widths, index_map: IndexMap) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *(before + size + after)), axis by axis by `index_map`, and the cache."""
    sizes = x.shape[x.ndim - len(widths) :]
    indices = [index_map(size, before, after) for size, (before, after) in zip(sizes, widths, strict=True)]
    out = x
    for axis, index in enumerate(indices, start=-len(widths)):
        out = np.take(out, index, axis)
    return out, (indices, sizes)


def index_pad_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes): each place of x gets the gradients of everything it was copied to."""
    dx = dout
    for axis, (index, size) in enumerate(zip(*cache), start=-len(cache[1])):
        dx = add_at(dx, index, size, axis)
    return dx


def add_at(values: np.ndarray, index: np.ndarray, size: int, axis: int) -> np.ndarray:
    """The transpose of np.take(x, index, axis): sums[index[o]] += values[o], along an axis of `size`."""
    values = np.moveaxis(values, axis, 0)
    sums = np.zeros((size, *values.shape[1:]), values.dtype)
    for i, value in zip(index, values, strict=True):
        sums[i] += value
    return np.moveaxis(sums, 0, axis)


# The index maps of one axis


def reflected(size: int, before: int, after: int) -> np.ndarray:
    """... 2 1 | 0 1 2 ... n-1 | n-2 ...: mirrored at the outermost values, which are not repeated."""
    _check_crop(size, before, after)
    if max(before, after) >= size:
        raise ValueError(f"padding ({before}, {after}) of size {size}: reflected values need padding < size")
    index = np.abs(np.arange(-before, size + after))
    return np.minimum(index, 2 * (size - 1) - index)


def replicated(size: int, before: int, after: int) -> np.ndarray:
    """0 0 | 0 1 2 ... n-1 | n-1 n-1: the outermost values again and again."""
    _check_crop(size, before, after)
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def wrapped(size: int, before: int, after: int) -> np.ndarray:
    """n-2 n-1 | 0 1 2 ... n-1 | 0 1: the other end's values, of what negative widths leave, at most once round."""
    _check_crop(size, before, after)
    kept = np.arange(max(-before, 0), size - max(-after, 0))
    if max(before, after) > len(kept):
        raise ValueError(
            f"padding ({before}, {after}) of size {size}: circular values go once round, at most {len(kept)}"
        )
    return kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % len(kept)]


def _check_crop(size: int, before: int, after: int, least: int = 1) -> None:
    if size + min(before, 0) + min(after, 0) < least:
        raise ValueError(
            f"padding ({before}, {after}) of size {size}: negative widths crop, and at least {least} must remain"
        )
