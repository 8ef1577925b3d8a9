# ruff: noqa: E501  an edit stands on one line
"""Activations: one row of a table each, because all of them are O = f(I) and dI = dO * f'(I).

A row has the two kernels, the functions that are mistaken for it, and what only it can get wrong; the mistakes that all
of them share are edits of the words `dout * (`, in which every gradient begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Edits, Family, Mistake
from oracle.subjects import Call

# ---- the kernels


def relu_out(x, k):
    return np.maximum(x, 0)


def relu_dx(x, dout, k):
    return dout * (x > 0)


def sigmoid_out(x, k):
    return 1 / (1 + np.exp(-x))


def sigmoid_dx(x, dout, k):
    s = 1 / (1 + np.exp(-x))
    return dout * (s * (1 - s))


def tanh_out(x, k):
    return np.tanh(x)


def tanh_dx(x, dout, k):
    t = np.tanh(x)
    return dout * (1 - t * t)


def prepare(call: Call) -> SimpleNamespace:
    """The dtype matters where something overflows."""
    return SimpleNamespace(**call.settings, dtype=call.inputs["x"].dtype)


@dataclass(frozen=True)
class Activation:
    """One row: `value` is f in the kernel's text, `slope` what stands in the brackets of the gradient."""

    name: str
    out: Callable[..., np.ndarray]
    dx: Callable[..., np.ndarray]
    value: str
    slope: str
    others: tuple[tuple[str, str], ...]  # (f, f') of the functions that are taken for it
    of_input: tuple[Edits, ...] = ()  # the derivative, written in the output, is given the input
    twice: tuple[Edits, ...] = ()  # the same, but given the output it applies f once more
    own: tuple[Mistake, ...] = field(default=())

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        of_input = Mistake(
            "derivative-of-input-not-output",
            {"dx": self.of_input},
            "always",
            "the derivative is written in the output of the function, and is given its input",
            "keep the output in forward: s*(1-s) for Sigmoid, 1-t*t for Tanh",
        )
        twice = Mistake(
            "function-applied-twice",
            {"dx": self.twice},
            "always",
            "the derivative applies the function to its argument, and is given the output, to which it was applied already",
            "f'(I) from the input, or s*(1-s) from the output s",
        )
        wrong_function = Mistake(
            "wrong-function",
            {
                "out": tuple(((self.value, value),) for value, _ in self.others),
                "dx": tuple(((self.slope, slope),) for _, slope in self.others),
            },
            "always",
            f"another function than {self.name} is computed",
            f"O = {self.value}",
        )
        named = tuple(mistake for mistake in (of_input, twice, wrong_function) if any(mistake.variants.values()))
        return self.own + named + SHARED


SHARED = (
    Mistake(
        "upstream-ignored",
        {"dx": ((("dout * (", "("),),)},
        "dO is not 1",
        "f'(I) alone is returned; the chain rule multiplies it by the gradient that comes from above",
        "dI = dO * f'(I)",
    ),
    Mistake(
        "upstream-twice",
        {"dx": ((("dout * (", "dout * dout * ("),),)},
        "dO is not 1",
        "the gradient that comes from above is multiplied in twice",
        "dI = dO * f'(I)",
    ),
    Mistake(
        "derivative-missing",
        {"dx": ((("dout * (", "dout + 0 * ("),),)},
        "always",
        "dO is passed on as it is; the chain rule multiplies it by f'(I)",
        "dI = dO * f'(I)",
    ),
)  # fmt: skip

_RELU = (
    Mistake(
        "mask-from-dout",
        {"dx": (
            (("(x > 0)", "(dout > 0)"),),
            (("(x > 0)", "((x > 0) & (dout > 0))"),),
        )},
        "dO and I have different signs",
        "the gradient passes where dO is positive; it must pass where the INPUT was positive",
        "dI = dO * (I > 0)",
    ),
    Mistake(
        "relu-gradient-at-zero",
        {"dx": (
            (("x > 0", "x >= 0"),),
            (("x > 0", "(x > 0) + 0.5 * (x == 0)"),),
        )},
        "an element of I is exactly 0",
        "the gradient at 0 is 1 or 1/2; torch takes 0",
        "dI = dO * (I > 0)",
        convention=True,
        styles=("kinks",),
    ),
    Mistake(
        "mask-inverted",
        {"dx": (
            (("x > 0", "x <= 0"),),
            (("x > 0", "x < 0"),),
        )},
        "always",
        "the gradient passes where I is negative, and is stopped where it is positive",
        "dI = dO * (I > 0)",
    ),
)  # fmt: skip


