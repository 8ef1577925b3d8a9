"""MaxPool1d to 3d and AvgPool1d to 3d: one layer each, in as many spatial axes as its name says."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, per_axis
from scratchnet.nn.module import Module
from scratchnet.ops.pooling import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward

SizeLike = int | tuple[int, ...]


class Pool(Module):
    """What all pooling layers share: the window's settings, and the check of the input's shape."""

    ndim: int

    def _set_window(self, kernel_size: SizeLike, stride: SizeLike | None, padding: SizeLike) -> None:
        self.kernel_size = per_axis(kernel_size, self.ndim, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else per_axis(stride, self.ndim, "stride", 1)
        self.padding = per_axis(padding, self.ndim, "padding")
        if any(2 * p > f for p, f in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding={padding} is more than half of kernel_size={kernel_size}: windows would lie in the padding "
                "alone; use padding <= kernel_size // 2"
            )

    def _check_input(self, x: np.ndarray) -> None:
        check_dtype(self, x=x)
        axes = ", ".join(("D", "H", "W")[3 - self.ndim :])
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, (N, C, {axes}) or (C, {axes}) expected")
        if 0 in x.shape[-self.ndim - 1 :]:
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}: only the batch N may be empty")


class _MaxPool(Pool):
    def __init__(
        self,
        kernel_size: SizeLike,
        stride: SizeLike | None = None,
        padding: SizeLike = 0,
        dilation: SizeLike = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self._set_window(kernel_size, stride, padding)
        self.dilation = per_axis(dilation, self.ndim, "dilation", 1)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x: np.ndarray) -> Any:
        self._check_input(x)
        out, cache = max_pool_forward(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        self.keep((cache, out.shape, out.dtype))
        return (out, cache[0].copy()) if self.return_indices else out

    def backward(self, dout: np.ndarray, dindices: Any = None) -> np.ndarray:
        """The indices have no gradient: `dindices` is ignored."""
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return max_pool_backward(dout, cache)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Maximum of each window: x (N, C, W) or (C, W) -> the same with W2.   torch.nn.MaxPool1d; see MaxPool2d."""

    ndim = 1


class MaxPool2d(_MaxPool):
    """out[n,c,y,x] = max over r,s of in[n, c, y*S + r*D - P, x*S + s*D - P].   torch.nn.MaxPool2d

    x (N, C, H, W) or (C, H, W) -> the same with H2 = floor((H + 2P - D*(Ps - 1) - 1) / S) + 1; the stride S is the
    kernel size Ps unless given, ceil_mode takes ceil instead of floor (but drops a window that starts in the padding
    after the input). The padding never is the maximum. return_indices: returns (out, indices), the flat position of
    each maximum in its image. Of equal values the first is taken; NaN counts as the largest.
    Gradient: dx at the place of the maximum gets dout, every other place of the window nothing.
    Raises ValueError for a wrong shape, an output size of 0, padding beyond half of the kernel, or a dilated window
    in the padding alone.   Source: course note, sections 2 and 4.
    """

    ndim = 2


class MaxPool3d(_MaxPool):
    """Maximum of each window: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.MaxPool3d; see MaxPool2d."""

    ndim = 3


class _AvgPool(Pool):
    def __init__(
        self,
        kernel_size: SizeLike,
        stride: SizeLike | None = None,
        padding: SizeLike = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self._set_window(kernel_size, stride, padding)
        if divisor_override is not None and (not isinstance(divisor_override, int) or divisor_override == 0):
            raise ValueError(f"divisor_override={divisor_override!r}: an integer other than 0, or None, expected")
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._check_input(x)
        out, cache = avg_pool_forward(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return avg_pool_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Mean of each window: x (N, C, W) or (C, W) -> the same with W2.   torch.nn.AvgPool1d; see AvgPool2d."""

    ndim = 1

    def __init__(
        self,
        kernel_size: SizeLike,
        stride: SizeLike | None = None,
        padding: SizeLike = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """out[n,c,y,x] = (sum over r,s of in[n, c, y*S + r - P, x*S + s - P]) / divisor.   torch.nn.AvgPool2d

    x (N, C, H, W) or (C, H, W) -> the same with H2 = floor((H + 2P - Ps) / S) + 1; the stride S is the kernel size Ps
    unless given; ceil_mode as in MaxPool2d. The divisor is the number of places in the window: with the padding
    (count_include_pad) or without it, never with what ceil_mode lets hang over; divisor_override replaces it.
    Gradient: every place of the window gets dout / divisor.
    Raises ValueError for a wrong shape, an output size of 0, or padding beyond half of the kernel.
    Source: LeCun et al. 1998 (the subsampling layers of LeNet-5).
    """

    ndim = 2


class AvgPool3d(_AvgPool):
    """Mean of each window: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.AvgPool3d; see AvgPool2d."""

    ndim = 3
