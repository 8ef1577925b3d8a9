"""Conv1d, Conv2d, Conv3d: one layer, in as many spatial axes as its name says."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dtype, check_shape, per_axis
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter, needs_grad
from scratchnet.ops.conv import conv_backward, conv_forward
from scratchnet.ops.padding import index_pad_backward, index_pad_forward, reflected, replicated, wrapped

_BORDERS = {"reflect": reflected, "replicate": replicated, "circular": wrapped}


class _Conv(Module):
    ndim: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
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
        self.dilation = per_axis(dilation, self.ndim, "dilation", 1)
        self.padding, self.padding_mode = padding, padding_mode
        if padding_mode not in ("zeros", *_BORDERS):
            raise ValueError(f"padding_mode={padding_mode!r}: one of zeros, {', '.join(_BORDERS)} expected")
        self._widths = self._padding_widths(padding)
        self.weight = Parameter(np.empty((out_channels, in_channels // groups, *self.kernel_size), dtype))
        self.bias = Parameter(np.empty(out_channels, dtype)) if bias else None
        fan_in = in_channels // groups * int(np.prod(self.kernel_size))
        init.torch_default_(self.weight, fan_in, rng)
        if self.bias is not None:
            init.torch_default_(self.bias, fan_in, rng)

    def _padding_widths(self, padding: int | tuple[int, ...] | str) -> list[tuple[int, int]]:
        """(before, after) per axis; "same" keeps the size, an odd border's extra zero comes after."""
        if padding == "valid":
            padding = 0
        if padding == "same":
            if any(s != 1 for s in self.stride):
                raise ValueError(f'padding="same" with stride={self.stride}: only stride 1 keeps the size')
            borders = [d * (f - 1) for f, d in zip(self.kernel_size, self.dilation, strict=True)]
            return [(border // 2, border - border // 2) for border in borders]
        if isinstance(padding, str):
            raise ValueError(f'padding={padding!r}: numbers, "same" or "valid" expected')
        return [(p, p) for p in per_axis(padding, self.ndim, "padding")]

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        check_shape(self, "x", x, ("N", self.in_channels, *("D", "H", "W")[3 - self.ndim :]))
        bias = None if self.bias is None else self.bias.data
        border, widths, needs_dx = None, self._widths, needs_grad(x)
        if self.padding_mode != "zeros":  # the border is made of x, and nothing is left to pad
            x, border = index_pad_forward(x, widths, _BORDERS[self.padding_mode])
            widths = [(0, 0)] * self.ndim
        out, cache = conv_forward(x, self.weight.data, bias, self.stride, widths, self.dilation, self.groups)
        self.keep((cache, border, out.shape, needs_dx))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, border, shape, needs_dx = self.kept()
        check_dtype(self, dout=dout, weight=self.weight)
        check_shape(self, "dout", dout, shape)
        dx, dw, db = conv_backward(dout, cache, needs_dx)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx if border is None else index_pad_backward(dx, border)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding!r}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}"
        )


class Conv1d(_Conv):
    """Convolution over one axis: x (N, in_channels, W) -> (N, out_channels, W2).   torch.nn.Conv1d; see Conv2d."""

    ndim = 1


class Conv2d(_Conv):
    """out[n,k,y,x] = bias[k] + sum over c,r,s of weight[k,c,r,s] * in[n, c, y*S + r*D - P, x*S + s*D - P].

    torch.nn.Conv2d; x (N, in_channels, H, W) -> (N, out_channels, H2, W2) with
    H2 = floor((H + 2P - D*(F - 1) - 1) / S) + 1, weight (out_channels, in_channels/groups, F, F), bias (out_channels,).
    kernel_size, stride, padding and dilation take one integer or one per axis; padding also "same" and "valid".
    padding_mode: what the padding holds, "zeros", or values of the input as in ReflectionPad2d ("reflect"),
    ReplicationPad2d ("replicate") and CircularPad2d ("circular").
    Gradients: dweight is the convolution of x with dout, dx the full convolution of dout with the kernel rotated by
    180 degrees.
    Raises ValueError for a wrong shape, groups that do not divide the channels, or an output size of 0; TypeError for
    mixed dtypes.   Source: course note, sections 2 and 3.
    """

    ndim = 2


class Conv3d(_Conv):
    """Convolution over three axes: x (N, in_channels, D, H, W).   torch.nn.Conv3d; see Conv2d."""

    ndim = 3
