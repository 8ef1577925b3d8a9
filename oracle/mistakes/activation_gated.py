# ruff: noqa: E501  an edit stands on one line
"""SiLU, Mish and GELU, which are I times a gate, a smooth step from 0 to 1: the kernels, and a row for each of what
people get wrong in it."""

from __future__ import annotations

import math

import numpy as np

from oracle.mistakes.activation_shared import (
    NAIVE_SIGMOID,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    Activation,
    overflow,
    sigmoid,
)
from oracle.mistakes.kernel import Facts, Mistake, Variants

# ---- the kernels


def silu_out(x, k):
    return x * sigmoid(x)


def silu_dx(x, dout, k):
    s = sigmoid(x)
    return dout * (s + x * s * (1 - s))


def mish_out(x, k):
    return x * np.tanh(np.logaddexp(0, x))


def mish_dx(x, dout, k):
    t = np.tanh(np.logaddexp(0, x))
    return dout * (t + x * (1 - t * t) * sigmoid(x))


_erfc = np.vectorize(math.erfc, otypes=[float])
_A, _B = math.sqrt(2 / math.pi), 0.044715  # of GELU's approximation


def Phi(x):
    """The normal distribution function."""
    return _erfc(-x / math.sqrt(2)) / 2


def phi(x):
    """Its derivative, the normal density."""
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_out(x, k):
    return x * ((1 + np.tanh(_A * (x + _B * x**3))) / 2 if k.approximate == "tanh" else Phi(x))


def gelu_dx(x, dout, k):
    y, dy = _A * (x + _B * x**3), _A * (1 + 3 * _B * x**2)
    t = np.tanh(y)
    return dout * ((1 + t) / 2 + x * (1 - t * t) * dy / 2 if k.approximate == "tanh" else Phi(x) + x * phi(x))


# ---- what only one of them can get wrong

_MISH = overflow(
    "mish-overflow",
    (("x * np.tanh(np.logaddexp(0, x))", "x * ((1 + np.exp(X)) ** 2 - 1) / ((1 + np.exp(X)) ** 2 + 1)"),),
    (("sigmoid(x)", NAIVE_SIGMOID),),
    "np.tanh(np.logaddexp(0, I)), which is 1 for a large I",
)

_GELU_D = (
    "dI = dO * (Phi(I) + I * phi(I)); approximate = tanh: dO * ((1 + t) / 2 + I * (1 - t^2) * y' / 2), t = tanh(y)"
)
_Y = "y = sqrt(2/pi) * (I + 0.044715 * I^3)"


def _exact(facts: Facts) -> bool:
    return facts["approximate"] == "none"


def _approximate(facts: Facts) -> bool:
    return facts["approximate"] == "tanh"


_NUMBERS: Variants = (
    *((("_A", a),) for a in ("(2 / math.pi)", "(math.sqrt(2) / math.pi)", "1", "0.8", "0.7979", "0.79788456", "0.7978845608")),
    *((("_B", b),) for b in ("0.44715", "0.04715", "0.0044715", "0.0447")),
)  # fmt: skip

