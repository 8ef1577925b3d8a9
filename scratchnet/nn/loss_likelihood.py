"""Losses that are a negative log-likelihood: of a coin, a distribution, a count, a measurement."""

from __future__ import annotations

import numpy as np

from scratchnet.checks import check_dtype
from scratchnet.nn.loss import Reduced, check_same_shape


class BCELoss(Reduced):
    """L = -weight (t log x + (1 - t) log(1 - x)), x a probability, log(0) counted as -100.   torch.nn.BCELoss

    x and target of one shape, 0 to 1; weight of a shape that broadcasts to theirs. reduction "mean" (over all
    elements), "sum" or "none".
    Gradient: dx = dout weight (x - t) / (x (1 - x)), dtarget = dout weight (log(1 - x) - log x), divided as the mean
    is.
    Raises ValueError for different shapes and for numbers outside of 0..1, TypeError for different dtypes.
    Source: Goodfellow, Bengio and Courville 2016, section 6.2.
    """

    weight: np.ndarray | None

    def __init__(self, weight: np.ndarray | None = None, *, reduction: str = "mean"):
        super().__init__(reduction)
        self.keep_weight("weight", weight)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        for name, array in (("x", x), ("target", target)):
            if not ((array >= 0) & (array <= 1)).all():
                raise ValueError(
                    f"BCELoss: {name} has numbers outside of 0..1, probabilities expected; for the scores before a "
                    "sigmoid take BCEWithLogitsLoss"
                )
        check_weight(self, "weight", self.weight, x)
        return self.losses(x, target, weight=self.weight)


class BCEWithLogitsLoss(Reduced):
    """L = -weight (pos_weight t log s + (1 - t) log(1 - s)), s = sigmoid(x).   torch.nn.BCEWithLogitsLoss

    x (scores, no sigmoid before it) and target of one shape; weight and pos_weight of shapes that broadcast to theirs.
    reduction "mean" (over all elements), "sum" or "none"; finite for every finite x.
    Gradient: dx = dout weight (s - t) without pos_weight, dtarget = -dout weight x, divided as the mean is.
    Raises ValueError for shapes that do not fit, TypeError for different dtypes.
    Source: Goodfellow, Bengio and Courville 2016, section 6.2.2.2.
    """

    weight: np.ndarray | None
    pos_weight: np.ndarray | None

    def __init__(
        self, weight: np.ndarray | None = None, *, reduction: str = "mean", pos_weight: np.ndarray | None = None
    ):
        super().__init__(reduction)
        self.keep_weight("weight", weight)
        self.keep_weight("pos_weight", pos_weight)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        check_weight(self, "weight", self.weight, x)
        check_weight(self, "pos_weight", self.pos_weight, x)
        return self.losses(x, target, weight=self.weight, pos_weight=self.pos_weight)


def check_weight(owner: object, name: str, weight: np.ndarray | None, x: np.ndarray) -> None:
    check_dtype(owner, x=x, **{name: weight})
    if weight is not None:
        try:
            fits = np.broadcast_shapes(weight.shape, x.shape) == x.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{type(owner).__name__}: {name} has shape {weight.shape}, one that broadcasts to x {x.shape} expected"
            )


class KLDivLoss(Reduced):
    """L = t (log t - x), x the logarithm of a probability.   torch.nn.KLDivLoss

    x and target of one shape; log_target=True: the target is log t. "batchmean" divides the sum by the size of the
    first axis, which makes it the Kullback-Leibler divergence of a batch; "mean" divides by the number of elements,
    "sum" and "none" do not divide.
    Gradient: dx = -dout t, dtarget = dout (log t + 1 - x), with log_target dout t (log t + 1 - x).
    Raises ValueError for different shapes (torch broadcasts), TypeError for different dtypes.
    Source: Kullback and Leibler 1951.
    """

    reductions = ("mean", "sum", "none", "batchmean")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False):
        super().__init__(reduction, log_target=bool(log_target))

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        if self.reduction == "batchmean" and x.ndim == 0:
            raise ValueError('KLDivLoss: x has shape (), (N, ...) expected: "batchmean" divides by N')
        return self.losses(x, target)


class PoissonNLLLoss(Reduced):
    """L = exp(x) - t x, with log_input=False x - t log(x + eps).   torch.nn.PoissonNLLLoss

    x the logarithm of the expected count, or the count itself, t the count that was seen, of one shape. full=True adds
    Stirling's approximation of log t!, t log t - t + log(2 pi t) / 2, where t > 1. reduction "mean", "sum" or "none".
    Gradient: dx = dout (exp(x) - t), or dout (1 - t / (x + eps)); dtarget = -dout x, or -dout log(x + eps), with full
    more by dout (log t + 1 / (2 t)) where t > 1.
    Raises ValueError for different shapes (torch broadcasts), TypeError for different dtypes.
    """

    def __init__(self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"):
        super().__init__(reduction, log_input=bool(log_input), full=bool(full), eps=float(eps))

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        return self.losses(x, target)


class GaussianNLLLoss(Reduced):
    """L = (log v + (x - target)^2 / v) / 2 with v = var, at least eps.   torch.nn.GaussianNLLLoss

    x and target of one shape (..., D); var of that shape, or (..., 1) or (...): one variance for each row. full=True
    adds log(2 pi) / 2. reduction "mean" (over all elements), "sum" or "none".
    Gradients: dx = dout (x - target) / v, dtarget = -dx, dvar = dout (1 / v - (x - target)^2 / v^2) / 2, summed over
    the elements that share it; where var < eps it is that of eps, as in torch.
    Raises ValueError for shapes that do not fit and a negative variance, TypeError for different dtypes.
    Source: Nix and Weigend 1994.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        if not eps > 0:
            raise ValueError(f"GaussianNLLLoss: eps={eps}, a number above 0 expected")
        super().__init__(reduction, full=bool(full), eps=float(eps))

    def forward(self, x: np.ndarray, target: np.ndarray, var: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        check_dtype(self, x=x, var=var)
        rows = x.shape[:-1]
        if var.shape not in ((x.shape, (*rows, 1), rows) if x.ndim else ((),)):
            raise ValueError(
                f"GaussianNLLLoss: var has shape {var.shape}, {x.shape} as x expected, or {(*rows, 1)} or {rows}"
            )
        if (var < 0).any():
            raise ValueError("GaussianNLLLoss: var has negative numbers, variances expected")
        return self.losses(x, target, var)
