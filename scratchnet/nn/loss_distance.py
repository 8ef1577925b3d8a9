"""Losses of the distance between two arrays of one shape: absolute error, and the two that are squared near 0."""

from __future__ import annotations

import numpy as np

from scratchnet.nn.loss import Reduced, check_same_shape


class L1Loss(Reduced):
    """L[n] = |x[n] - target[n]|; reduction "mean" (over all elements), "sum" or "none".   torch.nn.L1Loss

    x and target of one shape -> a number, or for "none" that shape; the mean of nothing is NaN, as in torch.
    Gradient: dx = dout sign(x - target), 0 where they are equal, divided as the mean is; dtarget = -dx.
    Raises ValueError for different shapes (torch broadcasts and warns), TypeError for different dtypes.
    """

    def __init__(self, *, reduction: str = "mean"):
        super().__init__(reduction)

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        return self.losses(x, target)


class SmoothL1Loss(Reduced):
    """L = d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = x - target.   torch.nn.SmoothL1Loss

    Shapes and reduction as L1Loss, which it is for beta=0; beta=1 is HuberLoss(delta=1).
    Gradient: dx = dout d / beta where |d| < beta, else dout sign(d); dtarget = -dx.
    Raises ValueError for beta < 0 and for different shapes, TypeError for different dtypes.   Source: Girshick 2015.
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0):
        if not beta >= 0:
            raise ValueError(f"SmoothL1Loss: beta={beta}, a number of at least 0 expected")
        super().__init__(reduction, beta=float(beta))

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        return self.losses(x, target)


class HuberLoss(Reduced):
    """L = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = x - target.   torch.nn.HuberLoss

    Shapes and reduction as L1Loss. Gradient: dx = dout d, no lower than -delta and no higher than delta (times dout);
    dtarget = -dx.   Raises ValueError for delta <= 0 and for different shapes, TypeError for different dtypes.
    Source: Huber 1964.
    """

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0):
        if not delta > 0:
            raise ValueError(f"HuberLoss: delta={delta}, a number above 0 expected")
        super().__init__(reduction, delta=float(delta))

    def forward(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        check_same_shape(self, x, target)
        return self.losses(x, target)
