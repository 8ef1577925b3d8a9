# ruff: noqa: E501  an edit stands on one line
"""BCEWithLogitsLoss: the kernels, and what people get wrong in them.

L = -sum of (P Ot log O + (1 - Ot) log(1 - O)), with O = sigmoid(I) and P = pos_weight
dI = dL * ((1 - Ot) O - P Ot (1 - O)), which is dL * (O - Ot) without pos_weight
"""

from __future__ import annotations

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_binary import ALL, BODY, of_both, prepare_weights, sigmoid, typed  # noqa: F401  in edits
from oracle.mistakes.loss_shared import EPSILONS, in_all, large

# ---- the kernels. k: weight and pos_weight, 1 where none is given; reduction, D, dtype of the case


def out(x, target, k):
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    each = -k.weight * (k.pos_weight * target * log_p + (1 - target) * log_q)
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, dout, k):
    s = 1 / (1 + np.exp(-x))
    slope = (1 - target) * s - k.pos_weight * target * (1 - s)
    return dout * k.weight * slope / k.D


def dtarget(x, target, dout, k):
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    return dout * k.weight * (log_q - k.pos_weight * log_p) / k.D


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# ---- the mistakes

_STABLE = "-np.logaddexp(0, -x), -np.logaddexp(0, x)"
_S = "1 / (1 + np.exp(-x))"
_LOSSES = "(k.pos_weight * target * log_p + (1 - target) * log_q)"
_DI = "(1 - target) * s - k.pos_weight * target * (1 - s)"

