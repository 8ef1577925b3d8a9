"""Losses: the squared errors, their kernels and what people get wrong in them; those of classes are in loss_entropy and
loss_nll.

L = c * sum of (O - Ot)^2 / D;  dL/dO = 2c (O - Ot) / D, dL/dOt = -dL/dO;  c = 1/2 in the course note
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from oracle.mistakes import loss_entropy, loss_nll
from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, directions, element_means, in_all, reductions
from oracle.subjects import Call

# ---- the kernels. k: c, reduction, D


def out(x, target, k):
    each = k.c * (x - target) ** 2
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, dout, k):
    return dout * 2 * k.c * (x - target) / k.D


def dtarget(x, target, dout, k):
    return dout * 2 * k.c * (target - x) / k.D


def prepare(call: Call) -> SimpleNamespace:
    reduction = call.settings.get("reduction", "sum")
    c = 0.5 if call.spec == "HalfSquaredError" else 1
    return SimpleNamespace(c=c, reduction=reduction, D=call.inputs["x"].size if reduction == "mean" else 1)


# ---- the mistakes

_SQUARES = (
    *directions("L = sum of (O - Ot)^2", "dO = dL * (O - Ot), times 2 / size for the mean of squares; dOt = -dO"),
    Mistake(
        "wrong-function",
        {
            "out": (
                (("(x - target) ** 2", "np.abs(x - target)"),),
                (("each.sum() / k.D", "np.sqrt(each.sum() / k.D)"),),
                (("(x - target) ** 2", "(x - target)"),),
                (("(x - target) ** 2", "(x ** 2 - target ** 2)"),),
            ),
            "dx": ((("(x - target)", "np.sign(x - target)"),), (("(x - target)", "(x - target) ** 2"),)),
        },
        "always",
        "another function than the squared error is computed",
        "sum of (O - Ot)^2",
    ),
)  # fmt: skip

_HALF = (
    Mistake(
        "half-missing",
        in_all(("out", *BOTH), ("k.c * ", "")),
        "always",
        "the 1/2 of 1/2 (O - Ot)^2 is missing",
        "L = 1/2 * sum of (O - Ot)^2, dL/dO = O - Ot",
        convention=True,
    ),
    Mistake(
        "extra-batch-mean",
        {
            "out": ((("each.sum()", "each.sum() / x.size"),), (("each.sum()", "each.sum() / len(x)"),)),
            **in_all(BOTH, ("/ k.D", "/ x.size"), ("/ k.D", "/ len(x)")),
        },
        "more than one element",
        "the sum is divided by the number of images or elements",
        "L = 1/2 * sum of (O - Ot)^2",
        convention=True,
    ),
)  # fmt: skip

_MEAN = (
    Mistake(
        "half-extra",
        {"out": ((("k.c * ", "0.5 * "),),), **in_all(BOTH, ("2 * ", ""))},
        "always",
        "the squared error is multiplied by 1/2, which torch's MSELoss does not have",
        "L = mean of (O - Ot)^2, dL/dO = 2 (O - Ot) / size",
        convention=True,
    ),
    *reductions(),
    *element_means(),
)  # fmt: skip

_KERNELS: dict[str, Callable[..., np.ndarray]] = {"out": out, "dx": dx, "dtarget": dtarget}

FAMILIES = (
    Family(_KERNELS, _SQUARES + _HALF, prepare, ("HalfSquaredError",)),
    Family(_KERNELS, _SQUARES + _MEAN, prepare, ("MSELoss",)),
    loss_entropy.FAMILY,
    loss_nll.FAMILY,
)
