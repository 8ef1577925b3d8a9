# ruff: noqa: E501  an edit stands on one line
"""Activations: one row of a table each, because all of them are O = f(I) and dI = dO * f'(I).

A row has the two kernels, the functions that are mistaken for it, and what only it can get wrong; the mistakes that all
of them share are edits of the words `dout * (`, in which every gradient begins.
"""

from __future__ import annotations

import math
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


def leaky_out(x, k):
    return np.where(x > 0, x, k.negative_slope * x)


def leaky_dx(x, dout, k):
    return dout * (np.where(x > 0, 1, k.negative_slope))


def elu_out(x, k):
    return np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0)))


def elu_dx(x, dout, k):
    return dout * (np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0))))


def silu_out(x, k):
    s = 1 / (1 + np.exp(-x))
    return x * s


def silu_dx(x, dout, k):
    s = 1 / (1 + np.exp(-x))
    return dout * (s + x * s * (1 - s))


def softplus_out(x, k):
    return np.where(k.beta * x > k.threshold, x, np.logaddexp(0, k.beta * x) / k.beta)


def softplus_dx(x, dout, k):
    s = 1 / (1 + np.exp(-k.beta * x))
    return dout * (np.where(k.beta * x > k.threshold, 1, s))


def gelu_out(x, k):
    return gelu_tanh(x) if k.approximate == "tanh" else gelu(x)


def gelu_dx(x, dout, k):
    return dout * (gelu_tanh_slope(x) if k.approximate == "tanh" else gelu_slope(x))


# ---- what GELU's kernels are made of

_erfc = np.vectorize(math.erfc, otypes=[float])
_A, _B = math.sqrt(2 / math.pi), 0.044715


def gelu(x):
    return x * _erfc(-x / math.sqrt(2)) / 2


def gelu_slope(x):
    return _erfc(-x / math.sqrt(2)) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(x):
    return x * (1 + np.tanh(_A * (x + _B * x**3))) / 2


def gelu_tanh_slope(x):
    t = np.tanh(_A * (x + _B * x**3))
    return (1 + t) / 2 + x * (1 - t * t) * _A * (1 + 3 * _B * x**2) / 2


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


_LEAKY = (
    Mistake(
        "leaky-slope",
        {
            "out": (
                *((("k.negative_slope", slope),) for slope in ("0.01", "0.1", "0.2", "0.3")),
                (("x > 0, x, k.negative_slope * x", "x > 0, k.negative_slope * x, x"),),
                (("k.negative_slope * x", "-k.negative_slope * x"),),
                (("k.negative_slope * x", "k.negative_slope"),),
            ),
            "dx": (
                *((("k.negative_slope", slope),) for slope in ("0.01", "0.1", "0.2", "0.3", "0")),
                (("x > 0, 1, k.negative_slope", "x > 0, k.negative_slope, 1"),),
                (("k.negative_slope", "-k.negative_slope"),),
                (("k.negative_slope", "k.negative_slope * x"),),
            ),
        },
        "an element of I is negative",
        "the slope of the negative side is another number, or stands on the wrong side",
        "O = I where I > 0, negative_slope * I elsewhere; torch's default is 0.01",
    ),
)  # fmt: skip

_ELU = (
    Mistake(
        "alpha-ignored",
        {"out": ((("k.alpha * ", ""),),), "dx": ((("k.alpha * ", ""),), (("k.alpha * np.exp(np.minimum(x, 0))", "k.alpha * np.exp(np.minimum(x, 0)) + k.alpha"),))},
        "alpha is not 1",
        "alpha does not multiply the negative side, or is counted twice in its gradient",
        "O = alpha * (exp(I) - 1) where I <= 0, dI = dO * alpha * exp(I)",
    ),
)  # fmt: skip

_SILU = (
    Mistake(
        "product-rule-missing",
        {"dx": ((("s + x * s * (1 - s)", "s * (1 - s)"),), (("s + x * s * (1 - s)", "s"),), (("s + x * s * (1 - s)", "x * s * (1 - s)"),))},
        "always",
        "I * s(I) is a product: its derivative has two terms",
        "dI = dO * (s + I * s * (1 - s))",
    ),
)  # fmt: skip

