"""Shapes: operations that move no number. Backward gives the gradient the input's shape back."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


def flatten_forward(x: np.ndarray, start: int = 1, end: int = -1) -> tuple[np.ndarray, Any]:
    """x (..., start axis, ..., end axis, ...) -> the axes from start to end (included) as one, and the cache.

    A view of x where NumPy can make one, as in torch.
    """
    start, end = start % max(x.ndim, 1), end % max(x.ndim, 1)
    return x.reshape(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]), x.shape


def flatten_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    return dout.reshape(cache)


def reshape_forward(x: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, Any]:
    """x -> the same numbers in the same order as `shape`, and the cache."""
    return x.reshape(shape), x.shape


def reshape_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    return dout.reshape(cache)


def pixel_shuffle_forward(x: np.ndarray, r: int) -> tuple[np.ndarray, Any]:
    """x (..., C*r*r, H, W) -> out (..., C, H*r, W*r), and the cache.

    out[c, h*r + i, w*r + j] = x[c*r*r + i*r + j, h, w]
    """
    *lead, channels, h, w = x.shape
    blocks = x.reshape(*lead, channels // (r * r), r, r, h, w)  # (..., C, i, j, H, W) -> (..., C, H, i, W, j)
    blocks = np.moveaxis(blocks, (-4, -3), (-3, -1))
    return blocks.reshape(*lead, channels // (r * r), h * r, w * r), r


def pixel_shuffle_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    return pixel_unshuffle_forward(dout, cache)[0]


def pixel_unshuffle_forward(x: np.ndarray, r: int) -> tuple[np.ndarray, Any]:
    """x (..., C, H*r, W*r) -> out (..., C*r*r, H, W), the inverse of pixel_shuffle; and the cache."""
    *lead, channels, h, w = x.shape
    blocks = x.reshape(*lead, channels, h // r, r, w // r, r)  # (..., C, H, i, W, j) -> (..., C, i, j, H, W)
    blocks = np.moveaxis(blocks, (-3, -1), (-4, -3))
    return blocks.reshape(*lead, channels * r * r, h // r, w // r), r


def pixel_unshuffle_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    return pixel_shuffle_forward(dout, cache)[0]


def channel_shuffle_forward(x: np.ndarray, groups: int) -> tuple[np.ndarray, Any]:
    """x (N, G*M, ...) -> out[:, m*G + g] = x[:, g*M + m]: the channels as a G x M table, transposed; and the cache."""
    n, channels, *rest = x.shape
    table = x.reshape(n, groups, channels // groups, *rest).swapaxes(1, 2)
    return table.reshape(x.shape), channels // groups


def channel_shuffle_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """The table transposed back."""
    return channel_shuffle_forward(dout, cache)[0]
