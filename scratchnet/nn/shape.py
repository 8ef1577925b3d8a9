"""Layers that change no number: Identity, Flatten and Unflatten, and the shuffles."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.shape import (
    channel_shuffle_backward,
    channel_shuffle_forward,
    flatten_backward,
    flatten_forward,
    pixel_shuffle_backward,
    pixel_shuffle_forward,
    pixel_unshuffle_backward,
    pixel_unshuffle_forward,
    reshape_backward,
    reshape_forward,
)


class Flatten(Module):
    """The axes start_dim to end_dim (included) as one: x (N, C, H, W) -> (N, C*H*W).   torch.nn.Flatten

    A view of x where that is possible, as in torch. Gradient: dout in the shape of x.
    Raises ValueError where x has no such axes or they are in the wrong order.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        axes = max(x.ndim, 1)
        if not (-axes <= self.start_dim < axes and -axes <= self.end_dim < axes):
            raise ValueError(
                f"Flatten: x has shape {x.shape}, and not both the axes start_dim={self.start_dim} and "
                f"end_dim={self.end_dim}"
            )
        if self.start_dim % axes > self.end_dim % axes:
            raise ValueError(
                f"Flatten: start_dim={self.start_dim} comes after end_dim={self.end_dim} in x of shape {x.shape}"
            )
        out, cache = flatten_forward(x, self.start_dim, self.end_dim)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return flatten_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """out = x, dx = dout: takes the place of a layer that is left out.   torch.nn.Identity

    Any arguments are taken and ignored, as in torch; the output is x itself.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        self.keep((x.shape, x.dtype))
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        check_dout(self, dout, *self.kept())
        return dout


class Unflatten(Module):
    """The axis `dim` as several axes: x (N, C*H*W), dim 1, sizes (C, H, W) -> (N, C, H, W).   torch.nn.Unflatten

    One of the sizes may be -1: what remains. A view of x where that is possible. Gradient: dout in the shape of x.
    Raises ValueError where x has no such axis or the sizes do not multiply up to it, TypeError for sizes that are no
    tuple of integers. Named axes are not taken.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        super().__init__()
        if not isinstance(unflattened_size, tuple | list) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size={unflattened_size!r}, a tuple of integers expected")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"Unflatten: x has shape {x.shape}, and no axis dim={self.dim}")
        dim, sizes = self.dim % x.ndim, self.unflattened_size
        known = prod(size for size in sizes if size != -1)
        if sizes.count(-1) == 1 and known > 0:
            sizes = tuple(x.shape[dim] // known if size == -1 else size for size in sizes)
        if min(sizes, default=-1) < 0 or prod(sizes) != x.shape[dim]:
            raise ValueError(
                f"Unflatten: unflattened_size={self.unflattened_size} must multiply up to {x.shape[dim]}, the size of "
                f"axis {self.dim} of x {x.shape}; one of the sizes may be -1"
            )
        out, cache = reshape_forward(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return reshape_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def _check_factor(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}={value!r}: an integer of at least 1 expected")
    return int(value)


class PixelShuffle(Module):
    """out[..., c, y*r + i, x*r + j] = in[..., c*r*r + i*r + j, y, x]: channels become pixels.   torch.nn.PixelShuffle

    x (..., C*r*r, H, W) -> (..., C, H*r, W*r), r = upscale_factor. Gradient: PixelUnshuffle of dout.
    Raises ValueError for fewer than three axes, or channels that r*r does not divide.   Source: Shi et al. 2016.
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = _check_factor("upscale_factor", upscale_factor)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        r = self.upscale_factor
        if x.ndim < 3 or x.shape[-3] % (r * r):
            raise ValueError(
                f"PixelShuffle: x has shape {x.shape}, (..., C*{r * r}, H, W) expected with upscale_factor={r}"
            )
        out, cache = pixel_shuffle_forward(x, r)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return pixel_shuffle_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """out[..., c*r*r + i*r + j, y, x] = in[..., c, y*r + i, x*r + j]: pixels become channels.   torch.nn.PixelUnshuffle

    x (..., C, H*r, W*r) -> (..., C*r*r, H, W), r = downscale_factor. Gradient: PixelShuffle of dout.
    Raises ValueError for fewer than three axes, or a height or width that r does not divide.   Source: Shi et al. 2016.
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = _check_factor("downscale_factor", downscale_factor)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        r = self.downscale_factor
        if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
            raise ValueError(
                f"PixelUnshuffle: x has shape {x.shape}, (..., C, H*{r}, W*{r}) expected with downscale_factor={r}"
            )
        out, cache = pixel_unshuffle_forward(x, r)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return pixel_unshuffle_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """out[n, m*G + g] = in[n, g*M + m]: channels change their groups.   torch.nn.ChannelShuffle

    x (N, C, *sizes) -> the same shape; C = G*M channels in G = groups. Gradient: the shuffle with M groups of dout.
    Raises ValueError for fewer than three axes, or groups that do not divide the channels.   Source: Zhang et al. 2018.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = _check_factor("groups", groups)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim < 3 or x.shape[1] % self.groups:
            raise ValueError(
                f"ChannelShuffle: x has shape {x.shape}, (N, C, *sizes) expected, groups={self.groups} must divide C"
            )
        out, cache = channel_shuffle_forward(x, self.groups)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return channel_shuffle_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
