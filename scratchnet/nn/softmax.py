"""Softmax, Softmin, Softmax2d and LogSoftmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
    softmin_backward,
    softmin_forward,
)


class _Softmax(Module):
    pair: tuple[Callable[[np.ndarray, int], tuple[np.ndarray, Any]], Callable[[np.ndarray, Any], np.ndarray]]

    def __init__(self, dim: int | None = None):
        super().__init__()
        if dim is None:
            raise ValueError(
                f"{type(self).__name__} needs dim, the axis whose entries sum to 1: dim=1 for (N, classes); torch "
                "guesses a missing one, and warns"
            )
        if isinstance(dim, bool) or not isinstance(dim, int | np.integer):
            raise TypeError(f"{type(self).__name__}: dim={dim!r}, an integer expected")
        self.dim = int(dim)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape} and no axis dim={self.dim}")
        out, cache = self.pair[0](x, self.dim)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return self.pair[1](dout, cache)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Softmax):
    """out[c] = exp(x[c]) / sum over k of exp(x[k]) along axis `dim`; any shape, sums of 1.   torch.nn.Softmax

    Gradient: dx[c] = out[c] (dout[c] - sum over k of dout[k] out[k]). A row of nothing but -inf is NaN, as in torch.
    Raises ValueError where dim is missing (torch guesses it) or x has no such axis; TypeError for another dtype than
    float32 or float64.   Source: Bridle 1990.
    """

    pair = (softmax_forward, softmax_backward)


class Softmin(_Softmax):
    """out[c] = exp(-x[c]) / sum over k of exp(-x[k]) along axis `dim`: the softmax of -x.   torch.nn.Softmin

    Gradient: dx[c] = -out[c] (dout[c] - sum over k of dout[k] out[k]).   Raises as Softmax.
    """

    pair = (softmin_forward, softmin_backward)


class Softmax2d(_Softmax):
    """The softmax over the channels of an image, at each place: x (N, C, H, W) or (C, H, W).   torch.nn.Softmax2d

    out[n,c,h,w] = exp(x[n,c,h,w]) / sum over k of exp(x[n,k,h,w]); gradient as Softmax.
    Raises ValueError for another number of axes, TypeError for another dtype than float32 or float64.
    """

    pair = (softmax_forward, softmax_backward)

    def __init__(self) -> None:
        super().__init__(-3)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: x has shape {x.shape}, (N, C, H, W) or (C, H, W) expected")
        return super().forward(x)

    def extra_repr(self) -> str:
        return ""


class LogSoftmax(_Softmax):
    """out[c] = x[c] - log(sum over k of exp(x[k])) along axis `dim`; any shape.   torch.nn.LogSoftmax

    Finite where the softmax itself would round to 0. Gradient: dx[c] = dout[c] - exp(out[c]) * sum over k of dout[k].
    Raises as Softmax.   Source: Bridle 1990.
    """

    pair = (log_softmax_forward, log_softmax_backward)
