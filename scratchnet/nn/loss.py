"""Losses: modules of two inputs, forward(x, target) -> loss, backward(dout) -> (dx, dtarget)."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.loss import (
    cross_entropy_backward,
    cross_entropy_forward,
    half_squared_error_backward,
    half_squared_error_forward,
    mse_backward,
    mse_forward,
)


class _Loss(Module):
    """`backward` of a loss that is one number may be called without dout: it is 1, as in torch."""

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'reduction={reduction!r}: "mean", "sum" or "none" expected')
        self.reduction = reduction

    def keep_loss(self, out: np.ndarray, cache: Any) -> np.ndarray:
        self.keep((cache, out.shape, out.dtype))
        return out

    def kept_loss(self, dout: Any) -> tuple[Any, Any]:
        """(dout as an array, cache)"""
        cache, shape, dtype = self.kept()
        if dout is None and shape:
            raise ValueError(f"{type(self).__name__}: the losses have shape {shape}: backward needs dout in that shape")
        if dout is None or type(dout) in (int, float):
            dout = np.array(1 if dout is None else dout, dtype)
        check_dout(self, dout, shape, dtype)
        return dout, cache

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


def _check_same_shape(owner: object, x: np.ndarray, target: np.ndarray) -> None:
    check_dtype(owner, x=x, target=target)
    if x.shape != target.shape:
        raise ValueError(
            f"{type(owner).__name__}: x has shape {x.shape}, target {target.shape}; one shape expected: nothing is "
            "broadcast here, (N, 1) against (N,) would compare each sample with all others; try target.reshape(x.shape)"
        )


class HalfSquaredError(_Loss):
    """L = 1/2 * sum of (x - target)^2, the loss of the course note.   torch: 0.5 * MSELoss(reduction="sum")

    x and target of one shape -> a number. Gradient: dx = dout (x - target), dtarget = -dx.
    Raises ValueError for different shapes, TypeError for different dtypes.   Source: course note, section 1.
    """

    def __init__(self) -> None:
        super().__init__("sum")

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        _check_same_shape(self, x, target)
        return self.keep_loss(*half_squared_error_forward(x, target))

    def backward(self, dout: Any = None) -> tuple[np.ndarray, np.ndarray]:
        return half_squared_error_backward(*self.kept_loss(dout))

    def extra_repr(self) -> str:
        return ""


class MSELoss(_Loss):
    """L[n] = (x[n] - target[n])^2; reduction "mean" (over all elements), "sum" or "none".   torch.nn.MSELoss

    x and target of one shape -> a number, or for "none" that shape; the mean of nothing is NaN, as in torch.
    Gradient: dx = dout * 2 (x - target), for the mean divided by the number of elements, dtarget = -dx.
    Raises ValueError for different shapes (torch broadcasts and warns), TypeError for different dtypes.
    Source: Goodfellow, Bengio and Courville 2016, section 5.1.4.
    """

    def __init__(self, *, reduction: str = "mean"):
        super().__init__(reduction)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        _check_same_shape(self, x, target)
        return self.keep_loss(*mse_forward(x, target, self.reduction))

    def backward(self, dout: Any = None) -> tuple[np.ndarray, np.ndarray]:
        return mse_backward(*self.kept_loss(dout))


class CrossEntropyLoss(_Loss):
    """L[n] = -sum over c of weight[c] q[n,c] log softmax(x)[n,c].   torch.nn.CrossEntropyLoss

    x (N, C), (N, C, d1, ...) or (C,), no softmax before it. The target is one of
      class numbers 0 to C-1: integers (N,), (N, d1, ...) or (), q is 1 at that class and 0 elsewhere; the number
          ignore_index means no loss;
      probabilities: floats in the shape of x, q itself.
    label_smoothing e makes (1 - e) q + e / C of q. "mean" divides by the number of samples, for class numbers by the
    sum of the weights of the targets that count: NaN where there are none, as in torch.
    Gradient: dx = dout (softmax(x) - q) without weights, divided as the loss is; dtarget is None for class numbers.
    Raises ValueError for shapes that do not fit and a class number out of range (with ignore_index >= 0 for
    probabilities), TypeError for dtypes.   Source: Goodfellow et al. 2016, section 6.2; Szegedy et al. 2016, section 7.
    """

    weight: np.ndarray | None

    def __init__(
        self,
        weight: np.ndarray | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing={label_smoothing}: a number from 0 to 1 expected")
        if weight is not None:
            check_dtype(self, weight=weight)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, float(label_smoothing)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        if x.ndim == 0:
            raise ValueError("CrossEntropyLoss: x has shape (), (C,) or (N, C, ...) expected")
        axis = min(x.ndim - 1, 1)
        classes, samples = x.shape[axis], x.shape[:axis] + x.shape[axis + 1 :]
        if self.weight is not None and self.weight.shape != (classes,):
            raise ValueError(
                f"CrossEntropyLoss: weight has shape {self.weight.shape}, ({classes},) expected: one for each class of "
                f"x {x.shape}"
            )
        if isinstance(target, np.ndarray | np.generic) and target.dtype.kind in "iu":
            self._check_class_numbers(target, classes, samples)
        else:
            self._check_probabilities(x, target, samples)
        out, cache = cross_entropy_forward(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )  # fmt: skip
        return self.keep_loss(out, cache)

    def _check_class_numbers(self, target: np.ndarray, classes: int, samples: tuple[int, ...]) -> None:
        if target.shape != samples:
            raise ValueError(
                f"CrossEntropyLoss: target of class numbers has shape {target.shape}, {samples} expected: the shape of "
                "x without its class axis"
            )
        wrong = target[((target < 0) | (target >= classes)) & (target != self.ignore_index)]
        if wrong.size:
            raise ValueError(
                f"CrossEntropyLoss: class number {wrong[0]} in target, 0 to {classes - 1} expected (x has {classes} "
                f"classes), or ignore_index={self.ignore_index}"
            )

    def _check_probabilities(self, x: np.ndarray, target: np.ndarray, samples: tuple[int, ...]) -> None:
        check_dtype(self, x=x, target=target)
        if target.shape != x.shape:
            raise ValueError(
                f"CrossEntropyLoss: target of probabilities (it is {target.dtype}) has shape {target.shape}, {x.shape} "
                f"expected, as x; class numbers are integers of shape {samples}: target.astype(np.int64)"
            )
        if self.ignore_index >= 0:
            raise ValueError(
                f"CrossEntropyLoss: ignore_index={self.ignore_index} has no meaning for probabilities; leave it out"
            )

    def backward(self, dout: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
        return cross_entropy_backward(*self.kept_loss(dout))
