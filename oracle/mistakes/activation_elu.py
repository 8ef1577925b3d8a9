# ruff: noqa: E501  an edit stands on one line
"""ELU, CELU and SELU, which are I above 0 and an exponential below: the kernels, and a row for each of what people get
wrong in it."""

from __future__ import annotations

import numpy as np

from oracle.mistakes.activation_shared import RELU, Activation, overflow
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


# ---- what only one of them can get wrong

_ELU_O = "np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0)))"
_ELU_D = "np.where(x > 0, 1, k.alpha * np.exp(np.minimum(x, 0)))"
_CELU_O = "np.where(x > 0, x, k.alpha * np.expm1(np.minimum(x, 0) / k.alpha))"
_CELU_D = "np.where(x > 0, 1, np.exp(np.minimum(x, 0) / k.alpha))"
_SELU_O = "SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))"
_SELU_D = "SCALE * np.where(x > 0, 1, ALPHA * np.exp(np.minimum(x, 0)))"


def _unused_branch(name: str, out: tuple[str, str], dx: tuple[str, str]) -> Mistake:
    """Both sides are computed for every I, and multiplied by 0 or 1 instead of chosen."""
    return overflow(name, (out,), (dx,), "np.where(I > 0, ..., ...), and exp of np.minimum(I, 0) alone")


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
)  # fmt: skip

FAMILIES = tuple(row.family for row in TABLE)
