"""Losses: modules of two inputs, forward(x, target) -> loss, backward(dout) -> (dx, dtarget).

Here are the squared errors and the losses of class numbers; the others stand in loss_distance.py, loss_likelihood.py,
loss_margin.py and loss_ctc.py, as in ops.
"""

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
    loss_backward,
    loss_forward,
    mse_backward,
    mse_forward,
    nll_backward,
    nll_forward,
)


class _Loss(Module):
    """`backward` of a loss that is one number may be called without dout: it is 1, as in torch."""

    reductions: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        if reduction not in self.reductions:
            expected = ", ".join(f'"{name}"' for name in self.reductions[:-1]) + f' or "{self.reductions[-1]}"'
            raise ValueError(f"reduction={reduction!r}: {expected} expected")
        self.reduction = reduction

    def keep_weight(self, name: str, weight: np.ndarray | None) -> None:
        """A weight is a buffer: it is part of the state, and not learned."""
        if weight is not None:
            check_dtype(self, **{name: weight})
        self.register_buffer(name, weight)

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


class Reduced(_Loss):
    """A loss whose pair in ops has the class's name; `settings` are the keywords of both of the pair's functions."""

    def __init__(self, reduction: str = "mean", **settings: Any):
        super().__init__(reduction)
        self.settings = settings

    def losses(self, *inputs: np.ndarray, **weights: np.ndarray | None) -> np.ndarray:
        """Forward, after the inputs were checked."""
        name = type(self).__name__
        return self.keep_loss(*loss_forward(name, inputs, self.reduction, **self.settings, **weights))

    def backward(self, dout: Any = None) -> tuple[np.ndarray | None, ...]:
        return loss_backward(*self.kept_loss(dout))

    def extra_repr(self) -> str:
        settings = {**self.settings, "reduction": self.reduction}
        return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def check_same_shape(owner: object, x: np.ndarray, target: np.ndarray) -> None:
    check_dtype(owner, x=x, target=target)
    if x.shape != target.shape:
        raise ValueError(
            f"{type(owner).__name__}: x has shape {x.shape}, target {target.shape}; one shape expected: nothing is "
            "broadcast here, (N, 1) against (N,) would compare each sample with all others; try target.reshape(x.shape)"
        )


def check_classes(owner: object, x: np.ndarray, weight: np.ndarray | None) -> tuple[int, tuple[int, ...]]:
    """(number of classes, shape of the samples) of x (C,) or (N, C, ...); weight (C,) must fit."""
    check_dtype(owner, x=x, weight=weight)
    layer = type(owner).__name__
    if x.ndim == 0:
        raise ValueError(f"{layer}: x has shape (), (C,) or (N, C, ...) expected")
    axis = min(x.ndim - 1, 1)
    classes, samples = x.shape[axis], x.shape[:axis] + x.shape[axis + 1 :]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"{layer}: weight has shape {weight.shape}, ({classes},) expected: one for each class of x {x.shape}"
        )
    return classes, samples


def check_class_numbers(
    owner: object, target: np.ndarray, classes: int, samples: tuple[int, ...], ignore_index: int | None
) -> None:
    layer = type(owner).__name__
    if not isinstance(target, np.ndarray | np.generic) or target.dtype.kind not in "iu":
        given = getattr(target, "dtype", type(target).__name__)
        raise TypeError(f"{layer}: target is {given}, class numbers expected: integers; target.astype(np.int64)")
    if target.shape != samples:
        raise ValueError(
            f"{layer}: target of class numbers has shape {target.shape}, {samples} expected: the shape of x without "
            "its class axis"
        )
    wrong = target[((target < 0) | (target >= classes)) & (target != ignore_index)]
    if wrong.size:
        ignored = "" if ignore_index is None else f", or ignore_index={ignore_index}"
        raise ValueError(
            f"{layer}: class number {wrong[0]} in target, 0 to {classes - 1} expected (x has {classes} classes)"
            + ignored
        )


class HalfSquaredError(_Loss):
    """L = 1/2 * sum of (x - target)^2, the loss of the course note.   torch: 0.5 * MSELoss(reduction="sum")

    x and target of one shape -> a number. Gradient: dx = dout (x - target), dtarget = -dx.
    Raises ValueError for different shapes, TypeError for different dtypes.   Source: course note, section 1.
    """

    def __init__(self) -> None:
        super().__init__("sum")

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
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
        check_same_shape(self, x, target)
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
        self.keep_weight("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, float(label_smoothing)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        classes, samples = check_classes(self, x, self.weight)
        if isinstance(target, np.ndarray | np.generic) and target.dtype.kind in "iu":
            check_class_numbers(self, target, classes, samples, self.ignore_index)
        else:
            self._check_probabilities(x, target, samples)
        out, cache = cross_entropy_forward(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )  # fmt: skip
        return self.keep_loss(out, cache)

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


class NLLLoss(_Loss):
    """L[n] = -weight[t] x[n,t], x the logarithms of probabilities, t = target[n].   torch.nn.NLLLoss

    x (N, C), (N, C, d1, ...) or (C,), from a LogSoftmax; target: class numbers 0 to C-1, integers in the shape of x
    without C, the number ignore_index means no loss; weight (C,). "mean" divides by the sum of the weights of the
    targets that count: NaN where there are none, as in torch.
    Gradient: dx[n,t] = -dout weight[t], divided as the loss is, 0 for the other classes; dtarget is None.
    Raises ValueError for shapes that do not fit and a class number out of range, TypeError for dtypes.
    Source: Goodfellow, Bengio and Courville 2016, section 6.2.
    """

    weight: np.ndarray | None

    def __init__(self, weight: np.ndarray | None = None, *, ignore_index: int = -100, reduction: str = "mean"):
        super().__init__(reduction)
        self.keep_weight("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        classes, samples = check_classes(self, x, self.weight)
        check_class_numbers(self, target, classes, samples, self.ignore_index)
        return self.keep_loss(*nll_forward(x, target, self.weight, self.ignore_index, self.reduction))

    def backward(self, dout: Any = None) -> tuple[np.ndarray, None]:
        return nll_backward(*self.kept_loss(dout))
