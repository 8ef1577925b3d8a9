"""PoissonNLLLoss: the kernels, and what people get wrong in them.

L = sum of m - t log m, with the rate m = exp(I), or m = I with log_input = false;  dI = dL * (m - t), dL * (1 - t / m)
full adds Stirling's log t! = t log t - t + log(2 pi t) / 2 where t > 1;  dt = dL * (log t + 1 / (2 t) - log m)
"""

from __future__ import annotations

import math

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import BOTH, directions, element_means, in_all, prepare, reductions

# ---- the kernels. k: log_input, full, eps, reduction, D


def out(x, target, k):
    rate, log_rate = (np.exp(x), x) if k.log_input else (x, np.log(x + k.eps))
    stirling = target * np.log(target) - target + np.log(2 * np.pi * target) / 2
    each = rate - target * log_rate + np.where(target > 1, stirling, 0) * k.full
    return each if k.reduction == "none" else each.sum() / k.D


def dx(x, target, dout, k):
    slope = np.exp(x) - target if k.log_input else 1 - target / (x + k.eps)
    return dout * slope / k.D


def dtarget(x, target, dout, k):
    log_rate = x if k.log_input else np.log(x + k.eps)
    stirling = np.log(target) + 1 / (2 * target)
    slope = np.where(target > 1, stirling, 0) * k.full - log_rate
    return dout * slope / k.D


log_factorial = np.vectorize(lambda t: math.lgamma(t + 1), otypes=[float])

# ---- the mistakes

_ALL = ("out", *BOTH)
_WITH_FULL = ("out", "dtarget")
_RATES = "(np.exp(x), x) if k.log_input else (x, np.log(x + k.eps))"
_STIRLING = "np.where(target > 1, stirling, 0)"
_SLOPE = "np.exp(x) - target if k.log_input else 1 - target / (x + k.eps)"

MISTAKES = (
    *directions("L = sum of m - t log m", "dI = dL * (m - t), or dL * (1 - t / m) with log_input = false"),
    *reductions(),
    *element_means(),
    Mistake(
        "log-input-ignored",
        in_all(_ALL, ("if k.log_input", "if False")),
        "log_input = true",
        "log_input has no effect: I is taken for the rate, where it is its logarithm",
        "m = exp(I) with log_input, which is the default",
        lambda facts: facts["log_input"],
    ),
    Mistake(
        "rate-taken-for-logarithm",
        in_all(_ALL, ("if k.log_input", "if True")),
        "log_input = false",
        "I is taken for the logarithm of the rate; with log_input = false it is the rate itself",
        "m = I, log m = np.log(I + eps) with log_input = false",
        lambda facts: not facts["log_input"],
    ),
    Mistake(
        "exponential-missing",
        {
            "out": (((_RATES, "(x, x) if k.log_input else (x, np.log(x + k.eps))"),),),
            "dx": (
                ((_SLOPE, "1 - target if k.log_input else 1 - target / (x + k.eps)"),),
                ((_SLOPE, "x - target if k.log_input else 1 - target / (x + k.eps)"),),
            ),
        },
        "log_input = true",
        "the first term is the rate, exp(I), and not its logarithm",
        "L = sum of exp(I) - t I, dI = dL * (exp(I) - t)",
        lambda facts: facts["log_input"],
    ),
    Mistake(
        "logarithm-missing",
        {
            "out": (((_RATES, "(np.exp(x), x) if k.log_input else (x, x)"),),),
            "dx": (
                ((_SLOPE, "np.exp(x) - target if k.log_input else 1 - target"),),
                ((_SLOPE, "np.exp(x) - target if k.log_input else x - target"),),
            ),
        },
        "log_input = false",
        "the second term has the logarithm of the rate",
        "L = sum of I - t log(I + eps), dI = dL * (1 - t / (I + eps))",
        lambda facts: not facts["log_input"],
    ),
    Mistake(
        "eps-ignored",
        in_all(_ALL, (" + k.eps", "")),
        "log_input = false",
        "eps is not added to the rate before its logarithm is taken, or not in the gradient",
        "log(I + eps), dI = dL * (1 - t / (I + eps))",
        lambda facts: not facts["log_input"],
    ),
    Mistake(
        "target-not-subtracted",
        {"dx": (
            ((_SLOPE, "np.exp(x) if k.log_input else np.ones(x.shape)"),),
            ((_SLOPE, "-target if k.log_input else -target / (x + k.eps)"),),
        )},
        "always",
        "the gradient has two terms, the rate less the target: one of them is missing",
        "dI = dL * (m - t), or dL * (1 - t / m) with log_input = false",
    ),
    Mistake(
        "full-ignored",
        in_all(_WITH_FULL, (" * k.full", " * 0")),
        "full = true",
        "full has no effect: Stirling's approximation of log t! is missing",
        "+ t log t - t + log(2 pi t) / 2 where t > 1",
        lambda facts: facts["full"],
    ),
    Mistake(
        "full-always",
        in_all(_WITH_FULL, (" * k.full", "")),
        "full = false",
        "Stirling's approximation of log t! is added where full does not ask for it",
        "L = sum of m - t log m",
        lambda facts: not facts["full"],
    ),
    Mistake(
        "stirling-for-small-counts",
        in_all(_WITH_FULL, (_STIRLING, "stirling"), ("target > 1", "target > 0.5")),
        "full = true, a t is 1 or less",
        "Stirling's approximation is added where t is 1 or less too; torch takes 0 there",
        "np.where(t > 1, t log t - t + log(2 pi t) / 2, 0)",
        lambda facts: facts["full"],
    ),
    Mistake(
        "stirling-differs",
        {
            "out": (
                ((" - target + np.log", " + np.log"),),
                ((" + np.log(2 * np.pi * target) / 2", ""),),
                (("np.log(2 * np.pi * target) / 2", "np.log(2 * np.pi * target)"),),
                (("np.log(2 * np.pi * target)", "np.log(2 * np.pi)"),),
                ((_STIRLING, "log_factorial(target)"),),
            ),
            "dtarget": (
                ((" + 1 / (2 * target)", ""),),
                ((" + 1 / (2 * target)", " + 1 / target"),),
                (("np.log(target) +", "np.log(target) + 1 +"),),
            ),
        },
        "full = true",
        "another approximation of log t! than torch's is added, or the logarithm itself",
        "t log t - t + log(2 pi t) / 2, whose derivative is log t + 1 / (2 t)",
        lambda facts: facts["full"],
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget}, MISTAKES, prepare, ("PoissonNLLLoss",))