def _overflow(name: str, value: str, terms: str, kernel: str, x: str) -> Mistake:
    """`x` in the case's own dtype, in which exp overflows."""
    return Mistake(
        name,
        {"out": (((value, terms.replace("X", x)),),), "dx": (((kernel, terms.replace("X", x)),),)},
        "a large input",
        "exp(I) overflows for a large I, and inf/inf is NaN",
        "1 / (1 + exp(-I)) where I >= 0, exp(I) / (1 + exp(I)) where I < 0; np.tanh",
        lambda facts: facts["style"] == "large",
        styles=("large",),
    )


_TYPED = "x.astype(k.dtype)"
_SIGMOID_VALUE, _TANH_VALUE = "1 / (1 + np.exp(-x))", "np.tanh(x)"

TABLE = (
    Activation(
        "ReLU", relu_out, relu_dx, "np.maximum(x, 0)", "(x > 0)",
        others=(
            ("np.abs(x)", "np.sign(x)"),
            ("np.minimum(x, 0)", "(-1.0) * (x > 0)"),
            ("np.clip(x, 0, 1)", "((x > 0) & (x < 1))"),
            ("np.clip(x, 0, 6)", "((x > 0) & (x < 6))"),
            ("np.where(x > 0, x, 0.01 * x)", "np.where(x > 0, 1, 0.01)"),
            ("np.where(x > 0, x, 0.1 * x)", "np.where(x > 0, 1, 0.1)"),
            ("x", "np.maximum(x, 0)"),
            ("np.log1p(np.exp(x))", "(1 / (1 + np.exp(-x)))"),
            (_SIGMOID_VALUE, "(np.exp(-x) / (1 + np.exp(-x)) ** 2)"),
            (_TANH_VALUE, "(1 - np.tanh(x) ** 2)"),
        ),
        own=_RELU,
    ),
    Activation(
        "Sigmoid", sigmoid_out, sigmoid_dx, _SIGMOID_VALUE, "s * (1 - s)",
        others=(
            (_TANH_VALUE, "1 - np.tanh(x) ** 2"),
            ("np.tanh(x / 2)", "(1 - np.tanh(x / 2) ** 2) / 2"),
            ("1 / (1 + np.exp(x))", "-s * (1 - s)"),
            ("1 / (1 - np.exp(-x))", "s"),
            ("np.clip(0.2 * x + 0.5, 0, 1)", "0.2 * (np.abs(x) < 2.5)"),
            ("np.clip(x / 6 + 0.5, 0, 1)", "(np.abs(x) < 3) / 6"),
            ("np.maximum(x, 0)", "x > 0"),
            ("np.log(1 / (1 + np.exp(-x)))", "1 - s"),
            ("np.exp(x - x.max()) / np.exp(x - x.max()).sum()", "s * (1 + s)"),
        ),
        of_input=((("s * (1 - s)", "x * (1 - x)"),), (("s * (1 - s)", "s * (1 - x)"),), (("s * (1 - s)", "x * (1 - s)"),)),
        twice=((("    return", "    s = 1 / (1 + np.exp(-s))\n    return"),),),
        own=(_overflow("sigmoid-overflow", _SIGMOID_VALUE, "np.exp(X) / (1 + np.exp(X))", _SIGMOID_VALUE, _TYPED),),
    ),
    Activation(
        "Tanh", tanh_out, tanh_dx, _TANH_VALUE, "1 - t * t",
        others=(
            (_SIGMOID_VALUE, "np.exp(-x) / (1 + np.exp(-x)) ** 2"),
            ("np.tanh(x / 2)", "(1 - np.tanh(x / 2) ** 2) / 2"),
            ("np.tan(x)", "1 + t * t"),
            ("np.arctan(x)", "1 / (1 + x * x)"),
            ("np.clip(x, -1, 1)", "np.abs(x) < 1"),
            ("x / (1 + np.abs(x))", "1 / (1 + np.abs(x)) ** 2"),
            ("-np.tanh(x)", "t * (1 - t)"),
            ("np.sinh(x)", "1 - t"),
        ),
        of_input=((("1 - t * t", "1 - x * x"),),),
        twice=((("1 - t * t", "1 - np.tanh(t) ** 2"),),),
        own=(_overflow("tanh-overflow", _TANH_VALUE, "(np.exp(X) - np.exp(-X)) / (np.exp(X) + np.exp(-X))", _TANH_VALUE, _TYPED),),
    ),
)  # fmt: skip

FAMILIES = tuple(Family({"out": row.out, "dx": row.dx}, row.mistakes, prepare, (row.name,)) for row in TABLE)