_SOFTPLUS = (
    Mistake(
        "beta-ignored",
        {
            "out": ((("k.beta", "1"),), (("k.beta * x) / k.beta", "k.beta * x)"),)),
            "dx": ((("k.beta", "1"),), (("threshold, 1, s", "threshold, 1, s * k.beta"),)),
        },
        "beta is not 1",
        "beta has no effect, or the division by beta is missing",
        "O = log(1 + exp(beta * I)) / beta, dI = dO * sigmoid(beta * I)",
    ),
    Mistake(
        "softplus-overflow",
        {"out": ((("np.logaddexp(0, k.beta * x)", "np.log(1 + np.exp((k.beta * x).astype(k.dtype)))"),
                  ("k.beta * x > k.threshold", "x == np.inf")),)},
        "a large input",
        "exp(I) overflows for a large I",
        "I where beta * I > threshold, np.logaddexp(0, beta * I) / beta elsewhere",
        styles=("large",),
    ),
)  # fmt: skip

_GELU = (
    Mistake(
        "gelu-tanh-approximation",
        {name: ((('k.approximate == "tanh"', "True"),),) for name in ("out", "dx")},
        "approximate = none",
        "the tanh approximation is computed; torch's default is the exact one",
        "O = I * (1 + erf(I / sqrt(2))) / 2",
        lambda facts: facts["approximate"] == "none",
        convention=True,
    ),
    Mistake(
        "approximation-ignored",
        {name: ((('k.approximate == "tanh"', "False"),),) for name in ("out", "dx")},
        "approximate = tanh",
        "approximate has no effect: the exact function is computed",
        "O = I * (1 + tanh(sqrt(2/pi) * (I + 0.044715 * I^3))) / 2",
        lambda facts: facts["approximate"] == "tanh",
    ),
    Mistake(
        "product-rule-missing",
        {"dx": (
            (("gelu_slope(x))", "_erfc(-x / math.sqrt(2)) / 2)"),),
            (("gelu_slope(x))", "np.exp(-x * x / 2) / math.sqrt(2 * math.pi))"),),
        )},
        "approximate = none",
        "I * Phi(I) is a product: its derivative has two terms",
        "dI = dO * (Phi(I) + I * phi(I))",
        lambda facts: facts["approximate"] == "none",
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
    Activation(
        "LeakyReLU", leaky_out, leaky_dx, "np.where(x > 0, x, k.negative_slope * x)", "np.where(x > 0, 1, k.negative_slope)",
        others=(("np.maximum(x, 0)", "x"), ("np.abs(x)", "np.sign(x)")),
        own=_LEAKY,
    ),
    Activation(
        "ELU", elu_out, elu_dx, "np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0)))",
        "np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0)))",
        others=(
            ("np.where(x > 0, x, k.alpha * np.exp(np.minimum(x, 0)))", "np.where(x > 0, 1, k.alpha * np.expm1(np.minimum(x, 0)))"),
            ("np.where(x > 0, x, k.alpha * x)", "np.where(x > 0, 1, k.alpha)"),
            ("np.maximum(x, 0)", "(x > 0)"),
        ),
        own=_ELU,
    ),
    Activation(
        "SiLU", silu_out, silu_dx, "x * s", "s + x * s * (1 - s)",
        others=(("s", "1 - s"), ("x * np.tanh(np.logaddexp(0, x))", "s * (1 + x)"), ("np.maximum(x, 0)", "x > 0")),
        own=_SILU,
    ),
    Activation(
        "Softplus", softplus_out, softplus_dx, "np.where(k.beta * x > k.threshold, x, np.logaddexp(0, k.beta * x) / k.beta)",
        "np.where(k.beta * x > k.threshold, 1, s)",
        others=(("np.maximum(x, 0)", "(x > 0)"), ("np.log(np.exp(x))", "s * (1 - s)")),
        own=_SOFTPLUS,
    ),
    Activation(
        "GELU", gelu_out, gelu_dx, 'gelu_tanh(x) if k.approximate == "tanh" else gelu(x)',
        'gelu_tanh_slope(x) if k.approximate == "tanh" else gelu_slope(x)',
        others=(
            ("x / (1 + np.exp(-1.702 * x))", "1 / (1 + np.exp(-1.702 * x))"),
            ("x / (1 + np.exp(-x))", "1 / (1 + np.exp(-x))"),
            ("np.maximum(x, 0)", "x > 0"),
        ),
        own=_GELU,
    ),
)  # fmt: skip

FAMILIES = tuple(Family({"out": row.out, "dx": row.dx}, row.mistakes, prepare, (row.name,)) for row in TABLE)
