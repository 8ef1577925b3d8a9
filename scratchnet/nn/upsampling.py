"""Upsample, and its two older names for images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, per_axis
from scratchnet.nn.module import Module
from scratchnet.ops.upsampling import (
    Taps,
    cubic_taps,
    linear_taps,
    nearest_taps,
    upsample_backward,
    upsample_forward,
)

AXES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}


class Upsample(Module):
    """The image in another size, smaller ones too.   torch.nn.Upsample

    x (N, C, *sizes) with one to three sizes -> (N, C, *size), or floor(size * scale_factor) on each axis; both take one
    number or one per axis. mode: "nearest" copies the pixel at floor(o * ratio), ratio = 1/scale_factor or I/O;
    "linear" (one size), "bilinear" (two), "trilinear" (three) weigh the two neighbours on each axis, "bicubic" (two
    sizes) four. align_corners=True maps the outermost pixels to each other, False the corners of their areas;
    recompute_scale_factor=True takes the ratio of the sizes in place of scale_factor's.
    Gradient: every pixel gets back the weighted shares that it gave.
    Raises ValueError for a wrong shape, both or neither of size and scale_factor, align_corners with "nearest", an
    unknown mode, or a size of 0.   Source: Keys 1981 for bicubic, with a = -0.75.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(f"size={size}, scale_factor={scale_factor}: one of them expected, not both")
        if mode not in AXES:
            raise ValueError(f"mode={mode!r}: one of {', '.join(AXES)} expected")
        if mode == "nearest" and align_corners is not None:
            raise ValueError(f'align_corners={align_corners}: mode="nearest" has no corners to align, leave it out')
        if recompute_scale_factor and size is not None:
            raise ValueError("recompute_scale_factor=True with a size: there is no scale_factor to compute anew")
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        axes = x.ndim - 2
        if axes not in AXES[self.mode] or 0 in x.shape[1:]:
            wanted = " or ".join("(N, C, " + ", ".join(("D", "H", "W")[3 - n :]) + ")" for n in AXES[self.mode])
            raise ValueError(
                f"{type(self).__name__}: x has shape {x.shape}, mode={self.mode!r} takes {wanted}; only the "
                "batch N may be empty"
            )
        out, cache = upsample_forward(x, [self._taps(*axis) for axis in self._axes(x.shape[2:])])
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return upsample_backward(dout, cache)

    def _axes(self, sizes: tuple[int, ...]) -> list[tuple[int, int, float | None]]:
        """(size, output size, scale factor that the coordinates follow) of each axis."""
        if self.size is not None:
            return [(i, o, None) for i, o in zip(sizes, per_axis(self.size, len(sizes), "size", 1), strict=True)]
        given: Any = self.scale_factor
        factors = given if isinstance(given, tuple | list) else (given,) * len(sizes)
        if len(factors) != len(sizes):
            raise ValueError(f"scale_factor={self.scale_factor}: one number or {len(sizes)} of them expected")
        outs = [math.floor(size * float(factor)) for size, factor in zip(sizes, factors, strict=True)]
        if min(outs) < 1:
            raise ValueError(f"output size 0: floor(size * scale_factor) of sizes {sizes} and {self.scale_factor}")
        kept = [None if self.recompute_scale_factor else float(factor) for factor in factors]
        return list(zip(sizes, outs, kept, strict=True))

    def _taps(self, size: int, out: int, scale: float | None) -> Taps:
        if self.mode == "nearest":
            return nearest_taps(size, out, scale)
        taps = cubic_taps if self.mode == "bicubic" else linear_taps
        return taps(size, out, scale, bool(self.align_corners))

    def extra_repr(self) -> str:
        how = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode "nearest".   torch.nn.UpsamplingNearest2d

    x (N, C, H, W); size, scale_factor, gradient and errors as in Upsample.
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
    ):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode "bilinear" and align_corners=True.   torch.nn.UpsamplingBilinear2d

    x (N, C, H, W); size, scale_factor, gradient and errors as in Upsample.
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
    ):
        super().__init__(size, scale_factor, "bilinear", True)
