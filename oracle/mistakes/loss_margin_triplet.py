# ruff: noqa: E501  an edit stands on one line
"""TripletMarginLoss and TripletMarginWithDistanceLoss, whose distance is the Euclidean one: the kernels, and what
people get wrong in them.

L = max(0, |A - P| - |A - N| + m) for an anchor A, a positive P and a negative N; swap takes the smaller of |A - N| and
|P - N|. With g(x, y) the gradient of |x - y| in x, where L is not 0:

    dA = g(A, P) - g(A, N);   dP = -g(A, P);   dN = g(A, N)
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.mistakes.loss_margin_shared import (
    ROWS,
    hinge,
    margins,
    per_row,
    prepare_rows,
    row_means,
    squared,
    step,
)
from oracle.mistakes.loss_shared import directions, in_all, reductions
from oracle.subjects import Call

# ---- the kernels. k: margin, p, eps, swap, reduction, D


def out(x, positive, negative, k):
    near, far = distance(x, positive, k), distance(x, negative, k)
    if k.swap:
        far = np.minimum(far, distance(positive, negative, k))
    z = near - far + k.margin
    each = np.maximum(z, 0)
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, positive, negative, dout, k):
    near, far, first = distance(x, positive, k), distance(x, negative, k), 1.0
    if k.swap:
        far, first = smaller(far, distance(positive, negative, k))
    z = near - far + k.margin
    dout, counts = per_row(dout), per_row(step(z))
    return dout * counts * (slope(x, positive, k) - first * slope(x, negative, k)) / k.D


def dpositive(x, positive, negative, dout, k):
    near, far, first = distance(x, positive, k), distance(x, negative, k), 1.0
    if k.swap:
        far, first = smaller(far, distance(positive, negative, k))
    z = near - far + k.margin
    dout, counts = per_row(dout), per_row(step(z))
    return dout * counts * (-slope(x, positive, k) - (1 - first) * slope(positive, negative, k)) / k.D


def dnegative(x, positive, negative, dout, k):
    near, far, first = distance(x, positive, k), distance(x, negative, k), 1.0
    if k.swap:
        far, first = smaller(far, distance(positive, negative, k))
    z = near - far + k.margin
    dout, counts = per_row(dout), per_row(step(z))
    return dout * counts * (first * slope(x, negative, k) + (1 - first) * slope(positive, negative, k)) / k.D


def distance(x, y, k):
    size = np.abs(x - y + k.eps)
    return size.max(axis=-1) if k.p == np.inf else (size**k.p).sum(axis=-1) ** (1 / k.p)


def slope(x, y, k):
    """The gradient of distance(x, y) in x; that in y is its negative."""
    d = x - y + k.eps
    n = distance(x, y, k)[..., None]
    if k.p == np.inf:
        return np.sign(d) * (np.abs(d) == n) / (np.abs(d) == n).sum(axis=-1, keepdims=True)
    return np.sign(d) * (np.abs(d) / n) ** (k.p - 1)


def smaller(far, cross):
    """(the smaller one, the part of it that is `far`: half where they are equal)"""
    return np.minimum(far, cross), np.where(far == cross, 0.5, far < cross)[..., None]


def larger(far, cross):
    return np.maximum(far, cross), np.where(far == cross, 0.5, far > cross)[..., None]


def squared_distance(x, y, k):
    return ((x - y) ** 2).sum(axis=-1)


def squared_slope(x, y, k):
    return 2 * (x - y)


def changed(k, **settings):
    return SimpleNamespace(**{**vars(k), **settings})


def prepare(call: Call) -> SimpleNamespace:
    """The loss with a distance of one's own has no p and eps: by default it takes those of PairwiseDistance."""
    return SimpleNamespace(**{"p": 2.0, "eps": 1e-6, **vars(prepare_rows(call))})


# ---- the mistakes


def _swaps(facts: Facts) -> bool:
    return facts["swap"]


