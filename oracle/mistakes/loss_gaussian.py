"""GaussianNLLLoss: the kernels, and what people get wrong in them.

L = sum of (log v + d^2 / v) / 2, with d = O - Ot and the variance v, but at least eps;  full adds log(2 pi) / 2
dO = dL * d / v, dOt = -dO;  dv = dL * (1 / v - d^2 / v^2) / 2, summed over the elements that share a variance
"""

from __future__ import annotations

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, directions, element_means, in_all, prepare, reductions

# ---- the kernels. k: eps, full, reduction, D


def out(x, target, var, k):
    v, d = np.maximum(for_each(var, x), k.eps), x - target
    each = (np.log(v) + d**2 / v + np.log(2 * np.pi) * k.full) / 2
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, var, dout, k):
    v, d = np.maximum(for_each(var, x), k.eps), x - target
    return dout * d / v / k.D


def dtarget(x, target, var, dout, k):
    v, d = np.maximum(for_each(var, x), k.eps), target - x
    return dout * d / v / k.D


def dvar(x, target, var, dout, k):
    v, d = np.maximum(for_each(var, x), k.eps), x - target
    dv = dout * (1 / v - d**2 / v**2) / 2 / k.D
    return dv if var.shape == x.shape else dv.sum(axis=-1).reshape(var.shape)


def for_each(var, x):
    """One variance for each element, or one for each row."""
    return var if var.ndim == x.ndim else var[..., None]


# ---- the mistakes

_GRADIENTS = ("dx", "dtarget", "dvar")
_ALL = ("out", *_GRADIENTS)
_V = "np.maximum(for_each(var, x), k.eps)"
_SUMMED = "dv if var.shape == x.shape else dv.sum(axis=-1).reshape(var.shape)"

MISTAKES = (
    *directions(
        "L = sum of (log v + (O - Ot)^2 / v) / 2",
        "dO = dL * (O - Ot) / v, dOt = -dO, dv = dL * (1 / v - (O - Ot)^2 / v^2) / 2",
        _GRADIENTS,
    ),
    *reductions(_GRADIENTS),
    *element_means(_GRADIENTS),
    Mistake(
        "half-missing",
        {"out": (((") / 2", ")"),),), **in_all(BOTH, ("dout * ", "dout * 2 * ")), "dvar": (((") / 2", ")"),),)},
        "always",
        "the 1/2 is missing: everything is twice what it should be",
        "L = sum of (log v + (O - Ot)^2 / v) / 2",
    ),
    Mistake(
        "logarithm-missing",
        {"out": ((("np.log(v) + ", ""),),), "dvar": ((("1 / v - ", "-"),),)},
        "always",
        "log v is missing, or its derivative: a larger variance would always be better",
        "L = sum of (log v + (O - Ot)^2 / v) / 2",
    ),
    Mistake(
        "variance-squared",
        {
            **in_all(("out", *BOTH), (_V, f"{_V} ** 2")),
            "dvar": ((("1 / v - d**2 / v**2) / 2", "1 / v - d**2 / v**3)"),),),
        },
        "always",
        "var is taken for the standard deviation, and is squared; it is the variance already",
        "(O - Ot)^2 / var",
    ),
    Mistake(
        "logarithm-taken-for-variance",
        {
            **in_all(("out", *BOTH), (_V, "np.exp(for_each(var, x))")),
            "dvar": (((_V, "np.exp(for_each(var, x))"), ("(1 / v - d**2 / v**2)", "(1 - d**2 / v)")),),
        },
        "always",
        "var is taken for the logarithm of the variance, as in a variational autoencoder",
        "v = np.maximum(var, eps)",
    ),
    Mistake(
        "eps-ignored",
        in_all(_ALL, (_V, "for_each(var, x)")),
        "a var is below eps",
        "a variance of 0 is divided by: eps is not its lowest value",
        "v = np.maximum(var, eps)",
        styles=("kinks",),
    ),
    Mistake(
        "eps-added",
        in_all(_ALL, (_V, "for_each(var, x) + k.eps")),
        "always",
        "eps is added to every variance; it is the lowest one",
        "v = np.maximum(var, eps)",
    ),
    Mistake(
        "gradient-stopped-at-eps",
        {"dvar": ((("dout * ", "(for_each(var, x) >= k.eps) * dout * "),),)},
        "a var is below eps",
        "a variance below eps gets no gradient; torch cuts it off outside of the gradient, so that it can grow again",
        "dv = dL * (1 / v - (O - Ot)^2 / v^2) / 2, v = np.maximum(var, eps), everywhere",
        convention=True,
        styles=("kinks",),
    ),
    Mistake(
        "full-ignored",
        in_all(("out",), (" * k.full", " * 0")),
        "full = true",
        "full has no effect: the constant is missing",
        "+ log(2 pi) / 2 with full",
        lambda facts: facts["full"],
    ),
    Mistake(
        "full-always",
        in_all(("out",), (" * k.full", "")),
        "full = false",
        "the constant log(2 pi) / 2 is added where full does not ask for it",
        "L = sum of (log v + (O - Ot)^2 / v) / 2",
        lambda facts: not facts["full"],
    ),
    Mistake(
        "constant-differs",
        in_all(("out",), ("np.log(2 * np.pi)", "2 * np.log(2 * np.pi)"), ("np.log(2 * np.pi)", "2 * np.pi")),
        "full = true",
        "another constant is added than log(2 pi) / 2",
        "+ log(2 pi) / 2 with full",
        lambda facts: facts["full"],
    ),
    Mistake(
        "shared-variance-not-summed",
        {"dvar": (((_SUMMED, "dv"),), (("dv.sum(", "dv.mean("),))},
        "var has one number a row",
        "a variance that several elements share gets the gradient of all of them, which is their sum",
        "dvar = dv.sum(axis=-1)",
    ),
    Mistake(
        "variance-power",
        {
            "out": ((("d**2 / v", "d**2 / v**2"),), (("d**2 / v", "d / v"),), (("d**2 / v", "np.abs(d) / v"),)),
            "dvar": ((("d**2 / v**2", "d**2 / v"),), (("d**2 / v**2", "d / v**2"),), (("1 / v -", "1 / v +"),)),
            **in_all(BOTH, (" / v", ""), (" / v", " * v")),
        },
        "always",
        "the power of v or of O - Ot is another one, or a sign in the derivative of 1/v",
        "(O - Ot)^2 / v, dO = dL * (O - Ot) / v, dv = dL * (1 / v - (O - Ot)^2 / v^2) / 2",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget, "dvar": dvar}, MISTAKES, prepare, ("GaussianNLLLoss",))
