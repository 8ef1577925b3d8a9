# ruff: noqa: E501  an edit stands on one line
"""The losses of class numbers with a margin: the kernels, and what people get wrong in them.

multi-margin (the SVM's)   L = w[t]/C * sum over c other than t of max(0, m - O[t] + O[c])^p
                           dO[c] = w[t]/C * p max(0, ...)^(p-1);  dO[t] = minus the sum of all these
multi-label margin         L = 1/C * sum over wanted t and the other classes c of max(0, 1 - O[t] + O[c])
                           dO[c] = 1/C for each wanted t that is too near, dO[t] the negative of it for each such c
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_margin_shared import (
    ROWS,
    WEIGHT_IGNORED,
    class_sums,
    hinge,
    margins,
    per_row,
    prepare_rows,
    weighted,
)
from oracle.mistakes.loss_shared import averaged, directions, in_all, reductions

# ---- multi-margin. k: p, margin, weight, reduction, D


def margin_out(x, target, k):
    z = k.margin - right(x, target) + x
    each = class_weight(k, target) * (np.maximum(z, 0) ** k.p * others(x, target)).sum(axis=-1) / x.shape[-1]
    return each if k.reduction == "none" else each.sum() / k.D


def margin_dx(x, target, dout, k):
    z = k.margin - right(x, target) + x
    slope = k.p * np.maximum(z, 0) ** (k.p - 1) * (z > 0) * others(x, target)
    slope = np.where(others(x, target), slope, -slope.sum(axis=-1, keepdims=True))
    dout, w = per_row(dout), per_row(class_weight(k, target))
    return dout * w * slope / x.shape[-1] / k.D


def right(x, target):
    """O[t]"""
    return np.take_along_axis(x, target[..., None], -1)


def others(x, target):
    """Whether c is another class than t."""
    return np.arange(x.shape[-1]) != target[..., None]


def class_weight(k, target):
    return np.ones(target.shape) if k.weight is None else k.weight[target]


# ---- multi-label margin. k: reduction, D; a row of the target lists classes and ends at the first -1


def labels_out(x, target, k):
    classes = listed(target)[..., None] & (target[..., None] == np.arange(x.shape[-1]))  # [..., j, c]: t[j] is c
    pairs = listed(target)[..., None] & ~classes.any(axis=-2, keepdims=True)
    z = 1 - (classes * x[..., None, :]).sum(axis=-1, keepdims=True) + x[..., None, :]
    each = (np.maximum(z, 0) * pairs).sum(axis=(-2, -1)) / x.shape[-1]
    return each if k.reduction == "none" else each.sum() / k.D


def labels_dx(x, target, dout, k):
    classes = listed(target)[..., None] & (target[..., None] == np.arange(x.shape[-1]))
    pairs = listed(target)[..., None] & ~classes.any(axis=-2, keepdims=True)
    z = 1 - (classes * x[..., None, :]).sum(axis=-1, keepdims=True) + x[..., None, :]
    hits, dout = (z > 0) * pairs, per_row(dout)
    slope = hits.sum(axis=-2) - (hits.sum(axis=-1, keepdims=True) * classes).sum(axis=-2)
    return dout * slope / x.shape[-1] / k.D


def listed(target):
    """Whether t[j] stands before the first -1."""
    return np.logical_and.accumulate(target >= 0, axis=-1)


# ---- the mistakes


_DX = ("dx",)
_ONE_LESS = (" / x.shape[-1]", " / max(x.shape[-1] - 1, 1)")
_MASKED = "(z > 0) * others(x, target)"
_SLOPE = "np.where(others(x, target), slope, -slope.sum(axis=-1, keepdims=True))"
_EXCHANGED = ("k.margin - right(x, target) + x", "k.margin + right(x, target) - x")
_RIGHT = "-slope.sum(axis=-1, keepdims=True)"
_D_OF_WEIGHTS = "(class_weight(k, target).sum() if k.reduction == 'mean' else 1)"

_MARGIN = (
    *directions("L = sum over c other than t of max(0, m - O[t] + O[c])", "dO[c] = 1 for each c that is too near, dO[t] = minus their number", _DX),
    *reductions(_DX, ROWS),
    *hinge(_DX, "(z > 0)"),
    *margins(_DX, "1.0"),
    *class_sums(_DX, convention=True),
    Mistake(
        "normalised-by-other-classes",
        in_all(("out", *_DX), _ONE_LESS),
        "always",
        "the sum over the C - 1 other classes is divided by their number; torch divides by C",
        "divide by the number of classes, C, and by N",
    ),
    Mistake(
        "right-class-counted",
        {
            "out": (((" * others(x, target)", ""),),),
            "dx": (
                ((_MASKED, "(z > 0)"),),
                ((_MASKED, "(z > 0)"), (_SLOPE, "slope - ~others(x, target) * (slope * others(x, target)).sum(axis=-1, keepdims=True)")),
            ),
        },
        "always",
        "the right class has a margin of its own: max(0, m - O[t] + O[t]) = m is counted too",
        "margins[np.arange(N), t] = 0, before they are added up and counted",
    ),
    Mistake(
        "right-class-missing",
        {"dx": (((_SLOPE, "slope"),), ((_SLOPE, "slope + ~others(x, target)"),))},
        "always",
        "the right class has no gradient: its score stands in the margin of every other class",
        "dO[t] = minus the number of classes that are too near",
    ),
    Mistake(
        "not-times-count",
        {"dx": (((_RIGHT, "-1.0"),), ((_RIGHT, "-1.0 * (slope.sum(axis=-1, keepdims=True) > 0)"),), ((_RIGHT, "-slope.max(axis=-1, keepdims=True)"),))},
        "more than one class is too near, or none",
        "the right class is moved once, whatever the number of classes that are too near",
        "dO[t] = minus the number of classes c with m - O[t] + O[c] > 0",
    ),
    Mistake(
        "right-class-sign",
        {"dx": (((_RIGHT, _RIGHT[1:]),), ((_SLOPE, f"-{_SLOPE}"), (_RIGHT, _RIGHT[1:])))},
        "always",
        "the right class and the others have gradients of the same sign: one should rise where the others fall",
        "dO[c] = 1, dO[t] = minus their number",
    ),
    Mistake(
        "scores-exchanged",
        {"out": ((_EXCHANGED,),), "dx": ((_EXCHANGED,), (_EXCHANGED, ("dout * w", "-dout * w")))},
        "always",
        "the difference has the wrong sign: the right class should be ahead of the others",
        "max(0, m - O[t] + O[c])",
    ),
    Mistake(
        "largest-only",
        {
            "out": (((").sum(axis=-1) /", ").max(axis=-1) /"),),),
            "dx": (((_MASKED, f"{_MASKED} * (z == np.where(others(x, target), z, -np.inf).max(axis=-1, keepdims=True))"),),),
        },
        "more than one class is too near",
        "only the class that is nearest counts; torch adds up all of them",
        "the sum over all c other than t",
    ),
    Mistake(
        "p-ignored",
        in_all(("out", *_DX), ("k.p", "1"), ("k.p", "2")),
        "p is not the one that is built in",
        "the margins are squared, or not, whatever p says",
        "max(0, m - O[t] + O[c])^p",
    ),
    Mistake(
        "power-rule",
        {"dx": ((("k.p * np", "np"),), (("np.maximum(z, 0) ** (k.p - 1) * ", ""),), (("** (k.p - 1)", "** k.p"),))},
        "p = 2",
        "the derivative of max(0, z)^p is p max(0, z)^(p-1): a factor is missing",
        "dO[c] = 2 max(0, m - O[t] + O[c]) for p = 2",
        lambda facts: facts["p"] == 2,
    ),
    Mistake(
        "weight-ignored",
        in_all(("out", *_DX), ("class_weight(k, target)", "np.ones(target.shape)")),
        "weight is given",
        WEIGHT_IGNORED,
        "w[t] times the loss of the image",
        weighted,
    ),
    Mistake(
        "weight-of-other-class",
        {
            "out": ((("class_weight(k, target) * ", ""), (" * others(x, target)", " * others(x, target) * class_weight(k, np.arange(x.shape[-1]))")),),
            "dx": ((("w = per_row(dout), per_row(class_weight(k, target))", "w = per_row(dout), 1"), (_MASKED, f"{_MASKED} * class_weight(k, np.arange(x.shape[-1]))")),),
        },
        "weight is given",
        "each margin has the weight of the class c that is too near; torch takes that of the right class",
        "w[t], in front of the sum",
        weighted,
    ),
    Mistake(
        "divided-by-weights",
        in_all(("out", *_DX), (" / k.D", f" / {_D_OF_WEIGHTS}")),
        "weight is given, reduction = mean",
        "the mean is divided by the sum of the weights, as in the cross entropy; here torch divides by N",
        "divide by N",
        lambda facts: weighted(facts) and averaged(facts),
    ),
)  # fmt: skip

_CLASSES = "(target[..., None] == np.arange(x.shape[-1]))"
_PAIRS = "~classes.any(axis=-2, keepdims=True)"
_AHEAD = (("z = 1 - ", "z = 1 + "), ("keepdims=True) + x", "keepdims=True) - x"))
_WANTED = "(hits.sum(axis=-1, keepdims=True) * classes)"

_LABELS = (
    *directions("L = sum over wanted t and the other classes c of max(0, 1 - O[t] + O[c])", "dO[c] = 1 and dO[t] = -1 for each pair that is too near", _DX),
    *reductions(_DX, ROWS),
    *hinge(_DX, "(z > 0)"),
    *class_sums(_DX),
    Mistake(
        "divided-by-labels",
        in_all(("out",), (" / x.shape[-1]", " / np.maximum(listed(target).sum(axis=-1), 1)"), (" / x.shape[-1]", " / np.maximum(pairs.sum(axis=(-2, -1)), 1)"))
        | in_all(_DX, (" / x.shape[-1]", " / per_row(np.maximum(listed(target).sum(axis=-1), 1))"), (" / x.shape[-1]", " / per_row(np.maximum(pairs.sum(axis=(-2, -1)), 1))")),
        "always",
        "the sum is divided by the number of wanted classes, or of pairs; torch divides by the number of classes",
        "divide by C, and by N",
    ),
    Mistake(
        "margin-missing",
        in_all(("out", *_DX), ("z = 1 - ", "z = 0 - ")),
        "always",
        "the margin of 1 is missing",
        "max(0, 1 - O[t] + O[c])",
    ),
    Mistake(
        "scores-exchanged",
        {"out": (_AHEAD,), "dx": (_AHEAD, (*_AHEAD, ("dout * slope", "-dout * slope")))},
        "always",
        "the difference has the wrong sign: the wanted classes should be ahead of the others",
        "max(0, 1 - O[t] + O[c])",
    ),
    Mistake(
        "list-not-ended",
        in_all(("out", *_DX), ("listed(target)", "(target >= 0)")),
        "a class stands after a -1",
        "the list of wanted classes ends at the first -1: what stands after it does not count",
        "np.logical_and.accumulate(Ot >= 0, axis=-1)",
    ),
    Mistake(
        "minus-one-is-a-class",
        {name: ((("listed(target)", "np.ones(target.shape, bool)"), (_CLASSES, "(target[..., None] % x.shape[-1] == np.arange(x.shape[-1]))")),)
         for name in ("out", *_DX)},
        "a target is -1",
        "-1 is used as an index and means the last class; it ends the list",
        "only what stands before the first -1",
    ),
    Mistake(
        "first-label-only",
        in_all(("out", *_DX), ("listed(target)", "(listed(target) & (np.arange(target.shape[-1]) == 0))")),
        "more than one class is wanted",
        "only the first wanted class counts",
        "the sum over all that stand before the first -1",
    ),
    Mistake(
        "multi-hot-target",
        {name: ((("listed(target)", "(target > 0)"), (_CLASSES, "np.eye(x.shape[-1], dtype=bool)")),) for name in ("out", *_DX)},
        "always",
        "the target is taken for a row with a 1 in the place of each wanted class; it is a list of class numbers",
        "O[Ot[j]] for each j before the first -1",
    ),
    Mistake(
        "right-class-counted",
        in_all(("out",), (_PAIRS, "~classes"), (_PAIRS, "np.ones_like(classes)")) | in_all(_DX, (_PAIRS, "~classes")),
        "more than one class is wanted",
        "the wanted classes are held against each other, or against themselves: only the others count",
        "c runs over the classes that are not in the list",
    ),
    Mistake(
        "right-class-missing",
        {"dx": (((f" - {_WANTED}.sum(axis=-2)", ""),), ((f"hits.sum(axis=-2) - {_WANTED}", f"-{_WANTED}"),))},
        "always",
        "either the wanted classes or the others have no gradient: both stand in every margin",
        "dO[c] = 1 and dO[t] = -1 for each pair that is too near",
    ),
    Mistake(
        "not-times-count",
        {"dx": (((_WANTED, "((hits.sum(axis=-1, keepdims=True) > 0) * classes)"),), ((_WANTED, "classes"),),
                (("hits.sum(axis=-2)", "(hits.sum(axis=-2) > 0)"),))},
        "a class has more than one partner that is too near",
        "a class is moved once, whatever the number of pairs that it is in",
        "dO[t] = minus the number of classes c with 1 - O[t] + O[c] > 0",
    ),
)  # fmt: skip

Kernels = dict[str, Callable[..., np.ndarray]]
_MARGIN_KERNELS: Kernels = {"out": margin_out, "dx": margin_dx}
_LABELS_KERNELS: Kernels = {"out": labels_out, "dx": labels_dx}

FAMILIES = (
    Family(_MARGIN_KERNELS, _MARGIN, prepare_rows, ("MultiMarginLoss",)),
    Family(_LABELS_KERNELS, _LABELS, prepare_rows, ("MultiLabelMarginLoss",)),
)
