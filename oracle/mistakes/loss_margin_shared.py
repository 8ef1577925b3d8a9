# ruff: noqa: E501  an edit stands on one line
"""What people get wrong in every loss that asks for a margin: max(0, z), where z is the margin less what is right.

The edits are of the words that the kernels have in common:

    out    z = ... k.margin ...
           each = ... np.maximum(z, 0) ...
    dx     ... step(z) ...
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Facts, Mistake
from oracle.mistakes.loss_shared import in_all, prepare
from oracle.subjects import Call

ROWS = "x[..., 0].size"  # how many rows there are, in the text of a kernel


def step(z):
    """The derivative of max(0, z), where torch takes 1 at z = 0."""
    return (z >= 0).astype(float)


def per_row(dout):
    """The gradient from above of each row beside the row's numbers."""
    return dout[..., None] if dout.ndim else dout


def prepare_rows(call: Call) -> SimpleNamespace:
    """k, where there is one loss for each row."""
    x = call.inputs["x"].shape
    return prepare(call, int(np.prod(x[:-1])))


def hinge(gradients: tuple[str, ...], mask: str = "step(z)") -> tuple[Mistake, ...]:
    """`mask` says in the kernels where there is a loss."""
    return (
        Mistake(
            "maximum-missing",
            in_all(("out",), ("np.maximum(z, 0)", "z"), ("np.maximum(z, 0)", "np.abs(z)"))
            | in_all(gradients, (mask, "np.ones_like(z)"), (mask, "np.sign(z)")),
            "the margin is kept",
            "what is right by more than the margin has no loss and no gradient: here it counts all the same",
            "np.maximum(z, 0), where z is what is missing to the margin; a gradient only where z > 0",
        ),
        Mistake(
            "mask-inverted",
            in_all(gradients, (mask, "(z < 0)")),
            "always",
            "the gradient passes where the margin is kept, and is stopped where it is not",
            "the gradient of max(0, z) is 1 where z > 0",
        ),
    )  # fmt: skip


def kinks(gradients: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Where the margin is met without a rounding; elsewhere either side is right."""
    return (
        Mistake(
            "gradient-at-margin",
            in_all(gradients, ("step(z)", "(z > 0)"), ("step(z)", "((z > 0) + 0.5 * (z == 0))")),
            "the margin is met exactly",
            "the gradient of max(0, z) at z = 0 is 0, or 1/2; in this loss torch takes that of z",
            "z >= 0 in the gradient",
            convention=True,
            styles=("kinks",),
        ),
    )  # fmt: skip


def margins(gradients: tuple[str, ...], *built_in: str) -> tuple[Mistake, ...]:
    """`built_in` are the margins that stand in the code in place of the argument."""
    tensors = ("out", *gradients)
    return (
        Mistake(
            "margin-missing",
            in_all(tensors, ("k.margin", "0.0")),
            "margin is not 0",
            "the margin is left out: what is right must be ahead by that much, not just ahead",
            "max(0, margin - (what is right - what is wrong))",
            lambda facts: facts["margin"] != 0,
        ),
        Mistake(
            "margin-ignored",
            in_all(tensors, *(("k.margin", margin) for margin in built_in)),
            "margin is not the one that is built in",
            "the margin argument has no effect: one margin is always taken",
            "margin as it is given",
        ),
        Mistake(
            "margin-sign",
            in_all(tensors, ("k.margin", "(-k.margin)")),
            "margin is not 0",
            "the margin has the wrong sign: it makes the loss smaller where it should ask for more",
            "max(0, margin - (what is right - what is wrong))",
            lambda facts: facts["margin"] != 0,
        ),
    )  # fmt: skip


def squared(gradients: tuple[str, ...]) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "squared-hinge",
            in_all(("out",), ("np.maximum(z, 0)", "np.maximum(z, 0) ** 2"), ("np.maximum(z, 0)", "np.maximum(z, 0) ** 2 / 2"))
            | in_all(gradients, ("step(z)", "2 * np.maximum(z, 0)"), ("step(z)", "np.maximum(z, 0)")),
            "z > 0",
            "the square of max(0, z) is taken, as in the contrastive loss; torch takes it as it is",
            "np.maximum(z, 0), and 1 for its gradient",
        ),
    )  # fmt: skip


def row_means(gradients: tuple[str, ...]) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "normalised-by-size",
            in_all(("out", *gradients), (" / k.D", " / k.D / x.shape[-1]"), (" / k.D", " / (x.size if k.reduction == 'mean' else 1)")),
            "more than one number in a row",
            "the mean is taken over all numbers; the loss is one number a row",
            "divide by the number of rows, N",
        ),
    )  # fmt: skip


# ---- of several classes

WEIGHT_IGNORED = "the weights of the classes have no effect"


def weighted(facts: Facts) -> bool:
    return facts["weight"] is not None


def class_sums(gradients: tuple[str, ...], convention: bool = False) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "sum-over-classes",
            in_all(("out", *gradients), (" / x.shape[-1]", "")),
            "more than one class",
            "the classes of an image are added up; torch takes their mean",
            "divide by the number of classes, C, and by N",
            convention=convention,
        ),
        Mistake(
            "normalised-by-size",
            in_all(("out", *gradients), (" / x.shape[-1]", " / x.shape[-1] ** 2")),
            "more than one class",
            "the mean is taken over all N*C numbers: the division by C is made once too often",
            "the loss of an image first, then the mean over the N images",
        ),
    )  # fmt: skip
