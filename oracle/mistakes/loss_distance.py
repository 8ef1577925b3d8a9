"""L1Loss, SmoothL1Loss and HuberLoss: the kernels, and what people get wrong in them.

With d = O - Ot, one loss for each element, and dOt = -dO:

L1         |d|;                                                             dO = dL * sign(d)
smooth L1  d^2 / 2 / beta where |d| < beta, |d| - beta / 2 elsewhere;       dO = dL * d / beta, dL * sign(d)
Huber      d^2 / 2 where |d| <= delta, delta * (|d| - delta / 2) elsewhere; dO = dL * d, dL * delta * sign(d)
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, directions, element_means, in_all, prepare, reductions
from oracle.subjects import Call

# ---- the kernels. k: reduction, D, and as `limit` beta or delta


def l1_out(x, target, k):
    each = np.abs(x - target)
    return each if k.reduction == "none" else each.sum() / k.D


def l1_dx(x, target, dout, k):
    d = x - target
    return dout * np.sign(d) / k.D


def l1_dtarget(x, target, dout, k):
    d = target - x
    return dout * np.sign(d) / k.D


def smooth_l1_out(x, target, k):
    d = np.abs(x - target)
    square, line = d**2 / 2 / k.limit, d - k.limit / 2
    each = np.where(d < k.limit, square, line)
    return each if k.reduction == "none" else each.sum() / k.D


def smooth_l1_dx(x, target, dout, k):
    d = x - target
    near, far = d / k.limit, np.sign(d)
    return dout * np.where(np.abs(d) < k.limit, near, far) / k.D


def smooth_l1_dtarget(x, target, dout, k):
    d = target - x
    near, far = d / k.limit, np.sign(d)
    return dout * np.where(np.abs(d) < k.limit, near, far) / k.D


def huber_out(x, target, k):
    d = np.abs(x - target)
    square, line = d**2 / 2, k.limit * (d - k.limit / 2)
    each = np.where(d <= k.limit, square, line)
    return each if k.reduction == "none" else each.sum() / k.D


def huber_dx(x, target, dout, k):
    d = x - target
    near, far = d, k.limit * np.sign(d)
    return dout * np.where(np.abs(d) <= k.limit, near, far) / k.D


def huber_dtarget(x, target, dout, k):
    d = target - x
    near, far = d, k.limit * np.sign(d)
    return dout * np.where(np.abs(d) <= k.limit, near, far) / k.D


def prepare_pieces(call: Call) -> SimpleNamespace:
    k = prepare(call)
    k.limit = call.settings["beta" if call.spec == "SmoothL1Loss" else "delta"]
    return k


# ---- the mistakes

_L1 = (
    *directions("L = sum of |O - Ot|", "dO = dL * sign(O - Ot), dOt = -dO"),
    Mistake(
        "wrong-function",
        {
            "out": (
                (("np.abs(x - target)", "(x - target)"),),
                (("np.abs(x - target)", "(x - target) ** 2"),),
                (("np.abs(x - target)", "np.abs(np.abs(x) - np.abs(target))"),),
            ),
            **in_all(BOTH, ("np.sign(d)", "np.abs(d)"), ("np.sign(d)", "d"), ("np.sign(d)", "2 * d")),
        },
        "always",
        "another function than the absolute value is computed, or another derivative than its own",
        "L = sum of |O - Ot|, dO = dL * sign(O - Ot)",
    ),
    Mistake(
        "sign-missing",
        in_all(BOTH, ("np.sign(d)", "np.ones(d.shape)")),
        "an O is below its Ot",
        "the derivative of |d| is taken for 1; it is -1 where d is negative",
        "dO = dL * sign(O - Ot)",
    ),
    Mistake(
        "gradient-at-zero",
        in_all(BOTH, ("np.sign(d)", "np.where(d > 0, 1, -1)"), ("np.sign(d)", "np.where(d >= 0, 1, -1)")),
        "an O is its Ot",
        "the gradient where O = Ot is 1 or -1; torch takes 0",
        "dO = dL * sign(O - Ot): np.sign(0) is 0",
        convention=True,
        styles=("kinks",),
    ),
    Mistake(
        "division-by-zero",
        in_all(BOTH, ("np.sign(d)", "d / np.abs(d)")),
        "an O is its Ot",
        "d / |d| is 0/0 = NaN where O = Ot",
        "dO = dL * sign(O - Ot)",
        styles=("kinks",),
    ),
)  # fmt: skip


def _pieces(limit: str, loss: str, gradient: str) -> tuple[Mistake, ...]:
    """Of a loss in two pieces, which meet at `limit`, beta or delta."""
    return (
        *directions(loss, gradient),
        Mistake(
            f"{limit}-ignored",
            in_all(("out", *BOTH), ("k.limit", "1")),
            f"{limit} is not 1",
            f"{limit} has no effect: it is taken for 1",
            loss,
            lambda facts: facts[limit] != 1,
        ),
        Mistake(
            "pieces-swapped",
            {"out": ((("square, line)", "line, square)"),),), **in_all(BOTH, ("near, far)", "far, near)"))},
            "always",
            "the line is taken near 0, and the square far from it",
            loss,
        ),
        Mistake(
            "absolute-value-missing",
            {
                "out": ((("np.abs(x - target)", "x - target"),), (("(d <", "(x - target <"),)),
                **in_all(BOTH, ("np.abs(d) <", "d <")),
            },
            "an O is far below its Ot",
            f"d is compared with {limit}, not |d|: the square is taken wherever d is negative",
            f"np.abs(O - Ot) < {limit}",
        ),
        Mistake(
            "one-piece-for-all",
            {
                "out": ((("(d <", "(d.max() <"),), (("(d <", "(d.min() <"),), (("(d <", "(d.mean() <"),)),
                **in_all(BOTH, *(("np.abs(d) <", f"np.abs(d).{one}() <") for one in ("max", "min", "mean"))),
            },
            "some |d| are small and others large",
            "one `if` decides for the whole array; each element takes its own piece",
            f"np.where(np.abs(O - Ot) < {limit}, ..., ...)",
        ),
        Mistake(
            "half-missing",
            {"out": ((("d**2 / 2", "d**2"),),), **in_all(BOTH, ("near, far)", "2 * near, far)"))},
            "some |d| are small",
            "the 1/2 of the square is missing: it is twice what it should be, and so is its slope",
            loss,
        ),
        Mistake(
            "offset-missing",
            {"out": (
                ((" - k.limit / 2", ""),),
                ((" - k.limit / 2", " - k.limit"),),
                ((" - k.limit / 2", " - 1 / 2"),),
            )},
            "some |d| are large",
            f"{limit}/2 is not subtracted, or another number is: the line does not begin where the square ends",
            loss,
        ),
        Mistake(
            "sign-missing",
            in_all(BOTH, ("np.sign(d)", "1")),
            "an O is far below its Ot",
            "the derivative of |d| is taken for 1; it is -1 where d is negative",
            gradient,
        ),
        Mistake(
            "wrong-function",
            {
                "out": (
                    (("square, line)", "square, square)"),),
                    (("square, line)", "line, line)"),),
                    (("square, line)", "d, d)"),),
                    (("square, line)", "d**2, d**2)"),),
                    (("square, line)", "d**2, d)"),),
                ),
                **in_all(BOTH, ("near, far)", "near, near)"), ("near, far)", "far, far)")),
            },
            "always",
            "the square or the line is taken everywhere, or the loss of another layer",
            loss,
        ),
    )  # fmt: skip


_CHOICE = "np.where(np.abs(d) < k.limit, near, far)"

_SMOOTH_L1 = (
    *_pieces(
        "beta",
        "L = sum of d^2 / 2 / beta where |d| < beta, |d| - beta / 2 elsewhere, with d = O - Ot",
        "dO = dL * d / beta where |d| < beta, dL * sign(d) elsewhere, with d = O - Ot; dOt = -dO",
    ),
    Mistake(
        "division-by-beta-missing",
        {"out": ((("d**2 / 2 / k.limit", "d**2 / 2"),),), **in_all(BOTH, ("d / k.limit", "d"))},
        "beta is not 1",
        "the square is not divided by beta: the pieces do not meet",
        "d^2 / 2 / beta, dO = dL * d / beta",
        lambda facts: facts["beta"] != 1,
    ),
    Mistake(
        "huber-for-smooth-l1",
        {
            "out": (((" / k.limit, d -", ", k.limit * d -"), ("- k.limit / 2", "- k.limit**2 / 2")),),
            **{name: ((("d / k.limit", "d"), ("np.sign(d)", "k.limit * np.sign(d)")),) for name in BOTH},
        },
        "beta is not 1",
        "the Huber loss is computed, which is beta times this one",
        "d^2 / 2 / beta where |d| < beta, |d| - beta / 2 elsewhere",
        lambda facts: facts["beta"] != 1,
    ),
    Mistake(
        "division-by-zero",
        {
            "out": ((("np.where(d < k.limit, square, line)", "(d < k.limit) * square + (d >= k.limit) * line"),),),
            **in_all(
                BOTH,
                (_CHOICE, "np.clip(near, -1, 1)"),
                (_CHOICE, "((np.abs(d) < k.limit) * near + (np.abs(d) >= k.limit) * far)"),
            ),
        },
        "beta = 0",
        "the square is divided by beta = 0, and 0 * inf is NaN",
        "np.where takes no part of what it leaves out; with beta = 0 the loss is |O - Ot|",
        lambda facts: facts["beta"] == 0,
        styles=("kinks",),
    ),
)  # fmt: skip

_HUBER = (
    *_pieces(
        "delta",
        "L = sum of d^2 / 2 where |d| <= delta, delta * (|d| - delta / 2) elsewhere, with d = O - Ot",
        "dO = dL * d where |d| <= delta, dL * delta * sign(d) elsewhere, with d = O - Ot; dOt = -dO",
    ),
    Mistake(
        "factor-delta-missing",
        {"out": ((("k.limit * (d", "(d"),),), **in_all(BOTH, ("k.limit * np.sign(d)", "np.sign(d)"))},
        "delta is not 1",
        "the line has the slope 1, not delta: the pieces do not meet",
        "delta * (|d| - delta / 2), dO = dL * delta * sign(d)",
        lambda facts: facts["delta"] != 1,
    ),
    Mistake(
        "smooth-l1-for-huber",
        {
            "out": (((", square, line)", ", square, line) / k.limit"),),),
            **in_all(BOTH, (" / k.D", " / k.limit / k.D")),
        },
        "delta is not 1",
        "the smooth L1 loss is computed, which is this one divided by delta",
        "d^2 / 2 where |d| <= delta, delta * (|d| - delta / 2) elsewhere",
        lambda facts: facts["delta"] != 1,
    ),
)  # fmt: skip

_REDUCED = (*reductions(), *element_means())

FAMILIES = (
    Family({"out": l1_out, "dx": l1_dx, "dtarget": l1_dtarget}, _L1 + _REDUCED, prepare, ("L1Loss",)),
    Family(
        {"out": smooth_l1_out, "dx": smooth_l1_dx, "dtarget": smooth_l1_dtarget},
        _SMOOTH_L1 + _REDUCED,
        prepare_pieces,
        ("SmoothL1Loss",),
    ),
    Family(
        {"out": huber_out, "dx": huber_dx, "dtarget": huber_dtarget}, _HUBER + _REDUCED, prepare_pieces, ("HuberLoss",)
    ),
)
