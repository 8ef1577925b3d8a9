"""Unfold and Fold: im2col and col2im as layers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, per_axis
from scratchnet.nn.module import Module
from scratchnet.ops.conv_fold import fold_backward, fold_forward, positions, unfold_backward, unfold_forward

SizeLike = int | tuple[int, ...]


class _Windows(Module):
    def _set_window(self, kernel_size: SizeLike, dilation: SizeLike, padding: SizeLike, stride: SizeLike) -> None:
        self.kernel_size = per_axis(kernel_size, 2, "kernel_size", 1)
        self.dilation = per_axis(dilation, 2, "dilation", 1)
        self.padding = per_axis(padding, 2, "padding")
        self.stride = per_axis(stride, 2, "stride", 1)

    @property
    def _letters(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, [(p, p) for p in self.padding], self.dilation

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Unfold(_Windows):
    """out[n, (c,r,s), (y,x)] = in[n, c, y*S + r*D - P, x*S + s*D - P]: im2col.   torch.nn.Unfold

    x (N, C, H, W) or (C, H, W) -> (N, C*F*F, L) or (C*F*F, L): a column for each of the L = H2*W2 windows, with
    H2 = floor((H + 2P - D*(F - 1) - 1) / S) + 1; what lies in the padding is 0. A convolution is weight @ out.
    Gradient: dx is Fold of dout.
    Raises ValueError for a wrong shape, or where no window fits.   Source: Chellapilla et al. 2006.
    """

    def __init__(
        self, kernel_size: SizeLike, dilation: SizeLike = 1, padding: SizeLike = 0, stride: SizeLike = 1
    ):  # torch's order
        super().__init__()
        self._set_window(kernel_size, dilation, padding, stride)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
            raise ValueError(
                f"Unfold: x has shape {x.shape}, (N, C, H, W) or (C, H, W) expected; only the batch N may be empty"
            )
        out, cache = unfold_forward(x, *self._letters)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return unfold_backward(dout, cache)


class Fold(_Windows):
    """out[n, c, y*S + r*D - P, x*S + s*D - P] += in[n, (c,r,s), (y,x)]: col2im.   torch.nn.Fold

    x (N, C*F*F, L) or (C*F*F, L) -> (N, C, H, W) or (C, H, W) with (H, W) = output_size and L = H2*W2 as in Unfold.
    Fold(Unfold(x)) is x times the number of windows that a place lies in, not x. Gradient: dx is Unfold of dout.
    Raises ValueError for a wrong shape: rows that the kernel does not divide, or columns that are not one a window.
    Source: Chellapilla et al. 2006.
    """

    def __init__(
        self,
        output_size: SizeLike,
        kernel_size: SizeLike,
        dilation: SizeLike = 1,
        padding: SizeLike = 0,
        stride: SizeLike = 1,
    ):
        super().__init__()
        self.output_size = per_axis(output_size, 2, "output_size", 1)
        self._set_window(kernel_size, dilation, padding, stride)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        taps, windows = prod(self.kernel_size), prod(positions(self.output_size, *self._letters))
        if x.ndim not in (2, 3) or x.shape[-1] != windows or x.shape[-2] % taps or x.shape[-2] == 0:
            raise ValueError(
                f"Fold: x has shape {x.shape}, (N, C*{taps}, {windows}) or (C*{taps}, {windows}) expected: "
                f"{taps} rows for each channel (kernel_size={self.kernel_size}) and one column for each of the "
                f"{windows} windows in output_size={self.output_size}"
            )
        out, cache = fold_forward(x, self.output_size, *self._letters)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return fold_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"
