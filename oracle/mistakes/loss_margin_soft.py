# ruff: noqa: E501  an edit stands on one line
"""The margin losses with a logarithm in place of max(0, z): the kernels, and what people get wrong in them.

soft margin               L = log(1 + exp(-t O)) for labels t of 1 and -1;   dO = -t sigmoid(-t O)
multi-label soft margin   L = -1/C * sum of w (t log s + (1 - t) log(1 - s)),  s = sigmoid(O)
                          dO = w (s - t) / C,  dOt = -w O / C
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oracle.mistakes.kernel import Edits, Family, Mistake
from oracle.mistakes.loss_margin_shared import ROWS, WEIGHT_IGNORED, class_sums, per_row, prepare_rows, weighted
from oracle.mistakes.loss_shared import BOTH, EPSILONS, directions, element_means, in_all, large, prepare, reductions

# ---- soft margin. k: reduction, D


def pair_out(x, target, k):
    each = np.log1p(np.exp(-target * x))
    return each if k.reduction == "none" else each.sum() / k.D


def pair_dx(x, target, dout, k):
    s = 1 / (1 + np.exp(target * x))
    return dout * -target * s / k.D


# ---- multi-label soft margin. k: weight, reduction, D, and the dtype of the case


def soft_out(x, target, k):
    each = -(weights(k) * (target * log_sigmoid(x) + (1 - target) * log_sigmoid(-x))).sum(axis=-1) / x.shape[-1]
    return each if k.reduction == "none" else each.sum() / k.D


def soft_dx(x, target, dout, k):
    s, dout = np.exp(log_sigmoid(x)), per_row(dout)
    return dout * weights(k) * (s - target) / x.shape[-1] / k.D


def soft_dtarget(x, target, dout, k):
    dout = per_row(dout)
    return dout * weights(k) * (log_sigmoid(-x) - log_sigmoid(x)) / x.shape[-1] / k.D


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def log_of_sigmoid(x, k):
    """As it comes from the sigmoid itself, in the dtype of the case."""
    return np.log((1 / (1 + np.exp(-x))).astype(k.dtype))


def weights(k):
    return 1.0 if k.weight is None else k.weight


# ---- the mistakes

_DX = ("dx",)

_PAIR = (
    *directions("L = log(1 + exp(-t O))", "dO = -t * sigmoid(-t O) / D", _DX),
    *reductions(_DX),
    *element_means(_DX),
    Mistake(
        "label-missing",
        {
            "out": ((("-target * x", "-x"),),),
            "dx": ((("-target * s", "-s"),), (("-target * s", "s"),), (("target * x", "x"),)),
        },
        "a label is -1",
        "the label is left out, or the chain rule: the derivative of -t O is -t",
        "L = log(1 + exp(-t O)), dO = -t * sigmoid(-t O)",
    ),
    Mistake(
        "label-sign",
        {
            "out": ((("-target * x", "target * x"),),),
            "dx": ((("np.exp(target * x)", "np.exp(-target * x)"),), (("np.exp(target * x)", "np.exp(-target * x)"), ("-target * s", "target * s"))),
        },
        "always",
        "the label has the wrong sign in the exponential: what is right and far from 0 must have a small loss",
        "exp(-t O): L = log(1 + exp(-t O)), dO = -t * sigmoid(-t O)",
    ),
    Mistake(
        "labels-zero-one",
        {
            "out": (
                (("np.log1p(np.exp(-target * x))", "target * np.log1p(np.exp(-x)) + (1 - target) * np.log1p(np.exp(x))"),),
                (("-target * x", "(1 - 2 * target) * x"),),
            ),
            "dx": (
                (("-target * s", "(1 / (1 + np.exp(-x)) - target)"),),
                (("target * x", "(2 * target - 1) * x"), ("-target * s", "(1 - 2 * target) * s")),
            ),
        },
        "a label is -1",
        "the labels are taken for 0 and 1, as in the binary cross entropy",
        "t is 1 or -1, never 0",
    ),
    Mistake(
        "derivative-of-sigmoid",
        {"dx": ((("-target * s", "-target * s * (1 - s)"),),)},
        "always",
        "the derivative of log(1 + exp(z)) is the sigmoid of z itself",
        "dO = -t * sigmoid(-t O)",
    ),
    Mistake(
        "wrong-function",
        {
            "out": (
                (("np.log1p(np.exp(-target * x))", "np.maximum(1 - target * x, 0)"),),
                (("np.log1p(np.exp(-target * x))", "np.exp(-target * x)"),),
                (("np.log1p(np.exp(-target * x))", "np.log2(1 + np.exp(-target * x))"),),
                (("np.log1p(np.exp(-target * x))", "1 / (1 + np.exp(target * x))"),),
            ),
            "dx": ((("* s", "* (target * x < 1)"),), (("* s", "* np.exp(-target * x)"),), (("* s", "* s / np.log(2)"),)),
        },
        "always",
        "another function than log(1 + exp(-t O)) is computed: the hinge, the exponential, another base",
        "L = log(1 + exp(-t O))",
    ),
)  # fmt: skip

_SUM = "(target * log_sigmoid(x) + (1 - target) * log_sigmoid(-x))"
_SOFTMAX = "np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))"


def _logs(one: str, zero: str) -> Edits:
    """Other logarithms of s and 1 - s."""
    return ((_SUM, f"(target * {one} + (1 - target) * {zero})"),)


_CLASSES = (
    *directions("L = -(t log s + (1 - t) log(1 - s))", "dO = (s - t) / C, dOt = -O / C"),
    *reductions(BOTH, ROWS),
    *class_sums(BOTH),
    Mistake(
        "negative-term-missing",
        {"out": (((_SUM, "(target * log_sigmoid(x))"),), ((_SUM, "((1 - target) * log_sigmoid(-x))"),)),
         "dx": ((("(s - target)", "target * (s - 1)"),), (("(s - target)", "(1 - target) * s"),)),
         "dtarget": ((("(log_sigmoid(-x) - log_sigmoid(x))", "-log_sigmoid(x)"),), (("(log_sigmoid(-x) - log_sigmoid(x))", "log_sigmoid(-x)"),))},
        "always",
        "one of the two terms is missing: a class that is not wanted has the loss -log(1 - s)",
        "-(t log s + (1 - t) log(1 - s))",
    ),
    Mistake(
        "target-not-subtracted",
        {"dx": ((("(s - target)", "s"),), (("(s - target)", "s * target"),), (("(s - target)", "-target"),))},
        "always",
        "the gradient is the sigmoid less the target: one of the two is missing",
        "dO = (s - t) / C",
    ),
    Mistake(
        "derivative-of-sigmoid",
        {"dx": ((("(s - target)", "(s - target) * s * (1 - s)"),), (("(s - target)", "(s - target) / (s * (1 - s))"),))},
        "always",
        "the derivative of the sigmoid is counted too often or not at all: it cancels with that of the logarithm",
        "dO = (s - t) / C",
    ),
    Mistake(
        "softmax-for-sigmoid",
        {"out": (_logs(f"np.log({_SOFTMAX})", f"np.log(1 - {_SOFTMAX})"), ((_SUM, f"(target * np.log({_SOFTMAX}))"),)),
         "dx": ((("np.exp(log_sigmoid(x))", _SOFTMAX),),)},
        "more than one class",
        "the softmax is taken over the classes: each of them may be wanted by itself, and has a sigmoid",
        "s = 1 / (1 + exp(-O))",
    ),
    Mistake(
        "scores-taken-as-probabilities",
        {"out": (_logs("np.log(x)", "np.log(1 - x)"),),
         "dx": ((("np.exp(log_sigmoid(x))", "x"),), (("(s - target)", "(x - target) / (x * (1 - x))"),)),
         "dtarget": ((("(log_sigmoid(-x) - log_sigmoid(x))", "(np.log(1 - x) - np.log(x))"),),)},
        "always",
        "the input is taken for probabilities; torch takes scores, and makes the sigmoid itself",
        "s = 1 / (1 + exp(-O)) first",
    ),
    Mistake(
        "sigmoid-twice",
        {"out": (_logs("log_sigmoid(np.exp(log_sigmoid(x)))", "log_sigmoid(-np.exp(log_sigmoid(x)))"),),
         "dx": ((("np.exp(log_sigmoid(x))", "np.exp(log_sigmoid(np.exp(log_sigmoid(x))))"),),)},
        "always",
        "the sigmoid is applied to what is a probability already",
        "give the loss the scores; the sigmoid is part of it",
    ),
    Mistake(
        "log-of-zero",
        {"out": (_logs("log_of_sigmoid(x, k)", "log_of_sigmoid(-x, k)"), _logs("log_of_sigmoid(x, k)", "np.log1p(-np.exp(log_of_sigmoid(x, k)))"))},
        "a large input",
        "the sigmoid of a large score is 0 or 1 in floating point, and a logarithm of 0 is -inf",
        "log s = -np.logaddexp(0, -O), log(1 - s) = -np.logaddexp(0, O)",
        large,
        styles=("large",),
    ),
    Mistake(
        "epsilon-in-log",
        {"out": tuple(_logs(f"np.log(np.exp(log_sigmoid(x)) + {e})", f"np.log(np.exp(log_sigmoid(-x)) + {e})") for e in EPSILONS)},
        "always",
        "a small number is added so that the logarithm exists; it moves every answer",
        "log s = -np.logaddexp(0, -O) needs none",
        convention=True,
        styles=("large",),
    ),
    Mistake(
        "weight-ignored",
        in_all(("out", *BOTH), ("weights(k)", "1.0")),
        "weight is given",
        WEIGHT_IGNORED,
        "w[c] times the term of each class",
        weighted,
    ),
    Mistake(
        "weight-of-wanted-only",
        {"out": (((_SUM, "(target * log_sigmoid(x) + (1 - target) * log_sigmoid(-x) / weights(k))"),),),
         "dx": ((("weights(k) * (s - target)", "((1 - target) * s - weights(k) * target * (1 - s))"),),)},
        "weight is given",
        "the weight is that of the wanted classes alone, as pos_weight of BCEWithLogitsLoss; torch's weight counts for both terms",
        "w[c] times the whole term of a class",
        weighted,
    ),
    Mistake(
        "divided-by-weights",
        in_all(("out", *BOTH), (" / x.shape[-1]", " / (x.shape[-1] if k.weight is None else k.weight.sum())")),
        "weight is given",
        "the mean over the classes is divided by the sum of their weights; torch divides by C",
        "divide by C, and by N",
        weighted,
    ),
)  # fmt: skip

_PAIR_KERNELS: dict[str, Callable[..., np.ndarray]] = {"out": pair_out, "dx": pair_dx}
_CLASSES_KERNELS: dict[str, Callable[..., np.ndarray]] = {"out": soft_out, "dx": soft_dx, "dtarget": soft_dtarget}

FAMILIES = (
    Family(_PAIR_KERNELS, _PAIR, prepare, ("SoftMarginLoss",)),
    Family(_CLASSES_KERNELS, _CLASSES, prepare_rows, ("MultiLabelSoftMarginLoss",)),
)
