"""Normalisation per sample, the same in training and evaluation: LayerNorm, GroupNorm, RMSNorm, LocalResponseNorm."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn.module import Module, Parameter
from scratchnet.nn.normalization import Norm, check_eps
from scratchnet.ops.normalization import (
    local_response_norm_backward,
    local_response_norm_forward,
    moments,
    rms_norm_backward,
    rms_norm_forward,
)

Shape = tuple[int, ...]


def _normalized_shape(owner: Module, given: Any) -> Shape:
    shape = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not shape or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0 for n in shape):
        raise ValueError(
            f"{type(owner).__name__}: normalized_shape={given!r}, the sizes of x's last axes expected: 64 or (8, 8)"
        )
    return tuple(int(n) for n in shape)


def _check_trailing(owner: Module, x: np.ndarray, shape: Shape) -> None:
    if x.shape[max(x.ndim - len(shape), 0) :] != shape:
        wanted = ", ".join(map(str, shape))
        raise ValueError(
            f"{type(owner).__name__}: x has shape {x.shape}, (..., {wanted}) expected: it ends in normalized_shape"
        )


class LayerNorm(Norm):
    """out = weight * (x - mean) / sqrt(var + eps) + bias, mean and var over the last axes.   torch.nn.LayerNorm

    x (..., *normalized_shape) -> the same shape; weight and bias (*normalized_shape): without elementwise_affine
    neither, with bias=False only weight. Each sample has its own statistics, so training and evaluation are the same.
    Gradients, g = weight * dout: dx = (g - mean(g) - xh mean(g xh)) / sqrt(var + eps), dweight = sum dout xh over the
    leading axes, dbias = sum dout.
    Raises ValueError where the last axes of x are not normalized_shape.   Source: Ba, Kiros and Hinton 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Shape,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ):
        super().__init__()
        self.normalized_shape = _normalized_shape(self, normalized_shape)
        self.elementwise_affine = elementwise_affine
        self.eps = check_eps(self, eps)
        self._set_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        _check_trailing(self, x, self.normalized_shape)
        axes = tuple(range(x.ndim - len(self.normalized_shape), x.ndim))
        return self._normalize(x, x.shape, self.normalized_shape, moments(x, axes), axes)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Norm):
    """Each image's channels in num_groups blocks, each block by its own mean and var.   torch.nn.GroupNorm

    x (N, num_channels, ...) -> the same shape; weight and bias (num_channels,), absent with affine=False. One group is
    layer norm over (C, H, W), as many groups as channels is instance norm. Training and evaluation are the same.
    Gradients as LayerNorm, the means over a block; dweight and dbias are summed over N and the sizes.
    Raises ValueError where num_groups does not divide num_channels, for a wrong shape, and for one image with one value
    per block.   Source: Wu and He 2018.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = np.float32
    ):
        super().__init__()
        if num_groups < 1 or num_channels < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups, self.num_channels, self.affine = num_groups, num_channels, affine
        self.eps = check_eps(self, eps)
        self._set_affine((num_channels,), affine, affine, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        sizes = x.shape[2:]
        check_shape(self, "x", x, ("N", self.num_channels, *sizes) if x.ndim > 1 else ("N", self.num_channels, "..."))
        block = self.num_channels // self.num_groups
        if len(x) == 1 and block * prod(sizes) == 1:
            raise ValueError(
                f"GroupNorm: x has shape {x.shape}, one value per group: its output would be the bias, whatever x is; "
                f"num_groups={self.num_groups} must be less than the {self.num_channels} channels here"
            )
        shape = (len(x), self.num_groups, block, *sizes)
        axes, per_channel = tuple(range(2, len(shape))), (self.num_groups, block, *(1,) * len(sizes))
        return self._normalize(x, shape, per_channel, moments(x.reshape(shape), axes), axes)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class RMSNorm(Module):
    """out = weight * x / sqrt(mean(x^2) + eps), the mean over the last axes.   torch.nn.RMSNorm

    x (..., *normalized_shape) -> the same shape; weight (*normalized_shape), absent without elementwise_affine.
    eps=None is the distance from 1 to the next number of x's dtype (1.2e-7 in float32, 2.2e-16 in float64).
    Gradients, g = weight * dout, xh = x / sqrt(...): dx = (g - xh mean(g xh)) / sqrt(...), dweight = sum dout xh.
    Raises ValueError where the last axes of x are not normalized_shape.   Source: Zhang and Sennrich 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Shape,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ):
        super().__init__()
        self.normalized_shape = _normalized_shape(self, normalized_shape)
        self.eps = None if eps is None else check_eps(self, eps)
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(np.ones(self.normalized_shape, dtype)) if elementwise_affine else None

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        _check_trailing(self, x, self.normalized_shape)
        eps = float(np.finfo(x.dtype).eps) if self.eps is None else self.eps
        axes = tuple(range(x.ndim - len(self.normalized_shape), x.ndim))
        out, cache = rms_norm_forward(x, None if self.weight is None else self.weight.data, axes, eps)
        self.keep((cache, axes, x.shape, x.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, axes, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        dx, dw = rms_norm_backward(dout, cache, axes)
        if self.weight is not None and dw is not None:
            self.weight.add_grad(dw)
        return dx

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """out[c] = x[c] / (k + alpha/size * sum of x[c']^2 over `size` channels around c)^beta.   torch's LocalResponseNorm

    x (N, C, sizes...) of 3 axes or more -> the same shape. The window of c is c - size//2 to c + (size-1)//2, cut off
    at the first and last channel; size divides always. AlexNet has size 5, alpha 1e-4, beta 0.75, k 2 (and does not
    divide alpha by size). Gradient: of x[c] in its numerator, and in every window that holds c.
    Raises ValueError for fewer than 3 axes and for size < 1.   Source: Krizhevsky, Sutskever and Hinton 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"LocalResponseNorm: size={size!r}, a number of channels, at least 1, expected")
        self.size, self.alpha, self.beta, self.k = int(size), alpha, beta, k

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim < 3:
            raise ValueError(f"LocalResponseNorm: x has shape {x.shape}, (N, C, sizes...) of 3 axes or more expected")
        out, cache = local_response_norm_forward(x, self.size, self.alpha, self.beta, self.k)
        self.keep((cache, x.shape, x.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return local_response_norm_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
