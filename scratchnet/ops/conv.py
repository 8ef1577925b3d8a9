"""Convolution in any number of spatial axes (1, 2, 3), as networks use it: cross-correlation.

    out[n, k, y] = b[k] + sum over c, r of w[k, c, r] * x[n, c, y*stride + r*dilation - padding]

where y and r run over positions in all spatial axes. Forward lays every window out as a column (im2col), so that
the sum over c and r is one matrix product; backward reads the same product the other way:

    dw    = dout @ columns^T              the convolution of the input with dout
    dcols = w^T @ dout                    each window's share, added back where the window lay (col2im):
                                          the full convolution of dout with the kernel rotated by 180 degrees
Source: the course note, sections 2 and 3; Chellapilla et al. 2006 for im2col.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from scratchnet.ops.padding import Widths, crop, pad
from scratchnet.ops.windows import Sizes, add_windows, output_size, windows

CACHE = 6 * 2**20  # bytes of columns at a time


def conv_forward(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    stride: Sizes,
    padding: Widths,
    dilation: Sizes,
    groups: int = 1,
) -> tuple[np.ndarray, Any]:
    """x (N, C, *sizes), w (K, C/groups, *kernel), b (K,) or None -> out (N, K, *out), and the cache.

    `padding` is (before, after) per axis. Filters and channels fall into `groups` blocks that do not meet.
    Raises ValueError where the output size would be 0.
    """
    out_sizes = tuple(map(output_size, x.shape[2:], w.shape[2:], stride, map(sum, padding), dilation))
    xp = pad(x, padding)
    out = gather(xp, w, stride, dilation, out_sizes, groups)
    if b is not None:
        out += b.reshape(-1, *(1,) * len(out_sizes))
    return out, (xp, w, stride, padding, dilation, groups)


def conv_backward(dout: np.ndarray, cache: Any, needs_dx: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dout (N, K, *out) -> dx (N, C, *sizes), 0 where nobody needs it, dw (K, C/groups, *kernel), db (K,)."""
    xp, w, stride, padding, dilation, groups = cache
    dxp = scatter(dout, w, stride, dilation, xp.shape[2:], groups) if needs_dx else np.zeros_like(xp)
    dw = weight_gradient(xp, dout, w.shape, stride, dilation, groups)
    db = dout.sum(axis=(0, *range(2, dout.ndim)))
    return crop(dxp, padding), dw, db


# The one sum, read in its three directions; the transposed convolution reads it in another order


def gather(xp: np.ndarray, w: np.ndarray, stride: Sizes, dilation: Sizes, out_sizes: Sizes, groups: int) -> np.ndarray:
    """out[n, k, y] = sum over c, r of w[k, c, r] * xp[n, c, y*stride + r*dilation], for y up to `out_sizes`."""
    out = np.empty((len(xp), groups, len(w) // groups, prod(out_sizes)), xp.dtype)
    for some in _blocks(len(xp), xp.shape[1] * prod(w.shape[2:]) * prod(out_sizes) * xp.itemsize):
        columns = _columns(xp[some], w.shape[2:], stride, dilation, out_sizes, groups)
        np.matmul(_by_group(w, groups), columns, out=out[some])
    return out.reshape(len(xp), len(w), *out_sizes)


def scatter(dout: np.ndarray, w: np.ndarray, stride: Sizes, dilation: Sizes, sizes: Sizes, groups: int) -> np.ndarray:
    """dxp[n, c, y*stride + r*dilation] += w[k, c, r] * dout[n, k, y], in an image of `sizes`."""
    channels = groups * w.shape[1]
    dxp = np.empty((len(dout), channels, *sizes), dout.dtype)
    for some in _blocks(len(dout), channels * prod(w.shape[2:]) * prod(dout.shape[2:]) * dout.itemsize):
        images_last = np.moveaxis(dout[some], 0, -1)  # each window is then added for all images at once
        rows = images_last.reshape(groups, len(w) // groups, prod(images_last.shape[1:]))
        columns = _by_group(w, groups).swapaxes(-1, -2) @ rows
        columns = columns.reshape(channels, *w.shape[2:], *images_last.shape[1:])
        dxp[some] = add_windows(np.moveaxis(columns, -1, 0), sizes, stride, dilation)
    return dxp


def weight_gradient(
    xp: np.ndarray, dout: np.ndarray, shape: Sizes, stride: Sizes, dilation: Sizes, groups: int
) -> np.ndarray:
    """dw[k, c, r] = sum over n, y of dout[n, k, y] * xp[n, c, y*stride + r*dilation]."""
    rows = _rows(dout, groups)
    dw = np.zeros((groups, prod(shape[1:]), shape[0] // groups), dout.dtype)
    for some in _blocks(len(xp), xp.shape[1] * prod(shape[2:]) * rows.shape[-1] * xp.itemsize):
        columns = _columns(xp[some], shape[2:], stride, dilation, dout.shape[2:], groups)
        for row, column in zip(rows[some], columns, strict=True):  # one product for all would need N times dw
            dw += column @ row.swapaxes(-1, -2)
    return dw.swapaxes(-1, -2).reshape(shape)


def _blocks(images: int, bytes_each: int) -> Iterator[slice]:
    """A few images at a time: their columns then fit into the processor's cache, and a large batch into memory."""
    step = max(CACHE // max(bytes_each, 1), 1)
    return (slice(start, start + step) for start in range(0, images, step))


def _rows(dout: np.ndarray, groups: int) -> np.ndarray:
    """dout (N, K, *out) -> (N, G, K/G, out positions)"""
    return dout.reshape(len(dout), groups, dout.shape[1] // groups, prod(dout.shape[2:]))


def _by_group(w: np.ndarray, groups: int) -> np.ndarray:
    """w (K, C/G, *kernel) -> (G, K/G, C/G * kernel): filters in blocks, one row each."""
    return w.reshape(groups, len(w) // groups, prod(w.shape[1:]))


def _columns(xp: np.ndarray, kernel: Sizes, stride: Sizes, dilation: Sizes, out: Sizes, groups: int) -> np.ndarray:
    """im2col: (N, G, C/G * kernel, out positions), one column for each window."""
    n, c = xp.shape[:2]
    taps_each = c // groups * prod(kernel)
    return windows(xp, kernel, stride, dilation, out).reshape(n, groups, taps_each, prod(out))
