# ruff: noqa: E501  an edit stands on one line
"""Units that bend like a ReLU with exponentials in them (ELU to Mish): the kernels, and a row for each of what people
get wrong in it."""

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
from oracle.mistakes.kernel import Mistake

# ---- the kernels


def elu_out(x, k):
    return np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0)))


def elu_dx(x, dout, k):
    return dout * (np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0))))


def celu_out(x, k):
    return np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0) / k.alpha))


def celu_dx(x, dout, k):
    return dout * (np.where(x > 0, 1, np.exp(np.minimum(x, 0) / k.alpha)))


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805  # of SELU


def selu_out(x, k):
    return SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))


def selu_dx(x, dout, k):
    return dout * (SCALE * np.where(x > 0, 1, ALPHA * np.exp(np.minimum(x, 0))))


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


# ---- what only one of them can get wrong


def _unused_branch(name: str, out: tuple[str, str], dx: tuple[str, str]) -> Mistake:
    """Both sides are computed for every I, and multiplied by 0 or 1 instead of chosen."""
    return overflow(name, (out,), (dx,), "np.where(I > 0, ..., ...), and exp of np.minimum(I, 0) alone")


_ELU_O = "np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0)))"
_ELU_D = "np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0)))"
_CELU_O = "np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0) / k.alpha))"
_CELU_D = "np.where(x > 0, 1, np.exp(np.minimum(x, 0) / k.alpha))"
_SELU_O = "SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))"
_SELU_D = "SCALE * np.where(x > 0, 1, ALPHA * np.exp(np.minimum(x, 0)))"

_ELU = (
    Mistake(
        "alpha-ignored",
        {"out": ((("k.alpha * ", ""),),), "dx": ((("k.alpha * ", ""),), (("k.alpha * np.exp(np.minimum(x, 0))", "k.alpha * np.exp(np.minimum(x, 0)) + k.alpha"),))},
        "alpha is not 1",
        "alpha does not multiply the negative side, or is counted twice in its gradient",
        "O = alpha * (exp(I) - 1) where I <= 0, dI = dO * alpha * exp(I)",
    ),
    _unused_branch("elu-overflow", (_ELU_O, "(x > 0) * x + (x <= 0) * k.alpha * (np.exp(X) - 1)"), (_ELU_D, "(x > 0) + (x <= 0) * k.alpha * np.exp(X)")),
)  # fmt: skip

_CELU = (
    Mistake(
        "alpha-ignored",
        {
            "out": ((("k.alpha", "1"),), (("k.alpha * np", "np"),)),
            "dx": ((("k.alpha", "1"),),),
        },
        "alpha is not 1",
        "alpha has no effect, or does not multiply the negative side",
        "O = alpha * (exp(I / alpha) - 1) where I <= 0",
    ),
    Mistake(
        "elu-for-celu",
        {
            "out": ((("/ k.alpha", ""),), (("/ k.alpha", "* k.alpha"),)),
            "dx": (((_CELU_D, _ELU_D),), (("/ k.alpha", "* k.alpha"),)),
        },
        "alpha is not 1",
        "this is ELU, or alpha stands on the wrong side of the fraction: in CELU, I is divided by alpha before exp",
        "O = alpha * (exp(I / alpha) - 1) where I <= 0, dI = dO * exp(I / alpha)",
    ),
    _unused_branch("celu-overflow", (_CELU_O, "(x > 0) * x + (x <= 0) * k.alpha * (np.exp(X / k.alpha) - 1)"), (_CELU_D, "(x > 0) + (x <= 0) * np.exp(X / k.alpha)")),
)  # fmt: skip

_SELU = (
    Mistake(
        "selu-constants-swapped",
        {name: ((("SCALE", "@"), ("ALPHA", "SCALE"), ("@", "ALPHA")),) for name in ("out", "dx")},
        "always",
        "alpha and scale stand in each other's place",
        "scale = 1.0507009873554805 multiplies both sides, alpha = 1.6732632423543772 the negative one alone",
    ),
    Mistake(
        "constants-rounded",
        {name: tuple((("SCALE", scale), ("ALPHA", alpha)) for scale, alpha in
                     (("1.05", "1.67"), ("1.0507", "1.673"), ("1.0507", "1.6733"), ("1.0507", "1.67326"), ("1.050701", "1.673263"), ("1.0507010", "1.6732632")))
         for name in ("out", "dx")},
        "always",
        "alpha and scale have too few digits",
        "scale = 1.0507009873554805, alpha = 1.6732632423543772",
    ),
    _unused_branch("selu-overflow", (_SELU_O, "SCALE * ((x > 0) * x + (x <= 0) * ALPHA * (np.exp(X) - 1))"), (_SELU_D, "SCALE * ((x > 0) + (x <= 0) * ALPHA * np.exp(X))")),
)  # fmt: skip

