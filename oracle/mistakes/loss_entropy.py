# ruff: noqa: E501  an edit stands on one line
"""CrossEntropyLoss: the kernels, and what people get wrong in them.

L = -sum of t log p / D;  dL/dI = (p - t) / D,  with p = softmax(I) and t = 1 for the target class
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_shared import EPSILONS, averaged, large, several
from oracle.subjects import Call

# ---- the kernels. k: axis of the classes, ignored class, smoothing, reduction, and the dtype of the case


def out(x, target, k):
    z = x - x.max(axis=k.axis, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=k.axis, keepdims=True))
    each = -picked(probabilities(target, x, k), log_p).sum(axis=k.axis)
    return each if k.reduction == "none" else each.sum() / divisor(target, x, k)


def dx(x, target, dout, k):
    e = np.exp(x - x.max(axis=k.axis, keepdims=True))
    p = e / e.sum(axis=k.axis, keepdims=True)
    t = probabilities(target, x, k)
    each = (p * t.sum(axis=k.axis, keepdims=True) - t) / divisor(target, x, k)
    return upstream(dout, k) * each


def dtarget(x, target, dout, k):
    z = x - x.max(axis=k.axis, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=k.axis, keepdims=True))
    return upstream(dout, k) * (k.smoothing - 1) * weights(x, k) * log_p / divisor(target, x, k)


def probabilities(target, x, k):
    """The target as one probability a class: smoothed, 0 where it is ignored, times the weight of the class."""
    classes = x.shape[k.axis]
    if target.dtype.kind == "f":
        return (target * (1 - k.smoothing) + k.smoothing / classes) * weights(x, k)
    valid = (target != k.ignored)[..., None]
    t = np.eye(classes)[np.where(target == k.ignored, 0, target)] * (1 - k.smoothing) + k.smoothing / classes
    return np.moveaxis(t * valid, -1, k.axis) * weights(x, k)


def weights(x, k):
    return 1 if k.weight is None else k.weight.reshape(-1, *(1,) * (x.ndim - k.axis - 1))


def picked(t, log_p):
    """t log p, and 0 where t is 0, as where the class is looked up: log_p[np.arange(N), target]."""
    return np.where(t == 0, 0, t * log_p)


def multiplied(t, log_p):
    """t log p, and NaN where t is 0 and log p infinite."""
    return t * log_p


def divisor(target, x, k):
    if k.reduction != "mean":
        return 1
    if target.dtype.kind == "f":
        return images(x, k)
    valid = target != k.ignored
    return valid.sum() if k.weight is None else (valid * k.weight[np.where(valid, target, 0)]).sum()


def images(x, k):
    """How many losses there are: one for each image and position."""
    return max(x.size // x.shape[k.axis], 1)


def upstream(dout, k):
    return np.expand_dims(dout, k.axis) if k.reduction == "none" else dout


def prepare(call: Call) -> SimpleNamespace:
    settings, x = call.settings, call.inputs["x"]
    return SimpleNamespace(
        axis=0 if x.ndim == 1 else 1,
        ignored=settings["ignore_index"],
        smoothing=settings["label_smoothing"],
        reduction=settings["reduction"],
        weight=call.buffers.get("weight"),
        dtype=x.dtype,
    )


_SHIFTED = "x - x.max(axis=k.axis, keepdims=True)"
_LOG_P = "z - np.log(np.exp(z).sum(axis=k.axis, keepdims=True))"
_P = "e / e.sum(axis=k.axis, keepdims=True)"
_EACH = "(p * t.sum(axis=k.axis, keepdims=True) - t)"
_D = " / divisor(target, x, k)"
_T = "probabilities(target, x, k)"
_TYPED = "x.astype(k.dtype)"
_MULTIPLIED = ("picked(", "multiplied(")

MISTAKES = (
    Mistake(
        "missing-batch-mean",
        {"out": (((_D, ""),),), "dx": (((_D, ""),),), "dtarget": (((_D, ""),),)},
        "N > 1",
        "the sum over the batch is returned where torch takes the mean; its gradient then lacks the 1/N",
        "divide by N, in the loss and in its gradient",
        lambda facts: several(facts) and averaged(facts),
        convention=True,
    ),
    Mistake(
        "extra-batch-mean",
        {
            "out": (((_D, f"{_D} / len(x)"),), ((_D, " / images(x, k)"),)),
            "dx": (((_D, f"{_D} / len(x)"),), ((_D, " / images(x, k)"),)),
        },
        "N > 1",
        "the division by N is made once too often, or where the reduction is no mean",
        "divide by N once: in the loss, not again in its gradient or in the layers below",
        several,
        convention=True,
    ),
    Mistake(
        "normalised-by-size",
        {
            "out": ((("each.sum()", "each.sum() / x.shape[k.axis]"),),),
            "dx": (((_D, f"{_D} / x.shape[k.axis]"),),),
        },
        "more than one class",
        "the mean is taken over all N*C numbers; the loss is one number an image",
        "divide by N: -sum of t log p / N",
    ),
    Mistake(
        "log-of-zero",
        {"out": (
            ((_LOG_P, "np.log((np.exp(z) / np.exp(z).sum(axis=k.axis, keepdims=True)).astype(k.dtype))"),),
            ((_LOG_P, "np.log((np.exp(z) / np.exp(z).sum(axis=k.axis, keepdims=True)).astype(k.dtype))"), _MULTIPLIED),
            *(((_LOG_P, f"np.log(np.clip(np.exp(z) / np.exp(z).sum(axis=k.axis, keepdims=True), {e}, 1))"),) for e in EPSILONS),
            *(((_LOG_P, f"np.log(np.clip(np.exp(z) / np.exp(z).sum(axis=k.axis, keepdims=True), {e}, 1 - {e}))"),) for e in EPSILONS),
        )},
        "a prediction is confident and wrong",
        "the probability of a class is 0 in floating point, and its logarithm is -inf; or it is cut off below",
        "log p = I - max - log(sum of exp(I - max)): the logarithm of the sum, not of the quotient",
        large,
        styles=("large",),
    ),
    Mistake(
        "epsilon-in-log",
        {"out": tuple(
            ((_LOG_P, f"np.log(np.exp(z) / np.exp(z).sum(axis=k.axis, keepdims=True) + {e})"),) for e in EPSILONS
        )},
        "always",
        "a small number is added to the probability so that its logarithm exists; it moves every answer",
        "log p = I - max - log(sum of exp(I - max)) needs none",
        convention=True,
    ),
    Mistake(
        "softmax-not-shifted",
        {"out": (((_SHIFTED, _TYPED),), ((_SHIFTED, _TYPED), _MULTIPLIED)), "dx": (((_SHIFTED, _TYPED),),)},
        "a large input",
        "exp(I) overflows for a large I, and inf/inf is NaN",
        "subtract the maximum of each row first: exp(I - I.max(axis, keepdims=True))",
        large,
        styles=("large", "offset"),
    ),
    Mistake(
        "softmax-twice",
        {
            "out": ((("    each =", "    p = np.exp(log_p)\n    log_p = p - np.log(np.exp(p).sum(axis=k.axis, keepdims=True))\n    each ="),),),
            "dx": ((("    t = ", f"    e = np.exp(p)\n    p = {_P}\n    t = "),),),
        },
        "always",
        "softmax is applied to what is softmax already: the loss expects scores and is given probabilities",
        "give the loss the scores; softmax is part of it",
    ),
    Mistake(
        "scores-taken-as-probabilities",
        {
            "out": (((_LOG_P, "np.log(x)"),), ((_LOG_P, "x"),)),
            "dx": ((("return upstream(dout, k) * each", f"return upstream(dout, k) * -t / x{_D}"),),
                   (("p = " + _P, "p = x"),)),
        },
        "always",
        "the loss takes its input for probabilities, or for their logarithms; torch's takes scores and makes the softmax itself",
        "log p = log_softmax(I), dI = (p - t) / N",
    ),
    Mistake(
        "gradient-sign",
        {"dx": (((_EACH, f"-{_EACH}"),),), "dtarget": ((("k.smoothing - 1", "1 - k.smoothing"),),)},
        "always",
        "the gradient has the wrong sign: target - output",
        "dI = (p - t) / N",
    ),
    Mistake(
        "loss-sign",
        {"out": ((("each = -", "each = "),),)},
        "always",
        "the loss has the wrong sign: the logarithm of a probability is negative",
        "L = -sum of t log p / N",
    ),
    Mistake(
        "upstream-ignored",
        {name: ((("upstream(dout, k) * ", ""),),) for name in ("dx", "dtarget")},
        "dL is not 1",
        "the gradient that comes from above is left out",
        "dI = dL * (p - t) / N",
    ),
    Mistake(
        "target-not-subtracted",
        {"dx": (((f"{_EACH}", "p * t"),), ((f"{_EACH}", "p"),), ((f"{_EACH}", "-t"),))},
        "always",
        "the gradient is the probability less the target: one of the two is missing",
        "dI = (p - t) / N",
    ),
    Mistake(
        "labels-only",
        {
            name: ((("k):", "k):\n    target = target.argmax(axis=k.axis) if target.dtype.kind == 'f' else target"),),)
            for name in ("out", "dx")
        },
        "the target is probabilities",
        "the target is taken for a class number; torch takes probabilities of every class too",
        "t as it is where it has the shape of I, one-hot where it is class numbers",
    ),
    Mistake(
        "one-hot-only",
        {
            "out": (((_T, "target"),), ((_T, "(target[:, None] if target.ndim < x.ndim else target)"),)),
            "dx": ((("t = " + _T, "t = target"), (_EACH, "(p - t)")),
                   (("t = " + _T, "t = target[:, None] if target.ndim < x.ndim else target"), (_EACH, "(p - t)"))),
        },
        "the target is class numbers",
        "class numbers are used as if they were a one-hot target",
        "p[np.arange(N), target], or np.eye(C)[target] to make it one-hot",
    ),
    Mistake(
        "softmax-wrong-axis",
        {
            "out": (((_SHIFTED, _SHIFTED.replace("k.axis", "0")), (_LOG_P, _LOG_P.replace("k.axis", "0"))),
                    ((_SHIFTED, "x - x.max()"), (_LOG_P, "z - np.log(np.exp(z).sum())"))),
            "dx": (((_SHIFTED, "x - x.max(axis=0)"), (_P, "e / e.sum(axis=0)")),
                   ((_SHIFTED, "x - x.max()"), (_P, "e / e.sum()"))),
        },
        "always",
        "the softmax runs over the batch or the whole array: it belongs to the classes of one image",
        "sum(axis=1, keepdims=True)",
    ),
    Mistake(
        "label-smoothing-ignored",
        {name: ((("k):", "k):\n    k = SimpleNamespace(**{**vars(k), 'smoothing': 0})"),),) for name in ("out", "dx", "dtarget")},
        "label_smoothing > 0",
        "label_smoothing has no effect",
        "t = onehot * (1 - smoothing) + smoothing / C",
        lambda facts: facts["label_smoothing"] > 0,
    ),
    Mistake(
        "ignored-targets-counted",
        {name: (((_D, " / (images(x, k) if k.reduction == 'mean' else 1)"),),) for name in ("out", "dx")},
        "a target is ignore_index",
        "the mean is taken over all targets; torch divides by the number of those that are not ignored",
        "divide by (target != ignore_index).sum()",
        lambda facts: facts["ignore_index"] >= 0,
    ),
    Mistake(
        "reduction-ignored",
        {"out": (
            (('k.reduction == "none"', "False"),),
            ((f'return each if k.reduction == "none" else each.sum(){_D}', "return each.mean()"),),
            ((f'return each if k.reduction == "none" else each.sum(){_D}', "return each"),),
        )},
        "reduction is not the one that is built in",
        "the reduction argument has no effect",
        "mean, sum, or every image by itself, as reduction says",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx, "dtarget": dtarget}, MISTAKES, prepare, ("CrossEntropyLoss",))
