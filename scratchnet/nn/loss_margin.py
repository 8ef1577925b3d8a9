"""Losses that ask for a margin: no loss where the right answer is ahead by enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchnet.checks import check_dtype
from scratchnet.nn.distance import PairwiseDistance
from scratchnet.nn.loss import Reduced, _Loss, check_class_numbers, check_same_shape
from scratchnet.nn.loss_likelihood import check_weight
from scratchnet.nn.module import Module
from scratchnet.ops.loss import reduce, share


class MultiMarginLoss(Reduced):
    """L = weight[t] / C * sum over c other than t of max(0, margin - x[t] + x[c])^p.   torch.nn.MultiMarginLoss

    x (N, C) or (C,) scores, target class numbers (N,) or (), weight (C,); the multiclass hinge of a linear SVM, divided
    by C. reduction "mean" (over N), "sum" or "none".
    Gradient: dx[c] = dout weight[t] / C * p max(0, ...)^(p - 1), dx[t] minus the sum of these; dtarget is None.
    Raises ValueError for another p than 1 or 2, shapes that do not fit and a class number out of range, TypeError for
    dtypes.   Source: Crammer and Singer 2001.
    """

    weight: np.ndarray | None

    def __init__(self, p: int = 1, margin: float = 1.0, weight: np.ndarray | None = None, *, reduction: str = "mean"):
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p={p}, 1 or 2 expected")
        super().__init__(reduction, p=int(p), margin=float(margin))
        self.keep_weight("weight", weight)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        check_rows(self, x)
        if self.weight is not None and self.weight.shape != x.shape[-1:]:
            raise ValueError(
                f"MultiMarginLoss: weight has shape {self.weight.shape}, ({x.shape[-1]},) expected: one for each class"
            )
        check_class_numbers(self, target, x.shape[-1], x.shape[:-1], None)
        return self.losses(x, target, weight=self.weight)


class MultiLabelMarginLoss(Reduced):
    """L = 1 / C * sum over wanted classes t and the other classes c of max(0, 1 - x[t] + x[c]).
    torch.nn.MultiLabelMarginLoss

    x (N, C) or (C,) scores; target integers in the shape of x: each row lists the wanted classes and ends at the first
    -1. reduction "mean" (over N), "sum" or "none".
    Gradient: dx[c] = dout / C for each t with max(0, ...) > 0, dx[t] minus that for each such c; dtarget is None.
    Raises ValueError for shapes that do not fit and a class number out of range, TypeError for dtypes.
    """

    def __init__(self, *, reduction: str = "mean"):
        super().__init__(reduction)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        check_rows(self, x)
        check_class_numbers(self, target, x.shape[-1], x.shape, -1)
        return self.losses(x, target)


class MultiLabelSoftMarginLoss(Reduced):
    """L = -1 / C * sum over c of weight[c] (t[c] log s[c] + (1 - t[c]) log(1 - s[c])), s = sigmoid(x).
    torch.nn.MultiLabelSoftMarginLoss

    x and target (..., C), weight (C,): the mean of BCEWithLogitsLoss over the classes of a sample. reduction "mean"
    (over the samples), "sum" or "none".
    Gradient: dx = dout weight (s - t) / C, dtarget = -dout weight x / C.
    Raises ValueError for shapes that do not fit, TypeError for different dtypes.
    """

    weight: np.ndarray | None

    def __init__(self, weight: np.ndarray | None = None, *, reduction: str = "mean"):
        super().__init__(reduction)
        self.keep_weight("weight", weight)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        if x.ndim == 0:
            raise ValueError("MultiLabelSoftMarginLoss: x has shape (), (..., C) expected")
        check_weight(self, "weight", self.weight, x)
        return self.losses(x, target, weight=self.weight)


class SoftMarginLoss(Reduced):
    """L = log(1 + exp(-y x)), y = target 1 or -1, element by element.   torch.nn.SoftMarginLoss

    x and target of one shape; target integers, or floats of x's dtype. reduction "mean" (over all elements), "sum" or
    "none". Gradient: dx = -dout y sigmoid(-y x); the target is a label and has none (None).
    Raises ValueError for different shapes and other labels, TypeError for dtypes.
    """

    def __init__(self, *, reduction: str = "mean"):
        super().__init__(reduction)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        return self.losses(x, labels(self, target, x, x.shape))


class HingeEmbeddingLoss(Reduced):
    """L = x where y = 1, max(0, margin - x) where y = -1, y = target.   torch.nn.HingeEmbeddingLoss

    x a distance: small where y = 1 says that two things belong together. Shapes, labels, reduction as SoftMarginLoss.
    Gradient: dx = dout where y = 1, -dout where y = -1 and x <= margin, else 0; dtarget is None.
    Raises ValueError for different shapes and other labels, TypeError for dtypes.
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean"):
        super().__init__(reduction, margin=float(margin))

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        return self.losses(x, labels(self, target, x, x.shape))


