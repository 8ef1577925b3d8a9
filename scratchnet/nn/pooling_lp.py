"""LPPool1d to 3d: the p-norm of each window."""

from __future__ import annotations

import numpy as np

from scratchnet.checks import check_dout
from scratchnet.nn.pooling import Pool, SizeLike
from scratchnet.ops.pooling_lp import lp_pool_backward, lp_pool_forward


class _LPPool(Pool):
    def __init__(
        self, norm_type: float, kernel_size: SizeLike, stride: SizeLike | None = None, ceil_mode: bool = False
    ):
        super().__init__()
        if not norm_type > 0:
            raise ValueError(f"norm_type={norm_type}: a positive number expected, 1 for sums, 2 for Euclidean norms")
        self._set_window(kernel_size, stride, 0)
        self.norm_type, self.ceil_mode = norm_type, ceil_mode

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._check_input(x)
        out, cache = lp_pool_forward(x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return lp_pool_backward(dout, cache)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """p-norm of each window: x (N, C, W) or (C, W) -> the same with W2.   torch.nn.LPPool1d; see LPPool2d."""

    ndim = 1


class LPPool2d(_LPPool):
    """out[n,c,y,x] = (sum over r,s of in[n, c, y*S + r, x*S + s]^p)^(1/p).   torch.nn.LPPool2d

    x (N, C, H, W) or (C, H, W) -> the same with H2 = floor((H - Ps) / S) + 1; the stride S is the kernel size Ps unless
    given; p is norm_type. No absolute values are taken: with p = 3 a negative sum has no root and gives NaN. With
    ceil_mode a window that hangs over the end counts as if its missing places held the mean of the others, as in torch.
    Gradient: dx = dout * out^(1-p) * x^(p-1), 0 where the sum is 0.
    Raises ValueError for a wrong shape, an output size of 0, or p <= 0.   Source: Sermanet et al. 2012.
    """

    ndim = 2


class LPPool3d(_LPPool):
    """p-norm of each window: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.LPPool3d; see LPPool2d."""

    ndim = 3
