"""AdaptiveAvgPool1d to 3d and AdaptiveMaxPool1d to 3d: the output size is given, the windows follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, per_axis
from scratchnet.nn.pooling import Pool
from scratchnet.ops.pooling import max_pool_backward
from scratchnet.ops.pooling_adaptive import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    adaptive_max_pool_forward,
)

SizeLike = int | None | tuple[int | None, ...]


class _AdaptivePool(Pool):
    output_size: SizeLike

    def _set_size(self, output_size: SizeLike) -> None:
        self.output_size = output_size
        self._sizes_for((1,) * self.ndim)  # raises where they are none

    def _sizes_for(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The output sizes for an input of `sizes`: None keeps that of the input."""
        wanted = self.output_size if isinstance(self.output_size, tuple | list) else (self.output_size,) * self.ndim
        if len(wanted) == self.ndim:
            wanted = tuple(size if want is None else want for want, size in zip(wanted, sizes, strict=True))
        return per_axis(wanted, self.ndim, "output_size")

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    def __init__(self, output_size: SizeLike):
        super().__init__()
        self._set_size(output_size)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._check_input(x)
        out, cache = adaptive_avg_pool_forward(x, self._sizes_for(x.shape[-self.ndim :]))
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return adaptive_avg_pool_backward(dout, cache)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of output_size windows: x (N, C, W) or (C, W).   torch.nn.AdaptiveAvgPool1d; see AdaptiveAvgPool2d."""

    ndim = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """out[n,c,y,x] = mean of in[n, c, floor(y*H/H2) to ceil((y+1)*H/H2), the same for x].   torch.nn.AdaptiveAvgPool2d

    x (N, C, H, W) or (C, H, W) -> the same with (H2, W2) = output_size: one integer, or one per axis, None for the size
    of the input. With output_size=1 it is the mean over the whole image.
    Gradient: every place of a window gets dout / its number of places.
    Raises ValueError for a wrong shape or a negative size.   Source: He et al. 2014, section 2.
    """

    ndim = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of output_size windows: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.AdaptiveAvgPool3d; see
    AdaptiveAvgPool2d."""

    ndim = 3


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: SizeLike, return_indices: bool = False):
        super().__init__()
        self._set_size(output_size)
        self.return_indices = return_indices

    def forward(self, x: np.ndarray) -> Any:
        self._check_input(x)
        out, cache = adaptive_max_pool_forward(x, self._sizes_for(x.shape[-self.ndim :]))
        self.keep((cache, out.shape, out.dtype))
        return (out, cache[0].copy()) if self.return_indices else out

    def backward(self, dout: np.ndarray, dindices: Any = None) -> np.ndarray:
        """The indices have no gradient: `dindices` is ignored."""
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return max_pool_backward(dout, cache)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of output_size windows: x (N, C, W) or (C, W).   torch.nn.AdaptiveMaxPool1d; see AdaptiveMaxPool2d."""

    ndim = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maximum of each window of AdaptiveAvgPool2d.   torch.nn.AdaptiveMaxPool2d

    Shapes and errors as there. return_indices: returns (out, indices), the flat position of each maximum in its image.
    Of equal values the first is taken; NaN counts as the largest.
    Gradient: dx at the place of the maximum gets dout, every other place nothing.
    """

    ndim = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of output_size windows: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.AdaptiveMaxPool3d; see
    AdaptiveMaxPool2d."""

    ndim = 3
