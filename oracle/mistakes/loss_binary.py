# ruff: noqa: E501  an edit stands on one line
"""BCELoss: the kernels, and what people get wrong in them; and what is wrong in BCEWithLogitsLoss in the same words.

L = -sum of (Ot log O + (1 - Ot) log(1 - O));  dO = dL * (O - Ot) / (O (1 - O))
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, EPSILONS, directions, element_means, in_all, prepare, reductions
from oracle.subjects import Call

# ---- the kernels. k: weight, 1 where none is given; reduction, D, dtype of the case


def out(x, target, k):
    log_p, log_q = np.maximum(np.log(x), -100), np.maximum(np.log(1 - x), -100)
    each = -k.weight * (target * log_p + (1 - target) * log_q)
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, dout, k):
    slope = (x - target) / np.maximum(x * (1 - x), 1e-12)
    return dout * k.weight * slope / k.D


def dtarget(x, target, dout, k):
    log_p, log_q = np.log(x), np.log(1 - x)
    return dout * k.weight * (log_q - log_p) / k.D


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def typed(x, k):
    """x in the dtype of the case, in which exp overflows and 1 - x is rounded."""
    return x.astype(k.dtype)


def prepare_weights(call: Call) -> SimpleNamespace:
    k = prepare(call)
    return SimpleNamespace(**vars(k) | {name: 1 for name in ("weight", "pos_weight") if vars(k).get(name) is None})


# ---- of both layers

ALL = ("out", *BOTH)
BODY = "k):\n"  # what comes behind it is done first
_HARD = ("(target > 0.5) * 1.0", "np.floor(target)")


def of_both(log_p: str, derivative: str) -> tuple[Mistake, ...]:
    """Of both: log p, and the gradient, in the letters of the course note."""
    loss = f"L = -sum of (Ot {log_p} + (1 - Ot) log(1 - O))"
    return (
        *directions(loss, derivative),
        *reductions(),
        *element_means(),
        Mistake(
            "labels-only",
            in_all(("out", "dx"), *((BODY, f"{BODY}    target = {hard}\n") for hard in _HARD)),
            "an Ot is between 0 and 1",
            "the target is taken for 0 or 1; it may be any probability",
            loss,
        ),
        Mistake(
            "weight-ignored",
            in_all(ALL, ("k.weight * ", "")),
            "weight is given",
            "weight has no effect here",
            "each loss times weight, in the loss and in its gradient",
            lambda facts: facts["weight"] is not None,
        ),
        Mistake(
            "divided-by-weights",
            in_all(ALL, (" / k.D", " / (np.broadcast_to(k.weight, x.shape).sum() if k.reduction == 'mean' else 1)")),
            "weight is given, reduction = mean",
            "the mean is divided by the sum of the weights, as in CrossEntropyLoss; here torch divides by the number of elements",
            "np.mean(weight * losses)",
            lambda facts: facts["weight"] is not None and facts["reduction"] == "mean",
        ),
    )  # fmt: skip


# ---- of BCELoss

_LOGS = "np.maximum(np.log(x), -100), np.maximum(np.log(1 - x), -100)"
_SLOPE = "(x - target) / np.maximum(x * (1 - x), 1e-12)"
_CLIPPED = tuple(f"x = np.clip(typed(x, k), {e}, 1 - {e})" for e in EPSILONS)

MISTAKES = (
    *of_both("log O", "dO = dL * (O - Ot) / (O (1 - O))"),
    Mistake(
        "log-of-zero",
        {"out": (
            ((_LOGS, "np.log(x), np.log(1 - x)"),),
            *(((_LOGS, "np.log(x), np.log(1 - x)"), (BODY, f"{BODY}    {clip}\n")) for clip in _CLIPPED),
        )},
        "an O is 0 or 1",
        "the logarithm of 0 is -inf, and 0 * -inf is NaN; or O is cut off before, where torch cuts the logarithm off at -100",
        "np.maximum(np.log(O), -100), and the same for 1 - O",
        styles=("kinks",),
    ),
    Mistake(
        "epsilon-in-log",
        {
            "out": tuple(((_LOGS, f"np.log(x + {e}), np.log(1 - x + {e})"),) for e in EPSILONS),
            "dx": tuple(((_SLOPE, f"(1 - target) / (1 - x + {e}) - target / (x + {e})"),) for e in EPSILONS),
        },
        "always",
        "a small number is added to the probability so that its logarithm exists; it moves every answer",
        "np.maximum(np.log(O), -100): only what is too low is changed",
        convention=True,
    ),
    Mistake(
        "division-by-zero",
        {"dx": (
            ((_SLOPE, "(x - target) / (x * (1 - x))"),),
            ((_SLOPE, "(x - target) / (x * (1 - x) + 1e-12)"),),
            *(((_SLOPE, "(x - target) / (x * (1 - x))"), (BODY, f"{BODY}    {clip}\n")) for clip in _CLIPPED),
        )},
        "an O is 0 or 1",
        "O (1 - O) is 0 where O is 0 or 1; torch divides by 1e-12 there",
        "dO = dL * (O - Ot) / np.maximum(O * (1 - O), 1e-12)",
        styles=("kinks",),
    ),
    Mistake(
        "second-term-missing",
        {
            "out": (((" + (1 - target) * log_q", ""),),),
            "dx": (((_SLOPE, "-target / x"),), ((_SLOPE, "-target / np.maximum(x, 1e-12)"),)),
            "dtarget": ((("log_q - log_p", "-log_p"),),),
        },
        "an Ot is below 1",
        "Ot log O alone is the cross entropy of several classes; of a single probability 1 - O counts too",
        "L = -sum of (Ot log O + (1 - Ot) log(1 - O))",
    ),
    Mistake(
        "sigmoid-included",
        {
            "out": (((_LOGS, "-np.logaddexp(0, -x), -np.logaddexp(0, x)"),),),
            "dx": (((_SLOPE, "x - target"),), ((_SLOPE, "sigmoid(x) - target"),), ((_SLOPE, f"{_SLOPE} * x"),)),
        },
        "always",
        "the loss and its gradient are those of the scores before the sigmoid; this layer is given probabilities, as BCEWithLogitsLoss is not",
        "dO = dL * (O - Ot) / (O (1 - O)); the O (1 - O) is the derivative of the sigmoid and is multiplied in there",
    ),
    Mistake(
        "wrong-function",
        {
            "out": (
                (("target * log_p + (1 - target) * log_q", "-(x - target) ** 2"),),
                ((_LOGS, "np.log2(x), np.log2(1 - x)"),),
                ((_LOGS, "np.log(x), 1 - np.log(x)"),),
                (("target * log_p + (1 - target) * log_q", "(1 - target) * log_p + target * log_q"),),
            ),
            "dx": (((_SLOPE, "2 * (x - target)"),), ((_SLOPE, "(1 - target) / (1 - x) + target / x"),)),
        },
        "always",
        "another function than the binary cross entropy is computed",
        "L = -sum of (Ot log O + (1 - Ot) log(1 - O)), dO = (1 - Ot) / (1 - O) - Ot / O",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget}, MISTAKES, prepare_weights, ("BCELoss",))