_GELU = (
    Mistake(
        "gelu-tanh-approximation",
        {name: ((('k.approximate == "tanh"', "True"),),) for name in ("out", "dx")},
        "approximate = none",
        "the tanh approximation is computed; torch's default is the exact one",
        "O = I * (1 + erf(I / sqrt(2))) / 2",
        _exact,
        convention=True,
    ),
    Mistake(
        "approximation-ignored",
        {name: ((('k.approximate == "tanh"', "False"),),) for name in ("out", "dx")},
        "approximate = tanh",
        "approximate has no effect: the exact function is computed",
        f"O = I * (1 + tanh(y)) / 2, {_Y}",
        _approximate,
    ),
    Mistake(
        "product-rule-missing",
        {"dx": (
            (("Phi(x) + x * phi(x)", "Phi(x)"),),
            (("Phi(x) + x * phi(x)", "x * phi(x)"),),
            (("Phi(x) + x * phi(x)", "phi(x)"),),
            (("(1 + t) / 2 + x * (1 - t * t) * dy / 2", "(1 + t) / 2"),),
        )},
        "",
        "I * Phi(I) is a product: its derivative has two terms",
        _GELU_D,
    ),
    Mistake(
        "inner-derivative-missing",
        {"dx": (
            ((" * dy / 2", " / 2"),),
            (("3 * _B * x**2", "_B * x**2"),),
            (("3 * _B * x**2", "3 * _B * x"),),
            (("(1 + 3 * _B * x**2)", "1"),),
        )},
        "approximate = tanh",
        "tanh is applied to y, a function of I: the chain rule multiplies by y' = sqrt(2/pi) * (1 + 3 * 0.044715 * I^2)",
        _GELU_D,
        _approximate,
    ),
    Mistake(
        "gelu-constants",
        {
            "out": (*_NUMBERS, (("Phi(x)", "Phi(x * math.sqrt(2))"),), (("Phi(x)", "2 * Phi(x)"),)),
            "dx": (*_NUMBERS, (("phi(x)", "phi(x) * math.sqrt(2 * math.pi)"),), (("phi(x)", "phi(x) * math.sqrt(2)"),)),
        },
        "",
        "one of the constants is another number, has too few digits, or is left out",
        f"{_Y}; Phi(I) = (1 + erf(I / sqrt(2))) / 2; phi(I) = exp(-I^2 / 2) / sqrt(2 pi)",
    ),
)  # fmt: skip

TABLE = (
    Activation(
        "SiLU", silu_out, silu_dx, "x * sigmoid(x)", "s + x * s * (1 - s)",
        others=(SIGMOID, RELU, ("", "1 - s"), ("x * np.tanh(np.logaddexp(0, x))", "s * (1 + x)"), ("x * np.tanh(x)", "")),
        product=("s * (1 - s)", "s", "x * s * (1 - s)"),
        formulas=("I * sigmoid(I)", "dO * (s + I * s * (1 - s)) with s = sigmoid(I)"),
        own=(overflow("silu-overflow", (("sigmoid(x)", NAIVE_SIGMOID),), (("sigmoid(x)", NAIVE_SIGMOID),)),),
    ),
    Activation(
        "Mish", mish_out, mish_dx, "x * np.tanh(np.logaddexp(0, x))", "t + x * (1 - t * t) * sigmoid(x)",
        others=(
            SILU, RELU, ("x * np.tanh(x)", "np.tanh(x) + x * (1 - np.tanh(x) ** 2)"), ("np.tanh(np.logaddexp(0, x))", "(1 - t * t) * sigmoid(x)"),
            ("x * np.logaddexp(0, x)", "np.logaddexp(0, x) + x * sigmoid(x)"), SOFTPLUS,
        ),
        product=("t", "x * (1 - t * t) * sigmoid(x)"),
        inner=("t + x * (1 - t * t)", "t + x * sigmoid(x)", "t + x * (1 - sigmoid(x) ** 2)"),
        formulas=("I * tanh(log(1 + exp(I)))", "dO * (t + I * (1 - t^2) * sigmoid(I)) with t = tanh(log(1 + exp(I)))"),
        own=(_MISH,),
    ),
    Activation(
        "GELU", gelu_out, gelu_dx, 'x * ((1 + np.tanh(_A * (x + _B * x**3))) / 2 if k.approximate == "tanh" else Phi(x))',
        '(1 + t) / 2 + x * (1 - t * t) * dy / 2 if k.approximate == "tanh" else Phi(x) + x * phi(x)',
        others=(("x / (1 + np.exp(-1.702 * x))", "1 / (1 + np.exp(-1.702 * x))"), ("x / (1 + np.exp(-x))", "1 / (1 + np.exp(-x))"), RELU),
        own=_GELU,
        formulas=("I * Phi(I), Phi(I) = (1 + erf(I / sqrt(2))) / 2", _GELU_D.removeprefix("dI = ")),
    ),
)  # fmt: skip

FAMILIES = tuple(row.family for row in TABLE)
