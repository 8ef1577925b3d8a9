"""What people get wrong in every loss: its reduction, its sign, and the gradient that comes from above.

The edits are of the words that the kernels of the losses have in common. D is the number of losses for a mean, and 1
elsewhere:

    out    each = ...
           return each if k.reduction == "none" else each.sum() / k.D
    dx     dout * ... / k.D
"""

from __future__ import annotations

from types import SimpleNamespace

from oracle.mistakes.kernel import Edit, Facts, Mistake, Variants
from oracle.subjects import Call

BOTH = ("dx", "dtarget")
EPSILONS = ("1e-5", "1e-7", "1e-8", "1e-9", "1e-10", "1e-12", "1e-15")  # that are seen in logarithms
_RETURN = 'return each if k.reduction == "none" else each.sum()'


def prepare(call: Call, losses: int | None = None) -> SimpleNamespace:
    """k: the settings, with the numbers of the weights that are given, D, and the dtype of the case. There are as many
    losses as x has elements, unless `losses` says how many."""
    x, settings = call.inputs["x"], dict(call.settings)
    settings |= {name: call.buffers.get(name) for name in ("weight", "pos_weight") if name in settings}
    settings["D"] = {"mean": x.size if losses is None else losses}.get(settings["reduction"], 1)
    return SimpleNamespace(**settings, dtype=x.dtype)


# ---- where a mistake shows


def averaged(facts: Facts) -> bool:
    return facts.get("reduction", "sum") == "mean"


def several(facts: Facts) -> bool:
    return facts["N"] > 1


def large(facts: Facts) -> bool:
    return facts["style"] in ("large", "offset")


def in_all(tensors: tuple[str, ...], *ways: Edit) -> dict[str, Variants]:
    """The same edits in each of the tensors."""
    return {name: tuple((way,) for way in ways) for name in tensors}


# ---- the mistakes


def directions(
    loss: str, gradient: str, gradients: tuple[str, ...] = BOTH, upstream: str = "dout * "
) -> tuple[Mistake, ...]:
    """Of the formulas "L = ..." and "dO = ...", in the letters of the course note. `upstream` is how a kernel
    multiplies by the gradient from above."""
    return (
        Mistake(
            "loss-sign",
            in_all(("out",), ("    return each", "    each = -each\n    return each")),
            "always",
            "the loss has the wrong sign: it grows where it should fall",
            loss,
        ),
        Mistake(
            "gradient-sign",
            in_all(gradients, (upstream, f"-{upstream}")),
            "always",
            "the gradient has the wrong sign",
            gradient,
        ),
        Mistake(
            "upstream-ignored",
            in_all(gradients, (upstream, "")),
            "dL is not 1",
            "the gradient that comes from above is left out",
            gradient,
        ),
    )  # fmt: skip


def reductions(
    gradients: tuple[str, ...] = BOTH, losses: str = "x.size", divisor: str = " / k.D"
) -> tuple[Mistake, ...]:
    """`losses` is their number, in the text of a kernel, and `divisor` what a mean is divided by."""
    return (
        Mistake(
            "missing-batch-mean",
            in_all(("out", *gradients), (divisor, "")),
            "more than one element",
            "the sum is returned where torch takes the mean; its gradient then lacks the division too",
            "divide by the number of losses, in the loss and in its gradient",
            averaged,
            convention=True,
        ),
        Mistake(
            "extra-batch-mean",
            in_all(("out", *gradients), (divisor, f"{divisor} / len(x)"), (divisor, f" / {losses}")),
            "N > 1",
            "the division by the number of losses is made once too often, or where the reduction is no mean",
            "divide by the number of losses once, for reduction=mean alone",
            convention=True,
        ),
        Mistake(
            "reduction-ignored",
            {"out": (
                (('k.reduction == "none"', "False"),),
                ((f"{_RETURN}{divisor}", "return each.mean()"),),
                ((f"{_RETURN}{divisor}", "return each"),),
            )},
            "reduction is not the one that is built in",
            "the reduction argument has no effect",
            "mean, sum, or every loss by itself, as reduction says",
        ),
    )  # fmt: skip


def element_means(gradients: tuple[str, ...] = BOTH) -> tuple[Mistake, ...]:
    """The mean over the rows in place of the mean over all elements."""
    return (
        Mistake(
            "normalised-by-batch",
            in_all(
                ("out", *gradients),
                (" / k.D", " / len(x)"),
                (" / k.D", " / (len(x) if k.D > 1 else 1)"),
                (" / k.D", " / (x.size / x.shape[-1] if k.D > 1 else 1)"),
            ),
            "more than one element in a row",
            "the sum is divided by N; the mean is over all elements, N*C",
            "divide by the number of elements: np.mean",
        ),
    )  # fmt: skip