MISTAKES = (
    *of_both("log O", "dI = dL * (O - Ot), with O = sigmoid(I)"),
    Mistake(
        "log-of-zero",
        {"out": (
            ((_STABLE, "np.log(sigmoid(typed(x, k))), np.log(1 - sigmoid(typed(x, k)))"),),
            *(((_STABLE, f"np.log(np.clip(sigmoid(typed(x, k)), {e}, 1 - {e})), np.log(1 - np.clip(sigmoid(typed(x, k)), {e}, 1 - {e}))"),) for e in EPSILONS),
            ((_STABLE, "np.maximum(np.log(sigmoid(typed(x, k))), -100), np.maximum(np.log(1 - sigmoid(typed(x, k))), -100)"),),
        )},
        "a large score",
        "the sigmoid of a large score is 0 or 1 in floating point, and the logarithm of 0 is -inf; or it is cut off",
        "-log O = np.logaddexp(0, -I), -log(1 - O) = np.logaddexp(0, I)",
        large,
        styles=("large",),
    ),
    Mistake(
        "epsilon-in-log",
        {"out": tuple(((_STABLE, f"np.log(sigmoid(x) + {e}), np.log(1 - sigmoid(x) + {e})"),) for e in EPSILONS)},
        "always",
        "a small number is added to the probability so that its logarithm exists; it moves every answer",
        "-log O = np.logaddexp(0, -I), -log(1 - O) = np.logaddexp(0, I) need none",
        convention=True,
    ),
    Mistake(
        "sigmoid-overflow",
        {
            "out": (
                ((_STABLE, "-np.log(1 + np.exp(-typed(x, k))), -np.log(1 + np.exp(typed(x, k)))"),),
                ((_STABLE, "-np.log(1 + np.exp(-typed(x, k))), -x - np.log(1 + np.exp(-typed(x, k)))"),),
            ),
            "dx": (((_S, "np.exp(typed(x, k)) / (1 + np.exp(typed(x, k)))"),),),
        },
        "a large score",
        "exp overflows for a large score, and inf/inf is NaN",
        "np.logaddexp(0, -I), which is log(1 + exp(-I)) without the overflow",
        large,
        styles=("large",),
    ),
    Mistake(
        "sigmoid-twice",
        {
            "out": (((BODY, f"{BODY}    x = sigmoid(x)\n"),),),
            "dx": (((BODY, f"{BODY}    x = sigmoid(x)\n"),), ((_DI, f"({_DI}) * s * (1 - s)"),)),
        },
        "always",
        "the sigmoid is applied twice, or its derivative; it is part of this loss, which is given the scores",
        "give the loss the scores; dI = dL * (O - Ot)",
    ),
    Mistake(
        "scores-taken-as-probabilities",
        {
            "out": (((_STABLE, "np.log(x), np.log(1 - x)"),),),
            "dx": (((_S, "x"),), ((_DI, "(x - target) / (x * (1 - x))"),)),
        },
        "always",
        "the sigmoid is missing: the scores are taken for probabilities, as in BCELoss",
        "O = sigmoid(I), dI = dL * (O - Ot)",
    ),
    Mistake(
        "sigmoid-derivative-missing",
        {"dx": (
            ((_DI, "(s - target) / (s * (1 - s))"),),
            ((_DI, f"({_DI}) / (s * (1 - s))"),),
        )},
        "always",
        "this is the gradient in O, the output of the sigmoid; the chain rule multiplies it by O (1 - O)",
        "dI = dL * (O - Ot)",
    ),
    Mistake(
        "softmax-for-sigmoid",
        {
            "out": (((_STABLE, "np.log(softmax(x)), np.log(1 - softmax(x))"),),),
            "dx": (((_S, "softmax(x)"),),),
        },
        "always",
        "a softmax takes the place of the sigmoid; each score here is a question of its own",
        "O = 1 / (1 + exp(-I))",
    ),
    Mistake(
        "target-not-subtracted",
        {"dx": (((_DI, "s"),), ((_DI, "-target"),))},
        "always",
        "the gradient is the probability less the target: one of the two is missing",
        "dI = dL * (O - Ot)",
    ),
    Mistake(
        "second-term-missing",
        {
            "out": (((" + (1 - target) * log_q", ""),),),
            "dx": ((("(1 - target) * s - ", "-"),),),
            "dtarget": ((("log_q - ", "-"),),),
        },
        "an Ot is below 1",
        "Ot log O alone is the cross entropy of several classes; of a single probability 1 - O counts too",
        "L = -sum of (Ot log O + (1 - Ot) log(1 - O))",
    ),
    Mistake(
        "pos-weight-ignored",
        in_all(ALL, ("k.pos_weight * ", "")),
        "pos_weight is given",
        "pos_weight has no effect here",
        "Ot log O is multiplied by pos_weight; dI = (1 - Ot) O - pos_weight * Ot (1 - O)",
        lambda facts: facts["pos_weight"] is not None,
    ),
    Mistake(
        "pos-weight-elsewhere",
        {
            "out": (
                ((_LOSSES, "k.pos_weight * (target * log_p + (1 - target) * log_q)"),),
                ((_LOSSES, "(target * log_p + k.pos_weight * (1 - target) * log_q)"),),
            ),
            "dx": (
                ((_DI, "k.pos_weight * (s - target)"),),
                ((_DI, "s - k.pos_weight * target"),),
                ((_DI, "k.pos_weight * (1 - target) * s - target * (1 - s)"),),
            ),
        },
        "pos_weight is given",
        "pos_weight multiplies the part of 1 - Ot as well, or another part",
        "pos_weight * Ot log O + (1 - Ot) log(1 - O); dI = (1 - Ot) O - pos_weight * Ot (1 - O)",
        lambda facts: facts["pos_weight"] is not None,
    ),
    Mistake(
        "wrong-function",
        {
            "out": (
                ((_LOSSES, "(-(sigmoid(x) - target) ** 2)"),),
                ((_LOSSES, f"{_LOSSES} / np.log(2)"),),
                ((_LOSSES, "((1 - target) * log_p + k.pos_weight * target * log_q)"),),
                ((_STABLE, "x - np.logaddexp(0, x), x - np.logaddexp(0, x)"),),
            ),
            "dx": (((_DI, "2 * (s - target) * s * (1 - s)"),), ((_S, "np.tanh(x)"),)),
        },
        "always",
        "another function than the binary cross entropy is computed",
        "L = -sum of (Ot log O + (1 - Ot) log(1 - O)), O = sigmoid(I)",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget}, MISTAKES, prepare_weights, ("BCEWithLogitsLoss",))
