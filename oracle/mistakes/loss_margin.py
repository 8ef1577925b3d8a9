# ruff: noqa: E501  an edit stands on one line
"""The losses of labels 1 and -1 with a margin: the kernels, and what people get wrong in them. Those of class numbers
are in loss_margin_classes, those of triplets in loss_margin_triplet, those with a logarithm in loss_margin_soft.

hinge embedding    L = O for t = 1, max(0, m - O) for t = -1;          dO = 1, and -1 where O <= m
margin ranking     L = max(0, -t (O1 - O2) + m);                       dO1 = -t where the maximum is not 0, dO2 = t
cosine embedding   L = 1 - cos for t = 1, max(0, cos - m) for t = -1;  dcos/dO1 = O2 / (|O1| |O2|) - cos O1 / |O1|^2
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oracle.mistakes import loss_margin_classes, loss_margin_soft, loss_margin_triplet
from oracle.mistakes.distance import norm_path
from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.loss_margin_shared import (
    ROWS,
    hinge,
    kinks,
    margins,
    per_row,
    prepare_rows,
    row_means,
    squared,
    step,
)
from oracle.mistakes.loss_shared import directions, element_means, in_all, prepare, reductions

# ---- the kernels. k: margin, reduction, D


def hinge_out(x, target, k):
    z = k.margin - x
    each = np.where(target == 1, x, np.maximum(z, 0))
    return each if k.reduction == "none" else each.sum() / k.D


def hinge_dx(x, target, dout, k):
    z = k.margin - x
    return dout * np.where(target == 1, 1, -1 * step(z)) / k.D


def ranking_out(x, x2, target, k):
    z = -target * (x - x2) + k.margin
    each = np.maximum(z, 0)
    return each if k.reduction == "none" else each.sum() / k.D


def ranking_dx(x, x2, target, dout, k):
    z = -target * (x - x2) + k.margin
    return dout * -target * step(z) / k.D


def ranking_dx2(x, x2, target, dout, k):
    z = -target * (x - x2) + k.margin
    return dout * target * step(z) / k.D


def cosine_out(x, x2, target, k):
    n, n2 = length(x), length(x2)
    cos = (x * x2).sum(axis=-1) / (n * n2)[..., 0]
    z = cos - k.margin
    each = np.where(target == 1, 1 - cos, np.maximum(z, 0))
    return each if k.reduction == "none" else each.sum() / k.D


def cosine_dx(x, x2, target, dout, k):
    target, dout, n, n2 = target[..., None], per_row(dout), length(x), length(x2)
    cos = (x * x2).sum(axis=-1, keepdims=True) / (n * n2)
    z = cos - k.margin
    slope = np.where(target == 1, -1, step(z))
    return dout * slope * (x2 / (n * n2) - cos * x / n**2) / k.D


def cosine_dx2(x, x2, target, dout, k):
    x, x2 = x2, x
    target, dout, n, n2 = target[..., None], per_row(dout), length(x), length(x2)
    cos = (x * x2).sum(axis=-1, keepdims=True) / (n * n2)
    z = cos - k.margin
    slope = np.where(target == 1, -1, step(z))
    return dout * slope * (x2 / (n * n2) - cos * x / n**2) / k.D


def length(x):
    """torch adds 1e-12 to the square, so that it is never 0."""
    return np.sqrt((x * x).sum(axis=-1, keepdims=True) + 1e-12)


# ---- the mistakes

_DX, _PAIR = ("dx",), ("dx", "dx2")
_LABELS = "t is 1 or -1, never 0"

_HINGE = (
    *directions("L = O for t = 1, max(0, m - O) for t = -1", "dO = 1 for t = 1; -1 for t = -1 where O <= m", _DX),
    *reductions(_DX),
    *element_means(_DX),
    *hinge(_DX),
    *kinks(_DX),
    *margins(_DX, "1.0"),
    *squared(_DX),
    Mistake(
        "labels-exchanged",
        in_all(("out", *_DX), ("target == 1", "target == -1")),
        "always",
        "1 and -1 are exchanged: O is a distance, which is small for what belongs together (t = 1)",
        "O for t = 1, max(0, m - O) for t = -1",
    ),
    Mistake(
        "labels-zero-one",
        {
            "out": ((("np.where(target == 1, x, np.maximum(z, 0))", "target * x + (1 - target) * np.maximum(z, 0)"),),),
            "dx": ((("np.where(target == 1, 1, -1 * step(z))", "(target - (1 - target) * step(z))"),),),
        },
        "a label is -1",
        "the labels are taken for 0 and 1",
        _LABELS,
    ),
    Mistake(
        "hinge-of-product",
        {
            "out": ((("k.margin - x", "k.margin - target * x"), ("np.where(target == 1, x, np.maximum(z, 0))", "np.maximum(z, 0)")),),
            "dx": ((("k.margin - x", "k.margin - target * x"), ("np.where(target == 1, 1, -1 * step(z))", "-target * step(z)")),),
        },
        "always",
        "max(0, m - t O) is the hinge of a score; this loss takes a distance, which counts as it is for t = 1",
        "O for t = 1, max(0, m - O) for t = -1",
    ),
    Mistake(
        "squared-distances",
        {"out": ((("target == 1, x, np.maximum(z, 0)", "target == 1, x ** 2, np.maximum(z, 0) ** 2"),),
                 (("target == 1, x, np.maximum(z, 0)", "target == 1, x ** 2 / 2, np.maximum(z, 0) ** 2 / 2"),)),
         "dx": ((("target == 1, 1, -1 * step(z)", "target == 1, 2 * x, -2 * np.maximum(z, 0)"),),
                (("target == 1, 1, -1 * step(z)", "target == 1, x, -np.maximum(z, 0)"),))},
        "always",
        "the squares are taken: this is the contrastive loss",
        "O for t = 1, max(0, m - O) for t = -1",
    ),
    Mistake(
        "one-branch-missing",
        {"out": ((("target == 1, x,", "target == 1, 0,"),), (("np.maximum(z, 0))", "0)"),)),
         "dx": ((("target == 1, 1,", "target == 1, 0,"),), (("-1 * step(z)", "0"),), (("-1 * step(z)", "step(z)"),))},
        "always",
        "one of the two labels has no loss or no gradient, or one of the wrong sign",
        "dO = 1 for t = 1, -1 for t = -1 where O <= m",
    ),
)  # fmt: skip

_RANKING = (
    *directions("L = max(0, -t (O1 - O2) + m)", "dO1 = -t where the maximum is not 0, dO2 = -dO1", _PAIR),
    *reductions(_PAIR),
    *element_means(_PAIR),
    *hinge(_PAIR),
    *kinks(_PAIR),
    *margins(_PAIR, "1.0"),
    *squared(_PAIR),
    Mistake(
        "label-sign",
        {
            "out": ((("-target * (x - x2)", "target * (x - x2)"),),),
            "dx": ((("z = -target", "z = target"),), (("z = -target", "z = target"), ("dout * -target", "dout * target"))),
            "dx2": ((("z = -target", "z = target"),), (("z = -target", "z = target"), ("dout * target", "dout * -target"))),
        },
        "always",
        "the label or the difference has the wrong sign: t = 1 says that O1 should be the greater one",
        "max(0, -t (O1 - O2) + m)",
    ),
    Mistake(
        "label-missing",
        {
            "out": ((("-target * ", "-"),),),
            "dx": ((("dout * -target", "dout * -1.0"),), (("z = -target * ", "z = -"), ("dout * -target", "dout * -1.0"))),
            "dx2": ((("dout * target * ", "dout * "),), (("z = -target * ", "z = -"), ("dout * target * ", "dout * "))),
        },
        "a label is -1",
        "the label is left out: for t = -1 the second one should be the greater",
        "dO1 = -t where the maximum is not 0, dO2 = t",
    ),
    Mistake(
        "labels-zero-one",
        {
            "out": ((("-target", "(1 - 2 * target)"),),),
            "dx": ((("-target", "(1 - 2 * target)"),),),
            "dx2": ((("z = -target", "z = (1 - 2 * target)"), ("dout * target", "dout * (2 * target - 1)")),),
        },
        "a label is -1",
        "the labels are taken for 0 and 1",
        _LABELS,
    ),
    Mistake(
        "margin-in-bracket",
        in_all(("out", *_PAIR), ("-target * (x - x2) + k.margin", "-target * (x - x2 + k.margin)"),
               ("-target * (x - x2) + k.margin", "-target * (x - x2 - k.margin)")),
        "margin is not 0",
        "the margin stands in the bracket, and is multiplied by the label: it should be asked for whatever the label is",
        "max(0, -t (O1 - O2) + m)",
        lambda facts: facts["margin"] != 0,
    ),
)  # fmt: skip

_COSINE = (
    *directions("L = 1 - cos for t = 1, max(0, cos - m) for t = -1", "dO1 = -dcos for t = 1, dcos for t = -1 where cos >= m", _PAIR),
    *reductions(_PAIR, ROWS),
    *row_means(_PAIR),
    *hinge(_PAIR),
    *margins(_PAIR, "0.5"),
    *norm_path(_PAIR, "n", "n**2", "(n * n2)", "dcos/dO1 = O2 / (|O1| |O2|) - cos * O1 / |O1|^2"),
    Mistake(
        "norms-missing",
        {
            "out": ((("/ (n * n2)[..., 0]", ""),), (("/ (n * n2)[..., 0]", "/ (n * n2)[..., 0] ** 2"),)),
            **in_all(_PAIR, ("(x2 / (n * n2)", "(x2"), ("(x2 / (n * n2)", "(x2 / n2")),
        },
        "always",
        "the product is not divided by both lengths, or it is divided by their squares",
        "cos = sum of O1 O2 / (|O1| |O2|)",
    ),
    Mistake(
        "labels-exchanged",
        in_all(("out", *_PAIR), ("target == 1", "target == -1")),
        "always",
        "1 and -1 are exchanged: t = 1 is for what should be alike",
        "1 - cos for t = 1, max(0, cos - m) for t = -1",
    ),
    Mistake(
        "labels-zero-one",
        {
            "out": ((("np.where(target == 1, 1 - cos, np.maximum(z, 0))", "target * (1 - cos) + (1 - target) * np.maximum(z, 0)"),),
                    (("np.where(target == 1, 1 - cos, np.maximum(z, 0))", "(target == 1) * (1 - cos) + (target == 0) * np.maximum(z, 0)"),)),
            **in_all(_PAIR, ("np.where(target == 1, -1, step(z))", "((1 - target) * step(z) - target)"),
                     ("np.where(target == 1, -1, step(z))", "((target == 0) * step(z) - (target == 1))")),
        },
        "a label is -1",
        "the labels are taken for 0 and 1",
        _LABELS,
    ),
    Mistake(
        "one-missing",
        {"out": ((("1 - cos", "-cos"),), (("1 - cos", "cos"),), (("1 - cos", "np.maximum(1 - cos - k.margin, 0)"),))},
        "a label is 1",
        "the 1 of 1 - cos is missing, or a margin is taken off it: the margin is for t = -1 alone",
        "1 - cos for t = 1",
    ),
    Mistake(
        "branch-sign",
        in_all(_PAIR, ("target == 1, -1,", "target == 1, 1,"), ("target == 1, -1, step(z)", "target == 1, -1, -1 * step(z)")),
        "always",
        "the gradient of one label has the wrong sign: that of 1 - cos is -dcos, that of cos - m is dcos",
        "-dcos for t = 1, dcos for t = -1 where cos >= m",
    ),
)  # fmt: skip

Kernels = dict[str, Callable[..., np.ndarray]]
_HINGE_KERNELS: Kernels = {"out": hinge_out, "dx": hinge_dx}
_RANKING_KERNELS: Kernels = {"out": ranking_out, "dx": ranking_dx, "dx2": ranking_dx2}
_COSINE_KERNELS: Kernels = {"out": cosine_out, "dx": cosine_dx, "dx2": cosine_dx2}

FAMILIES = (
    *loss_margin_classes.FAMILIES,
    *loss_margin_soft.FAMILIES,
    Family(_HINGE_KERNELS, _HINGE, prepare, ("HingeEmbeddingLoss",)),
    Family(_RANKING_KERNELS, _RANKING, prepare, ("MarginRankingLoss",)),
    Family(_COSINE_KERNELS, _COSINE, prepare_rows, ("CosineEmbeddingLoss",)),
    *loss_margin_triplet.FAMILIES,
)
