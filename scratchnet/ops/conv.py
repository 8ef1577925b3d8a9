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

from typing import Any

import numpy as np

from scratchnet.ops.padding import Widths, crop, pad
from scratchnet.ops.windows import Sizes, output_size, taps, windows


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
    kernel = w.shape[2:]
    out_sizes = tuple(map(output_size, x.shape[2:], kernel, stride, map(sum, padding), dilation))
    xp = pad(x, padding)
    out = _by_group(w, groups) @ _columns(xp, kernel, stride, dilation, out_sizes, groups)
    out = out.reshape(len(x), len(w), *out_sizes)
    if b is not None:
        out += b.reshape(-1, *(1,) * len(kernel))
    return out, (xp, w, stride, padding, dilation, groups)


def conv_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dout (N, K, *out) -> dx (N, C, *sizes), dw (K, C/groups, *kernel), db (K,)."""
    xp, w, stride, padding, dilation, groups = cache
    kernel, out_sizes = w.shape[2:], dout.shape[2:]
    rows = dout.reshape(len(dout), groups, len(w) // groups, -1 if dout.size else 0)  # (N, G, K/G, positions)

    dw = _sum_over_images(rows, _columns(xp, kernel, stride, dilation, out_sizes, groups))
    dcolumns = _by_group(w, groups).swapaxes(-1, -2) @ rows
    dcolumns = dcolumns.reshape(*xp.shape[:2], *kernel, *out_sizes)
    dxp = np.zeros_like(xp)
    for offset, place in taps(kernel, stride, dilation, out_sizes):
        dxp[place] += dcolumns[(slice(None), slice(None), *offset)]

    db = dout.sum(axis=(0, *range(2, dout.ndim)))
    return crop(dxp, padding), dw.reshape(w.shape), db


def _sum_over_images(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """dw = sum over n of dout[n] @ columns[n]^T, image by image: one product for all would need N times its memory."""
    dw = np.zeros((rows.shape[1], rows.shape[2], columns.shape[2]), rows.dtype)
    for row, column in zip(rows, columns, strict=True):
        dw += row @ column.swapaxes(-1, -2)
    return dw


def _by_group(w: np.ndarray, groups: int) -> np.ndarray:
    """w (K, C/G, *kernel) -> (G, K/G, C/G * kernel): filters in blocks, one row each."""
    return w.reshape(groups, len(w) // groups, int(np.prod(w.shape[1:])))


def _columns(xp: np.ndarray, kernel: Sizes, stride: Sizes, dilation: Sizes, out: Sizes, groups: int) -> np.ndarray:
    """im2col: (N, G, C/G * kernel, out positions), one column for each window."""
    n, c = xp.shape[:2]
    taps_each = c // groups * int(np.prod(kernel))
    return windows(xp, kernel, stride, dilation, out).reshape(n, groups, taps_each, int(np.prod(out)))