class MarginRankingLoss(Reduced):
    """L = max(0, -y (x1 - x2) + margin), y = target: 1 where x1 should be ahead, -1 where x2.
    torch.nn.MarginRankingLoss

    x1, x2 and target of one shape; labels and reduction as SoftMarginLoss.
    Gradients: dx1 = -dout y where -y (x1 - x2) + margin >= 0, else 0; dx2 = -dx1; dtarget is None.
    Raises ValueError for different shapes and other labels, TypeError for dtypes.
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean"):
        super().__init__(reduction, margin=float(margin))

    def forward(self, x1: np.ndarray, x2: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shapes(self, x1=x1, x2=x2)
        return self.losses(x1, x2, labels(self, target, x1, x1.shape))


class CosineEmbeddingLoss(Reduced):
    """L = 1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1, y = target.
    torch.nn.CosineEmbeddingLoss

    x1 and x2 (N, D) or (D,), target (N,) or (); labels and reduction as SoftMarginLoss. cos(x1, x2) = x1 . x2 /
    sqrt((|x1|^2 + 1e-12) (|x2|^2 + 1e-12)).
    Gradients: dcos/dx1 = x2 / (|x1| |x2|) - cos x1 / |x1|^2, dcos/dx2 the same with both exchanged; dtarget is None.
    Raises ValueError for shapes that do not fit and other labels, TypeError for dtypes.
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean"):
        super().__init__(reduction, margin=float(margin))

    def forward(self, x1: np.ndarray, x2: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shapes(self, x1=x1, x2=x2)
        check_rows(self, x1)
        return self.losses(x1, x2, labels(self, target, x1, x1.shape[:-1]))


class TripletMarginLoss(Reduced):
    """L = max(0, |a - p| - |a - n| + margin): the anchor a should be nearer to the positive p than to the negative n.
    torch.nn.TripletMarginLoss

    anchor, positive, negative (..., D); |v| = (sum over d of |v[d] + eps|^p)^(1/p), p = 1, 2, any number above 0 or
    inf. swap=True takes the smaller of |a - n| and |p - n|. reduction "mean" (over the samples), "sum" or "none".
    Gradients: those of |a - p| less those of |a - n|, where the maximum is not the 0.
    Raises ValueError for margin <= 0, p <= 0 and different shapes, TypeError for different dtypes.
    Source: Balntas et al. 2016.
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ):
        check_margin(self, margin)
        if not p > 0:
            raise ValueError(f"TripletMarginLoss: p={p}, a number above 0 (or math.inf) expected: a norm")
        super().__init__(reduction, margin=float(margin), norm=float(p), eps=float(eps), swap=bool(swap))

    def forward(self, anchor: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        check_same_shapes(self, anchor=anchor, positive=positive, negative=negative)
        if anchor.ndim == 0 or anchor.shape[-1] == 0:
            raise ValueError(f"TripletMarginLoss: anchor has shape {anchor.shape}, (..., D) with D >= 1 expected")
        return self.losses(anchor, positive, negative)


class TripletMarginWithDistanceLoss(_Loss):
    """L = max(0, d(a, p) - d(a, n) + margin) with a distance d of one's own.   torch.nn.TripletMarginWithDistanceLoss

    anchor, positive, negative (..., D); distance_function: a Module of two inputs that gives one distance for each pair
    of rows, None: PairwiseDistance(), the Euclidean one. swap=True takes the smaller of d(a, n) and d(p, n).
    reduction "mean" (over the samples), "sum" or "none".
    Gradients: those of d(a, p) less those of d(a, n), by the backward of the distance.
    Raises ValueError for margin <= 0 and different shapes, TypeError for different dtypes and a distance_function that
    is no Module.
    Source: Balntas et al. 2016.
    """

    def __init__(
        self,
        *,
        distance_function: Module | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        check_margin(self, margin)
        super().__init__(reduction)
        if distance_function is not None and not isinstance(distance_function, Module):
            raise TypeError(
                f"TripletMarginWithDistanceLoss: distance_function is a {type(distance_function).__name__}, a Module "
                "of two inputs expected: its backward is needed"
            )
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = float(margin), bool(swap)

    def forward(self, anchor: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        check_same_shapes(self, anchor=anchor, positive=positive, negative=negative)
        near, far = self.distance_function(anchor, positive), self.distance_function(anchor, negative)
        cross = self.distance_function(positive, negative) if self.swap else None
        least = far if cross is None else np.minimum(far, cross)
        z = near - least + self.margin
        first = np.ones_like(far) if cross is None else np.where(far == cross, 0.5, far < cross).astype(far.dtype)
        losses = np.maximum(z, 0)
        return self.keep_loss(
            reduce(losses, losses.dtype.type(losses.size), self.reduction), (z >= 0, first, losses.size)
        )

    def backward(self, dout: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dout, (counts, first, size) = self.kept_loss(dout)
        d = np.where(counts, share(dout, first.dtype.type(size), self.reduction), 0)
        cross = self.distance_function.backward(-d * (1 - first)) if self.swap else (0, 0)  # the last call comes first
        far = self.distance_function.backward(-d * first)
        near = self.distance_function.backward(d)
        return near[0] + far[0], near[1] + cross[0], far[1] + cross[1]

    def extra_repr(self) -> str:
        return f"margin={self.margin}, swap={self.swap}, reduction={self.reduction!r}"


def check_rows(owner: object, x: np.ndarray) -> None:
    if x.ndim not in (1, 2) or x.shape[-1] == 0:
        raise ValueError(f"{type(owner).__name__}: input of shape {x.shape}, (N, C) or (C,) with C >= 1 expected")


def check_same_shapes(owner: object, **arrays: np.ndarray) -> None:
    check_dtype(owner, **arrays)
    if len({array.shape for array in arrays.values()}) > 1:
        listed = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{type(owner).__name__}: {listed}; one shape expected, nothing is broadcast here")


def check_margin(owner: object, margin: float) -> None:
    if not 0 < margin < math.inf:
        raise ValueError(f"{type(owner).__name__}: margin={margin}, a number above 0 expected")


def labels(owner: object, target: np.ndarray, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The labels 1 and -1 of `target` in the dtype of x."""
    layer = type(owner).__name__
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iuf":
        raise TypeError(f"{layer}: target is a {type(target).__name__}, an array of labels 1 and -1 expected")
    if target.shape != shape:
        raise ValueError(f"{layer}: target has shape {target.shape}, {shape} expected: one label each")
    other = target[(target != 1) & (target != -1)]
    if other.size:
        raise ValueError(
            f"{layer}: label {other[0]} in target, 1 or -1 expected; of 0 and 1 make them by 2 * target - 1"
        )
    return target.astype(x.dtype)
