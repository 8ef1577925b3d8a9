"""The padding layers: what stands in the border, in one, two or three spatial axes."""

from __future__ import annotations

import numpy as np

from scratchnet.checks import check_dout, check_dtype, per_axis
from scratchnet.nn.module import Module
from scratchnet.ops.padding import (
    IndexMap,
    constant_pad_backward,
    constant_pad_forward,
    index_pad_backward,
    index_pad_forward,
    reflected,
    replicated,
    wrapped,
)

SizeLike = int | tuple[int, ...]
_ANY = -(2**31)  # a width may be negative


class _Pad(Module):
    ndim: int

    def __init__(self, padding: SizeLike):
        super().__init__()
        self.padding = per_axis(padding, 2 * self.ndim, "padding", _ANY)
        pairs = list(zip(self.padding[::2], self.padding[1::2], strict=True))
        self._widths = pairs[::-1]  # torch begins with the last axis

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: SizeLike, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim < self.ndim:
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, at least {self.ndim} axes expected")
        out, cache = constant_pad_forward(x, self._widths, self.value)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return constant_pad_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _IndexPad(_Pad):
    _map: IndexMap  # (size, before, after) of one axis -> where each output comes from

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        axes = ", ".join(("D", "H", "W")[3 - self.ndim :])
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, (N, C, {axes}) or (C, {axes}) expected")
        out, cache = index_pad_forward(x, self._widths, type(self)._map)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return index_pad_backward(dout, cache)


class ConstantPad1d(_ConstantPad):
    """A border of `value` on the last axis; padding is one width or (left, right).   torch.nn.ConstantPad1d; see
    ConstantPad2d."""

    ndim = 1


class ConstantPad2d(_ConstantPad):
    """out[..., y, x] = in[..., y - top, x - left], and `value` outside of the input.   torch.nn.ConstantPad2d

    x (..., H, W) -> (..., top + H + bottom, left + W + right); padding is one width for every side, or (left, right,
    top, bottom): the last axis first, as in torch. A negative width crops.
    Gradient: dx is dout without the border; where the input was cropped it is 0.
    Raises ValueError for too few axes, or where more is cropped than there is.
    """

    ndim = 2


class ConstantPad3d(_ConstantPad):
    """A border of `value` on the last three axes; padding is one width or (left, right, top, bottom, front, back).
    torch.nn.ConstantPad3d; see ConstantPad2d."""

    ndim = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: SizeLike):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """ConstantPad1d with value 0.   torch.nn.ZeroPad1d"""

    ndim = 1


class ZeroPad2d(_ZeroPad):
    """ConstantPad2d with value 0.   torch.nn.ZeroPad2d"""

    ndim = 2


class ZeroPad3d(_ZeroPad):
    """ConstantPad3d with value 0.   torch.nn.ZeroPad3d"""

    ndim = 3


class _ReflectionPad(_IndexPad):
    _map = staticmethod(reflected)


class ReflectionPad1d(_ReflectionPad):
    """The border mirrors the input: x (N, C, W) or (C, W).   torch.nn.ReflectionPad1d; see ReflectionPad2d."""

    ndim = 1


class ReflectionPad2d(_ReflectionPad):
    """The border mirrors the input at its outermost values, which are not repeated: 2 1 | 0 1 2 3 | 2 1.

    torch.nn.ReflectionPad2d; x (N, C, H, W) or (C, H, W) -> the same with top + H + bottom and left + W + right;
    padding is one width or (left, right, top, bottom), negative widths crop.
    Gradient: dx[i] is the sum of dout over all places that i was copied to.
    Raises ValueError for a wrong shape, a width that is not below the size, or where nothing remains.
    """

    ndim = 2


class ReflectionPad3d(_ReflectionPad):
    """The border mirrors the input: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.ReflectionPad3d; see
    ReflectionPad2d."""

    ndim = 3


class _ReplicationPad(_IndexPad):
    _map = staticmethod(replicated)


class ReplicationPad1d(_ReplicationPad):
    """The border repeats the outermost values: x (N, C, W) or (C, W).   torch.nn.ReplicationPad1d; see
    ReplicationPad2d."""

    ndim = 1


class ReplicationPad2d(_ReplicationPad):
    """The border repeats the outermost values: 0 0 | 0 1 2 3 | 3 3.   torch.nn.ReplicationPad2d

    Shapes, padding, gradient and errors as in ReflectionPad2d; the widths may be larger than the input.
    """

    ndim = 2


class ReplicationPad3d(_ReplicationPad):
    """The border repeats the outermost values: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.ReplicationPad3d; see
    ReplicationPad2d."""

    ndim = 3


class _CircularPad(_IndexPad):
    _map = staticmethod(wrapped)


class CircularPad1d(_CircularPad):
    """The border continues at the other end: x (N, C, W) or (C, W).   torch.nn.CircularPad1d; see CircularPad2d."""

    ndim = 1


class CircularPad2d(_CircularPad):
    """The border continues at the other end: 2 3 | 0 1 2 3 | 0 1.   torch.nn.CircularPad2d

    Shapes, padding, gradient and errors as in ReflectionPad2d; a width may be as large as the input, not larger.
    What a negative width crops is not continued.
    """

    ndim = 2


class CircularPad3d(_CircularPad):
    """The border continues at the other end: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.CircularPad3d; see
    CircularPad2d."""

    ndim = 3
