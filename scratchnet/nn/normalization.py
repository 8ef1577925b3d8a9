"""Normalisation per channel, with running statistics: BatchNorm1d to 3d and InstanceNorm1d to 3d."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.normalization import moments, normalize_backward, normalize_forward, update_running

Shape = tuple[int, ...]
Statistics = tuple[np.ndarray, np.ndarray]


def check_eps(owner: object, eps: float) -> float:
    if not eps >= 0:
        raise ValueError(f"{type(owner).__name__}: eps={eps}, a small positive number such as 1e-5 expected")
    return eps


class Norm(Module):
    """What batch, instance, layer and group norm share: weight and bias, and x in a shape whose statistics axes stand
    apart."""

    eps: float

    def _set_affine(self, shape: Shape, weight: bool, bias: bool, dtype: Any) -> None:
        self.weight = Parameter(np.ones(shape, dtype)) if weight else None
        self.bias = Parameter(np.zeros(shape, dtype)) if bias else None

    def _normalize(self, x: np.ndarray, shape: Shape, affine_shape: Shape, statistics: Statistics, axes: Any) -> Any:
        """x as `shape`, weight and bias as `affine_shape`; `axes` as in normalize_backward."""
        w, b = (None if p is None else p.data.reshape(affine_shape) for p in (self.weight, self.bias))
        out, cache = normalize_forward(x.reshape(shape), *statistics, w, b, self.eps)
        self.keep((cache, axes, shape, x.shape, x.dtype))
        return out.reshape(x.shape)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, axes, seen, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        dx, dw, db = normalize_backward(dout.reshape(seen), cache, axes)
        if self.weight is not None:
            self.weight.add_grad(dw.reshape(self.weight.shape))
        if self.bias is not None:
            self.bias.add_grad(db.reshape(self.bias.shape))
        return dx.reshape(shape)


class _RunningNorm(Norm):
    """Batch and instance norm: statistics per channel, and running ones of the training for evaluation."""

    running_mean: np.ndarray | None
    running_var: np.ndarray | None
    num_batches_tracked: np.ndarray | None
    ndims: Shape  # the numbers of axes that x may have

    def _set_up(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, tracked: bool, dtype: Any
    ) -> None:
        if num_features < 1:
            raise ValueError(f"{type(self).__name__}: num_features={num_features}, the number of channels expected")
        self.num_features, self.momentum = num_features, momentum
        self.affine, self.track_running_stats = affine, tracked
        self.eps = check_eps(self, eps)
        self._set_affine((num_features,), affine, affine, dtype)
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0, np.int64) if tracked else None)

    def _check_input(self, x: np.ndarray, axes: tuple[Any, ...]) -> None:
        check_dtype(self, x=x, weight=self.weight, running_mean=self.running_mean)
        check_shape(self, "x", x, axes)

    def _check_count(self, count: int, x: np.ndarray, what: str) -> None:
        """Statistics need more than one value; 0 of them (an empty batch) is allowed, as in torch."""
        name = type(self).__name__
        if count == 1:
            raise ValueError(
                f"{name}: x has shape {x.shape}, one value per channel{what}: its variance is 0 and its output bias, "
                "whatever x is; use more values, or after training layer.eval(), which takes the running statistics"
            )
        if self.eps == 0:
            raise ValueError(f"{name}: eps=0.0: a channel of equal values would be divided by 0; use eps=1e-5")

    def _running(self, shape: Shape) -> Statistics | None:
        """What evaluation normalises with; None in training, and where nothing is tracked."""
        if self.training or self.running_mean is None or self.running_var is None:
            return None
        return self.running_mean.reshape(shape), self.running_var.reshape(shape)

    def _update(self, mean: np.ndarray, var: np.ndarray, count: int, momentum: float) -> None:
        """Running statistics keep the UNBIASED variance, though x is normalised with the biased one."""
        if self.running_mean is not None and self.running_var is not None:
            update_running(self.running_mean, mean, momentum)
            update_running(self.running_var, var * (count / (count - 1)), momentum)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float32,
    ):
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        sizes = ("D", "H", "W")[5 - max(self.ndims) :]
        self._check_input(x, ("N", self.num_features, *(sizes if x.ndim != 2 or 2 not in self.ndims else ())))
        axes, per_channel = (0, *range(2, x.ndim)), (self.num_features, *(1,) * (x.ndim - 2))
        if (running := self._running(per_channel)) is not None:
            return self._normalize(x, x.shape, per_channel, running, ())
        count = x.size // self.num_features
        self._check_count(count, x, "")
        mean, var = moments(x, axes)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            if x.size:
                momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
                self._update(mean.reshape(-1), var.reshape(-1), count, momentum)
        return self._normalize(x, x.shape, per_channel, (mean, var), axes)


class BatchNorm1d(_BatchNorm):
    """Batch norm of features: x (N, C) or (N, C, L), each channel over N and L.   torch.nn.BatchNorm1d; see
    BatchNorm2d."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """out = weight[c] * (x - mean[c]) / sqrt(var[c] + eps) + bias[c], mean and var over N, H, W.   torch.nn.BatchNorm2d

    x (N, num_features, H, W) -> the same shape; weight and bias (num_features,), absent with affine=False.
    Training takes mean and (biased) var from x, and moves the buffers running_mean and running_var to them:
    running = (1 - momentum) * running + momentum * new, with the unbiased var; momentum=None weighs all batches alike,
    by num_batches_tracked. Evaluation takes the running ones, or with track_running_stats=False those of x as well.
    Gradients, g = weight * dout: dx = (g - mean(g) - xh mean(g xh)) / sqrt(var + eps) in training, g / sqrt(var + eps)
    with running statistics; dweight = sum dout xh, dbias = sum dout.
    Raises ValueError for a wrong shape, and where a channel has one value to take statistics from (a batch of one after
    the last pooling); TypeError for mixed dtypes.   Source: Ioffe and Szegedy 2015.
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of volumes: x (N, C, D, H, W), each channel over N, D, H, W.   torch.nn.BatchNorm3d; see
    BatchNorm2d."""

    ndims = (5,)


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = np.float32,
    ):
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        batched = max(self.ndims)
        sizes = ("D", "H", "W")[5 - batched :]
        self._check_input(x, (*(() if x.ndim == batched - 1 else ("N",)), self.num_features, *sizes))
        shape = x.shape if x.ndim == batched else (1, *x.shape)
        axes, per_channel = tuple(range(2, batched)), (self.num_features, *(1,) * len(sizes))
        if (running := self._running(per_channel)) is not None:
            return self._normalize(x, shape, per_channel, running, ())
        count = prod(shape[2:])
        self._check_count(count, x, " and image")
        mean, var = moments(x.reshape(shape), axes)
        if self.training and x.size:
            self._update(mean.mean(axis=0).reshape(-1), var.mean(axis=0).reshape(-1), count, self.momentum or 0.0)
        return self._normalize(x, shape, per_channel, (mean, var), axes)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of sequences: x (N, C, L) or (C, L).   torch.nn.InstanceNorm1d; see InstanceNorm2d."""

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image by its own mean and var over H, W.   torch.nn.InstanceNorm2d

    x (N, num_features, H, W) or (num_features, H, W) -> the same shape; formulas and buffers as BatchNorm2d. By default
    there is neither affine nor track_running_stats, and evaluation is the same as training. Running statistics are the
    means over N of the images' own; num_batches_tracked stays 0, and momentum=None means 0 (as in torch).
    Raises ValueError for a wrong shape (another number of channels too, which torch lets pass without affine), and
    where an image has one value per channel.   Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of volumes: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.InstanceNorm3d; see InstanceNorm2d."""

    ndims = (4, 5)
