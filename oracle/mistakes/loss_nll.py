"""NLLLoss: the kernels, and what people get wrong in them.

L = -sum over n of w[t] I[n,t] / D, with t the class of n and I the logarithm of its probability
dI[n,t] = -dL * w[t] / D, and 0 for all other classes
D is the sum of the weights w[t] for a mean; a target that is ignore_index counts nowhere
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_entropy import upstream
from oracle.mistakes.loss_shared import directions, in_all, prepare, reductions
from oracle.subjects import Call

# ---- the kernels. k: axis of the classes, weight (1 where none is given), ignore_index, reduction


def out(x, target, k):
    valid = target != k.ignore_index
    c = np.where(valid, target, 0)
    w = k.weight[c] * valid
    D = w.sum() if k.reduction == "mean" else 1
    each = -w * of_class(x, c, k)
    return each if k.reduction == "none" else each.sum() / D


def dx(x, target, dout, k):
    valid = target != k.ignore_index
    c = np.where(valid, target, 0)
    w = k.weight[c] * valid
    D = w.sum() if k.reduction == "mean" else 1
    slope = -np.expand_dims(w, k.axis)
    return np.where(one_hot(x, c, valid, k), upstream(dout, k) * slope / D, 0)


def of_class(x, c, k):
    """x[n,c]"""
    return np.take_along_axis(np.moveaxis(x, k.axis, -1), c[..., None], axis=-1)[..., 0]


def one_hot(x, c, valid, k):
    return np.moveaxis((np.eye(x.shape[k.axis])[c] > 0) & valid[..., None], -1, k.axis)


def log_softmax(x, k):
    z = x - x.max(axis=k.axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=k.axis, keepdims=True))


def prepare_classes(call: Call) -> SimpleNamespace:
    k, x = prepare(call), call.inputs["x"]
    k.axis = 0 if x.ndim == 1 else 1
    k.weight = np.ones(x.shape[k.axis]) if k.weight is None else k.weight
    return k


# ---- the mistakes


_BOTH = ("out", "dx")
_DX = "np.where(one_hot(x, c, valid, k), upstream(dout, k) * slope / D, 0)"
_ALL = "upstream(dout, k) * slope / D"  # the same for all classes
_D = ' = w.sum() if k.reduction == "mean" else 1'
_W = "k.weight[c] * valid"

MISTAKES = (
    *directions("L = -sum over n of I[n,t]", "dI[n,t] = -dL / N, 0 elsewhere", ("dx",), "upstream(dout, k) * "),
    Mistake(
        "normalised-by-size",
        in_all(_BOTH, (" / D", " / D / (x.shape[k.axis] if k.reduction == 'mean' else 1)")),
        "reduction = mean, more than one class",
        "the mean is taken over all N*C numbers; the loss is one number an image",
        "divide by N: -sum over n of I[n,t] / N",
        lambda facts: facts["reduction"] == "mean",
    ),
    Mistake(
        "ignore-index-ignored",
        in_all(_BOTH, ("target != k.ignore_index", "target > -1")),
        "a target is ignore_index",
        "ignore_index has no effect: a target that is ignored counts as any other",
        "0 for a target that is ignore_index, in the loss, in the gradient and in the D of the mean",
        lambda facts: facts["ignore_index"] >= 0,
    ),
    Mistake(
        "weight-ignored",
        in_all(_BOTH, (_W, "1.0 * valid")),
        "weight is given",
        "the weights of the classes have no effect here",
        "w[t] * I[n,t], and the sum of w[t] as the D of the mean",
        lambda facts: facts["weight"] is not None,
    ),
    Mistake(
        "weights-not-in-mean",
        in_all(_BOTH, (_D, ' = valid.sum() if k.reduction == "mean" else 1')),
        "weight is given, reduction = mean",
        "the mean is divided by the number of targets; torch divides by the sum of their weights",
        "divide by weight[target].sum()",
        lambda facts: facts["weight"] is not None and facts["reduction"] == "mean",
    ),
    Mistake(
        "ignored-targets-counted",
        in_all(
            _BOTH,
            (_D, ' = target.size if k.reduction == "mean" else 1'),
            (_D, ' = k.weight[target].sum() if k.reduction == "mean" else 1'),
        ),
        "a target is ignore_index, reduction = mean",
        "the mean is taken over all targets; torch divides by the number of those that are not ignored",
        "divide by (target != ignore_index).sum()",
        lambda facts: facts["ignore_index"] >= 0 and facts["reduction"] == "mean",
    ),
    *reductions(("dx",), "target.size", " / D"),
    Mistake(
        "classes-from-one",
        in_all(_BOTH, ("np.where(valid, target, 0)", "np.where(valid, target, 0) - 1")),
        "always",
        "the target is taken for a number from 1; the first class is 0",
        "I[n,t]",
    ),
    Mistake(
        "softmax-included",
        {
            "out": ((("of_class(x, c, k)", "of_class(log_softmax(x, k), c, k)"),),),
            "dx": (((_DX, f"{_ALL} * (one_hot(x, c, valid, k) - np.exp(log_softmax(x, k)))"),),),
        },
        "always",
        "a log-softmax is part of the loss, as in CrossEntropyLoss; this one is given the logarithms of probabilities",
        "L = -sum over n of I[n,t], dI[n,t] = -dL / N",
    ),
    Mistake(
        "input-taken-for-probability",
        {
            "out": ((("of_class(x, c, k)", "np.log(of_class(x, c, k))"),),),
            "dx": ((("slope / D", "slope / D / x"),),),
        },
        "always",
        "the logarithm of I is taken, or its derivative 1/I; I is the logarithm of a probability already",
        "L = -sum over n of I[n,t], dI[n,t] = -dL / N",
    ),
    Mistake(
        "gradient-to-all-classes",
        {"dx": (
            ((_DX, f"{_ALL} * np.ones(x.shape)"),),
            ((_DX, f"{_ALL} * (one_hot(x, c, valid, k) - np.exp(x))"),),
            (("slope / D", "slope / D * x"),),
        )},
        "more than one class",
        "the other classes get a gradient too, or that of the target is not -1: the loss is -I[n,t], of one class",
        "dI[n,t] = -dL / N, 0 for the other classes",
    ),
)  # fmt: skip

FAMILY = Family({"out": out, "dx": dx}, MISTAKES, prepare_classes, ("NLLLoss",))
