"""ConvTranspose1d, ConvTranspose2d, ConvTranspose3d: one layer, in as many spatial axes as its name says."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape, per_axis
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.conv_transpose import conv_transpose_backward, conv_transpose_forward, transposed_size

SizeLike = int | tuple[int, ...]


class _ConvTranspose(Module):
    ndim: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: SizeLike,
        stride: SizeLike = 1,
        padding: SizeLike = 0,
        output_padding: SizeLike = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: SizeLike = 1,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}: "
                "each group joins in_channels/groups channels to out_channels/groups filters"
            )
        self.kernel_size = per_axis(kernel_size, self.ndim, "kernel_size", 1)
        self.stride = per_axis(stride, self.ndim, "stride", 1)
        self.padding = per_axis(padding, self.ndim, "padding")
        self.output_padding = per_axis(output_padding, self.ndim, "output_padding")
        self.dilation = per_axis(dilation, self.ndim, "dilation", 1)
        self._check_output_padding(self.output_padding)
        self.weight = Parameter(np.empty((in_channels, out_channels // groups, *self.kernel_size), dtype))
        self.bias = Parameter(np.empty(out_channels, dtype)) if bias else None
        fan_in = out_channels // groups * int(np.prod(self.kernel_size))  # of the convolution that this transposes
        init.torch_default_(self.weight, fan_in, rng)
        if self.bias is not None:
            init.torch_default_(self.bias, fan_in, rng)

    def _check_output_padding(self, output_padding: tuple[int, ...]) -> None:
        for extra, s, d in zip(output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(
                    f"output_padding={output_padding} with stride={self.stride}, dilation={self.dilation}: it must be "
                    "smaller than one of them on each axis: it chooses between sizes that one stride cannot tell apart"
                )

    def forward(self, x: np.ndarray, output_size: SizeLike | None = None) -> np.ndarray:
        """`output_size` (of the spatial axes) chooses the output_padding that gives it, in place of the layer's own."""
        check_dtype(self, x=x, weight=self.weight)
        check_shape(self, "x", x, ("N", self.in_channels, *("D", "H", "W")[3 - self.ndim :]))
        extra = self.output_padding if output_size is None else self._padding_for(output_size, x.shape[2:])
        bias = None if self.bias is None else self.bias.data
        widths = [(p, p) for p in self.padding]
        out, cache = conv_transpose_forward(
            x, self.weight.data, bias, self.stride, widths, extra, self.dilation, self.groups
        )
        self.keep((cache, out.shape))
        return out

    def _padding_for(self, output_size: SizeLike, sizes: tuple[int, ...]) -> tuple[int, ...]:
        wanted = per_axis(output_size, self.ndim, "output_size", 1)
        axes = zip(sizes, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        least = tuple(transposed_size(i, f, s, 2 * p, 0, d) for i, f, s, p, d in axes)
        extra = tuple(want - size for want, size in zip(wanted, least, strict=True))
        if any(e < 0 or e >= s for e, s in zip(extra, self.stride, strict=True)):
            most = tuple(size + s - 1 for size, s in zip(least, self.stride, strict=True))
            raise ValueError(f"output_size={output_size}: between {least} and {most} expected for x of sizes {sizes}")
        return extra

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape = self.kept()
        check_dout(self, dout, shape, self.weight.dtype)
        dx, dw, db = conv_transpose_backward(dout, cache)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, output_padding={self.output_padding}, groups={self.groups}, "
            f"bias={self.bias is not None}, dilation={self.dilation}"
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one axis: x (N, in_channels, W) -> (N, out_channels, W2).   torch.nn.ConvTranspose1d;
    see ConvTranspose2d."""

    ndim = 1


class ConvTranspose2d(_ConvTranspose):
    """out[n, k, y*S + r*D - P, x*S + s*D - P] += in[n,c,y,x] * weight[c,k,r,s], and bias[k] everywhere.

    torch.nn.ConvTranspose2d; x (N, in_channels, H, W) -> (N, out_channels, H2, W2) with
    H2 = (H - 1)*S - 2P + D*(F - 1) + output_padding + 1, weight (in_channels, out_channels/groups, F, F), bias
    (out_channels,). It is the dx of the Conv2d with the same settings, which takes (H2, W2) to (H, W); where the stride
    lets several sizes come to the same H, output_padding (or forward's output_size) chooses one.
    Gradients: dx is that convolution of dout, dweight the convolution of dout with x.
    Raises ValueError for a wrong shape, groups that do not divide the channels, output_padding that is neither below
    the stride nor the dilation, or an output size of 0; TypeError for mixed dtypes.
    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning.
    """

    ndim = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over three axes: x (N, in_channels, D, H, W).   torch.nn.ConvTranspose3d; see
    ConvTranspose2d."""

    ndim = 3
