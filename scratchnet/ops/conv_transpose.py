"""Transposed convolution: the gradient of a convolution as a layer. What conv reads, it writes, and the other way.

    out[n, k, y*stride + r*dilation - padding] += w[c, k, r] * x[n, c, y]          conv's dx, and b[k] everywhere

where y and r run over positions in all spatial axes. Backward reads the same sum in the other two directions:

    dx[n, c, y] = sum over k, r of w[c, k, r] * dout[n, k, y*stride + r*dilation - padding]     conv's out
    dw[c, k, r] = sum over n, y of x[n, c, y] * dout[n, k, y*stride + r*dilation - padding]     conv's dw
Source: Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning, chapter 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops.conv import gather, scatter, weight_gradient
from scratchnet.ops.padding import Widths, crop, pad
from scratchnet.ops.windows import Sizes


def conv_transpose_forward(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    stride: Sizes,
    padding: Widths,
    output_padding: Sizes,
    dilation: Sizes,
    groups: int = 1,
) -> tuple[np.ndarray, Any]:
    """x (N, C, *sizes), w (C, K/groups, *kernel), b (K,) or None -> out (N, K, *out), and the cache.

    `padding` (before, after) per axis is cut off the result, `output_padding` is added to its end before that.
    Raises ValueError where the output size would be 0.
    """
    axes = zip(x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation, strict=True)
    full = tuple(sum(p) + transposed_size(i, f, s, sum(p), extra, d) for i, f, s, p, extra, d in axes)
    out = crop(scatter(x, w, stride, dilation, full, groups), padding)
    if b is not None:
        out += b.reshape(-1, *(1,) * len(full))
    return out, (x, w, stride, padding, dilation, groups)


def conv_transpose_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dout (N, K, *out) -> dx (N, C, *sizes), dw (C, K/groups, *kernel), db (K,)."""
    x, w, stride, padding, dilation, groups = cache
    full = pad(dout, padding)
    dx = gather(full, w, stride, dilation, x.shape[2:], groups)
    dw = weight_gradient(full, x, w.shape, stride, dilation, groups)
    db = dout.sum(axis=(0, *range(2, dout.ndim)))
    return dx, dw, db


def transposed_size(size: int, kernel: int, stride: int, padding: int, output_padding: int, dilation: int) -> int:
    """O = (I - 1)*S + D*(F - 1) + 1 - P + output_padding, where P is the padding of both sides together.

    Raises ValueError where that is not positive.
    """
    out = (size - 1) * stride + dilation * (kernel - 1) + 1 - padding + output_padding
    if out < 1:
        raise ValueError(
            f"output size {out}: size {size}, kernel_size {kernel}, stride {stride}, padding {padding} in all, "
            f"output_padding {output_padding}, dilation {dilation}; output size = (size - 1)*stride - padding + "
            "dilation*(kernel_size - 1) + output_padding + 1; use a smaller padding"
        )
    return out
