"""im2col and col2im as layers: the windows of an image as columns, and columns added up to an image. Each is the
other's gradient.

    unfold   out[n, (c, r), y] = x[n, c, y*stride + r*dilation - padding]
    fold     out[n, c, y*stride + r*dilation - padding] += x[n, (c, r), y]

where y and r run over positions in the two spatial axes, and (c, r) and y are counted in order, the last axis fastest.
Source: Chellapilla et al. 2006.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.ops.padding import Widths, crop, pad
from scratchnet.ops.windows import Sizes, add_windows, output_size, windows


def unfold_forward(
    x: np.ndarray, kernel: Sizes, stride: Sizes, padding: Widths, dilation: Sizes
) -> tuple[np.ndarray, Any]:
    """x (..., C, *sizes) -> out (..., C * kernel, positions), and the cache.

    Raises ValueError where no window fits.
    """
    sizes = x.shape[x.ndim - len(kernel) :]
    columns = windows(pad(x, padding), kernel, stride, dilation, positions(sizes, kernel, stride, padding, dilation))
    return _flat(columns, len(kernel)), (sizes, kernel, stride, padding, dilation)


def unfold_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., C * kernel, positions) -> dx (..., C, *sizes): what a place gave to several windows adds up."""
    return fold_forward(dout, *cache)[0]


def fold_forward(
    x: np.ndarray, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Widths, dilation: Sizes
) -> tuple[np.ndarray, Any]:
    """x (..., C * kernel, positions) -> out (..., C, *sizes), and the cache."""
    out_sizes = positions(sizes, kernel, stride, padding, dilation)
    columns = x.reshape(*x.shape[:-2], x.shape[-2] // prod(kernel), *kernel, *out_sizes)
    padded = [size + before + after for size, (before, after) in zip(sizes, padding, strict=True)]
    return crop(add_windows(columns, tuple(padded), stride, dilation), padding), (kernel, stride, padding, dilation)


def fold_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., C, *sizes) -> dx (..., C * kernel, positions): every window gets the gradient of its places."""
    return unfold_forward(dout, *cache)[0]


def positions(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Widths, dilation: Sizes) -> Sizes:
    """How many windows stand on each axis.   Raises ValueError where none does."""
    return tuple(map(output_size, sizes, kernel, stride, map(sum, padding), dilation))


def _flat(columns: np.ndarray, n: int) -> np.ndarray:
    """(..., C, *kernel, *out) -> (..., C * kernel, positions)"""
    lead, kernel, out = columns.shape[: -2 * n], columns.shape[-2 * n : -n], columns.shape[-n:]
    return columns.reshape(*lead[:-1], lead[-1] * prod(kernel), prod(out)).copy()
