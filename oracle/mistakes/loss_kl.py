"""KLDivLoss: the kernels, and what people get wrong in them.

L = sum of t (log t - I), with I = log of a probability;  dI = -dL * t, dt = dL * (log t + 1 - I)
with log_target the target is log t:                      d(log t) = dL * t (log t + 1 - I)
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, directions, element_means, in_all, prepare, reductions
from oracle.subjects import Call

# ---- the kernels. k: log_target, reduction, D, which is N for batchmean


def out(x, target, k):
    t, log_t = (np.exp(target), target) if k.log_target else (target, np.log(target))
    each = np.where(t == 0, 0, t * (log_t - x))
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, dout, k):
    t = np.exp(target) if k.log_target else target
    return dout * -t / k.D


def dtarget(x, target, dout, k):
    t, log_t = (np.exp(target), target) if k.log_target else (target, np.log(target))
    slope = log_t + 1 - x
    return dout * (t * slope if k.log_target else slope) / k.D


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def prepare_batchmean(call: Call) -> SimpleNamespace:
    k = prepare(call)
    if k.reduction == "batchmean":
        k.D = len(call.inputs["x"])
    return k


# ---- the mistakes

_ALL = ("out", *BOTH)
_LOSS = "t * (log_t - x)"
_SLOPE = "(t * slope if k.log_target else slope)"

MISTAKES = (
    *directions("L = sum of t (log t - I)", "dI = -dL * t, dt = dL * (log t + 1 - I)"),
    Mistake(
        "batchmean-as-mean",
        in_all(_ALL, (" / k.D", " / (x.size if k.reduction == 'batchmean' else k.D)")),
        "reduction = batchmean",
        "batchmean is taken for the mean over all elements; it divides by N alone, as the divergence is defined",
        "losses.sum() / N",
        lambda facts: facts["reduction"] == "batchmean",
    ),
    *reductions(),
    *element_means(),
    Mistake(
        "log-target-ignored",
        in_all(_ALL, ("if k.log_target", "if False")),
        "log_target = true",
        "log_target has no effect: the target is taken for t, where it is log t",
        "t = exp(target) with log_target",
        lambda facts: facts["log_target"],
    ),
    Mistake(
        "target-taken-for-logarithm",
        in_all(_ALL, ("if k.log_target", "if True")),
        "log_target = false",
        "the target is taken for log t; without log_target it is t itself",
        "t = target, log t = np.log(target)",
        lambda facts: not facts["log_target"],
    ),
    Mistake(
        "input-taken-for-probability",
        {
            "out": (((_LOSS, "t * (log_t - np.log(x))"),), ((_LOSS, "t * (log_t - np.exp(x))"),)),
            "dx": ((("dout * -t", "dout * -t / x"),), (("dout * -t", "dout * -t / np.exp(x)"),)),
            "dtarget": ((("1 - x", "1 - np.log(x)"),), (("1 - x", "1 - np.exp(x)"),)),
        },
        "always",
        "I is taken for a probability: its logarithm is taken, or it is made one. It is the logarithm already",
        "t (log t - I), dI = -dL * t",
    ),
    Mistake(
        "softmax-included",
        {
            "out": ((("(log_t - x)", "(log_t - log_softmax(x))"),),),
            "dx": (
                (("-t", "(np.exp(log_softmax(x)) - t)"),),
                (("-t", "(np.exp(log_softmax(x)) * t.sum(axis=-1, keepdims=True) - t)"),),
                (("-t", "(np.exp(x) - t)"),),
            ),
            "dtarget": ((("1 - x", "1 - log_softmax(x)"),),),
        },
        "always",
        "a log-softmax is part of the loss, or of its gradient; this loss is given logarithms of probabilities",
        "t (log t - I), dI = -dL * t",
    ),
    Mistake(
        "arguments-swapped",
        {
            "out": (((_LOSS, "np.exp(x) * (x - log_t)"),),),
            "dx": ((("-t", "np.exp(x) * (x + 1 - np.log(t))"),),),
            "dtarget": (((_SLOPE, "-np.exp(x) / (1 if k.log_target else t)"),),),
        },
        "always",
        "the divergence of I from the target is computed, sum of p (log p - log t); it is not symmetric",
        "t (log t - I): the target's logarithm first, weighted by the target",
    ),
    Mistake(
        "entropy-missing",
        {"out": (((_LOSS, "t * -x"),),), "dtarget": ((("log_t + 1 - x", "-x"),),)},
        "always",
        "-t I alone is the cross entropy; the divergence has t log t too",
        "L = sum of t (log t - I)",
    ),
    Mistake(
        "product-rule-missing",
        in_all(("dtarget",), *(("log_t + 1 - x", other) for other in ("log_t - x", "log_t + 1", "1 - x"))),
        "always",
        "t log t is a product: its derivative is log t + 1, and that of -t I is -I",
        "dt = dL * (log t + 1 - I)",
    ),
    Mistake(
        "derivative-of-exp-missing",
        {"dtarget": (((_SLOPE, "slope"),),), "dx": ((("dout * -t", "dout * -1.0 * (1 if k.log_target else t)"),),)},
        "log_target = true",
        "with log_target t is exp of the target: t multiplies the gradient",
        "d(log t) = dL * t (log t + 1 - I), dI = -dL * t, with t = exp(target)",
        lambda facts: facts["log_target"],
    ),
    Mistake(
        "wrong-function",
        {
            "out": (
                ((_LOSS, "t * (log_t - x) / np.log(2)"),),
                ((_LOSS, "t * np.abs(log_t - x)"),),
                ((_LOSS, "(log_t - x)"),),
                ((_LOSS, "(t * log_t - x)"),),
                ((_LOSS, "(t - np.exp(x)) ** 2"),),
            ),
            "dx": ((("-t", "(np.log(t) - x)"),), (("-t", "-t * (np.log(t) - x)"),)),
        },
        "always",
        "another function than the Kullback-Leibler divergence is computed",
        "L = sum of t (log t - I), dI = -dL * t",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget}, MISTAKES, prepare_batchmean, ("KLDivLoss",))