_MISH = overflow(
    "mish-overflow",
    (("x * np.tanh(np.logaddexp(0, x))", "x * ((1 + np.exp(X)) ** 2 - 1) / ((1 + np.exp(X)) ** 2 + 1)"),),
    (("sigmoid(x)", NAIVE_SIGMOID),),
    "np.tanh(np.logaddexp(0, I)), which is 1 for a large I",
)

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

TABLE = (
    Activation(
        "ELU", elu_out, elu_dx, _ELU_O, _ELU_D,
        others=(
            ("np.where(x > 0, x, k.alpha * np.exp(np.minimum(x, 0)))", "np.where(x > 0, 1, k.alpha * np.expm1(np.minimum(x, 0)))"),
            ("np.where(x > 0, x, k.alpha * x)", "np.where(x > 0, 1, k.alpha)"), RELU,
        ),
        at_kink=(_ELU_D.replace("x > 0", "x >= 0"),),
        of_input=("np.where(x > 0, 1, x + k.alpha)",),
        formulas=("I where I > 0, alpha * (exp(I) - 1) elsewhere", "dO where I > 0, dO * alpha * exp(I) elsewhere"),
        own=_ELU,
    ),
    Activation(
        "CELU", celu_out, celu_dx, _CELU_O, _CELU_D,
        others=(
            ("np.where(x > 0, x, k.alpha * np.exp(np.minimum(x, 0) / k.alpha))", "np.where(x > 0, 1, np.expm1(np.minimum(x, 0) / k.alpha))"), RELU,
        ),
        inner=("np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0) / k.alpha))", "np.where(x > 0, 1, np.exp(np.minimum(x, 0) / k.alpha) / k.alpha)"),
        of_input=("np.where(x > 0, 1, x / k.alpha + 1)",),
        formulas=("I where I > 0, alpha * (exp(I / alpha) - 1) elsewhere", "dO where I > 0, dO * exp(I / alpha) elsewhere"),
        own=_CELU,
    ),
    Activation(
        "SELU", selu_out, selu_dx, _SELU_O, _SELU_D,
        others=(
            ("SCALE * np.where(x > 0, x, ALPHA * np.exp(np.minimum(x, 0)))", "SCALE * np.where(x > 0, 1, ALPHA * np.expm1(np.minimum(x, 0)))"), RELU,
            ("np.where(x > 0, x, np.expm1(np.minimum(x, 0)))", "np.where(x > 0, 1, np.exp(np.minimum(x, 0)))"),
        ),
        at_kink=(_SELU_D.replace("x > 0", "x >= 0"),),
        constant=(
            (_SELU_O.removeprefix("SCALE * "), _SELU_D.removeprefix("SCALE * ")),
            (_SELU_O.replace("ALPHA * ", ""), _SELU_D.replace("ALPHA * ", "")),
            ("np.where(x > 0, x, SCALE * ALPHA * np.expm1(np.minimum(x, 0)))", "np.where(x > 0, 1, SCALE * ALPHA * np.exp(np.minimum(x, 0)))"),
            ("np.where(x > 0, SCALE * x, ALPHA * np.expm1(np.minimum(x, 0)))", "np.where(x > 0, SCALE, ALPHA * np.exp(np.minimum(x, 0)))"),
        ),
        of_input=("np.where(x > 0, SCALE, x + SCALE * ALPHA)",),
        formulas=("scale * (I where I > 0, alpha * (exp(I) - 1) elsewhere)", "dO * scale * (1 where I > 0, alpha * exp(I) elsewhere)"),
        own=_SELU,
    ),
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
        "GELU", gelu_out, gelu_dx, 'gelu_tanh(x) if k.approximate == "tanh" else gelu(x)',
        'gelu_tanh_slope(x) if k.approximate == "tanh" else gelu_slope(x)',
        others=(("x / (1 + np.exp(-1.702 * x))", "1 / (1 + np.exp(-1.702 * x))"), ("x / (1 + np.exp(-x))", "1 / (1 + np.exp(-x))"), RELU),
        formulas=("I * Phi(I), Phi(I) = (1 + erf(I / sqrt(2))) / 2", "dO * (Phi(I) + I * phi(I)), phi(I) = exp(-I^2 / 2) / sqrt(2 pi)"),
        own=_GELU,
    ),
)  # fmt: skip

FAMILIES = tuple(row.family for row in TABLE)