def _with(settings: str) -> tuple[str, str]:
    return ("    near, far", f"    k = changed(k, {settings})\n    near, far")


_GRADIENTS = ("dx", "dpositive", "dnegative")
_ALL = ("out", *_GRADIENTS)
_EXCHANGED = ("near - far + k.margin", "far - near + k.margin")
_GRADIENT = "dA = g(A, P) - g(A, N), dP = -g(A, P), dN = g(A, N), with g(x, y) the gradient of |x - y| in x"

MISTAKES = (
    *directions("L = max(0, |A - P| - |A - N| + m)", _GRADIENT, _GRADIENTS),
    *reductions(_GRADIENTS, ROWS),
    *row_means(_GRADIENTS),
    *hinge(_GRADIENTS),
    *margins(_GRADIENTS, "1.0"),
    *squared(_GRADIENTS),
    Mistake(
        "positive-and-negative-exchanged",
        {"out": ((_EXCHANGED,),), **dict.fromkeys(_GRADIENTS, ((_EXCHANGED,), (_EXCHANGED, ("dout * counts", "-dout * counts"))))},
        "always",
        "the positive and the negative are exchanged: the anchor should be nearer to the positive",
        "max(0, |A - P| - |A - N| + m)",
    ),
    Mistake(
        "squared-distances",
        {"out": ((("distance(", "squared_distance("),),),
         **{name: ((("distance(", "squared_distance("), ("slope(", "squared_slope(")), (("slope(", "squared_slope("),)) for name in _GRADIENTS}},
        "always",
        "the squares of the distances are taken, as in the paper of FaceNet; torch takes the distances themselves",
        "|x - y| = (sum of |x - y|^p)^(1/p), whose gradient in x is (x - y) / |x - y| for p = 2",
    ),
    Mistake(
        "eps-missing",
        in_all(_ALL, _with("eps=0.0")),
        "always",
        "torch adds eps to each difference before the norm is taken",
        "|x - y + eps|",
    ),
    Mistake(
        "p-ignored",
        in_all(_ALL, _with("p=2.0"), _with("p=1.0")),
        "p is not the one that is built in",
        "p has no effect: the Euclidean distance is always taken, or the sum of the differences",
        "(sum of |x - y + eps|^p)^(1/p)",
    ),
    Mistake(
        "swap-ignored",
        in_all(_ALL, _with("swap=False"), _with("swap=True")),
        "swap is not the one that is built in",
        "swap has no effect: the distance of the positive and the negative is never looked at, or always",
        "min(|A - N|, |P - N|) for swap = true",
    ),
    Mistake(
        "swap-takes-larger",
        {
            "out": ((("np.minimum(", "np.maximum("),),),
            **in_all(_GRADIENTS, ("smaller(", "larger(")),
        },
        "swap = true",
        "the larger of the two distances to the negative is taken: swap takes the smaller, which is harder to push away",
        "min(|A - N|, |P - N|)",
        _swaps,
    ),
    Mistake(
        "swap-path-missing",
        in_all(_GRADIENTS, ("    dout, counts", "    first = 1.0\n    dout, counts")),
        "swap = true",
        "where |P - N| is the smaller one, the gradient is still that of |A - N|",
        "dP and dN from |P - N| where it was taken, and nothing of it for dA",
        _swaps,
    ),
    Mistake(
        "one-distance-missing",
        {"dx": (((" - first * slope(x, negative, k)", ""),), (("slope(x, positive, k) - ", "-"),), (("k) - first", "k) + first"),))},
        "always",
        "the anchor stands in both distances: one of them is missing in its gradient, or has the wrong sign",
        _GRADIENT,
    ),
)  # fmt: skip

_KERNELS: dict[str, Callable[..., np.ndarray]] = {
    "out": out, "dx": dx, "dpositive": dpositive, "dnegative": dnegative,
}  # fmt: skip

FAMILIES = (Family(_KERNELS, MISTAKES, prepare, ("TripletMarginLoss", "TripletMarginWithDistanceLoss")),)
