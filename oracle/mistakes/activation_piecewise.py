# ruff: noqa: E501  an edit stands on one line
"""Activations made of straight lines: the kernels, and a row for each of what people get wrong in it."""

from __future__ import annotations

import numpy as np

from oracle.mistakes.activation_shared import (
    ABS,
    HARDTANH,
    KERAS_HARDSIGMOID,
    RELU,
    RELU6,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
    Activation,
    at_kink,
    leaky_slope,
    mask_from_dout,
    maximum_for_slope,
)
from oracle.mistakes.kernel import Mistake

# ---- the kernels


def relu_out(x, k):
    return np.maximum(x, 0)


def relu_dx(x, dout, k):
    return dout * (x > 0)


def leaky_out(x, k):
    return np.where(x > 0, x, k.negative_slope * x)


def leaky_dx(x, dout, k):
    return dout * (np.where(x > 0, 1, k.negative_slope))


def relu6_out(x, k):
    return np.clip(x, 0, 6)


def relu6_dx(x, dout, k):
    return dout * ((x > 0) & (x < 6))


def hardtanh_out(x, k):
    return np.clip(x, k.min_val, k.max_val)


def hardtanh_dx(x, dout, k):
    return dout * ((x > k.min_val) & (x < k.max_val))


def hardsigmoid_out(x, k):
    return np.clip(x + 3, 0, 6) / 6


def hardsigmoid_dx(x, dout, k):
    return dout * (((x > -3) & (x < 3)) / 6)


def hardswish_out(x, k):
    return x * np.clip(x + 3, 0, 6) / 6


def hardswish_dx(x, dout, k):
    return dout * (np.where(x <= -3, 0, np.where(x < 3, (2 * x + 3) / 6, 1)))


def hardshrink_out(x, k):
    return np.where(np.abs(x) > k.lambd, x, 0)


def shrink_dx(x, dout, k):
    return dout * (np.abs(x) > k.lambd)


def softshrink_out(x, k):
    return np.where(x > k.lambd, x - k.lambd, np.where(x < -k.lambd, x + k.lambd, 0))


def threshold_out(x, k):
    return np.where(x > k.threshold, x, k.value)


def threshold_dx(x, dout, k):
    return dout * (x > k.threshold)


# ---- what only one of them can get wrong


def _of_value(id: str, right: str, *others: str, when: str, hint: str, fix: str, style: str = "random") -> Mistake:
    return Mistake(id, {"out": tuple(((right, other),) for other in others)}, when, hint, fix, styles=(style,))


_LEAKY = (
    mask_from_dout("x > 0", "dI = dO * np.where(I > 0, 1, negative_slope)"),
    leaky_slope("k.negative_slope", ("0.01", "0.1", "0.2", "0.3"), "O = I where I > 0, negative_slope * I elsewhere; torch's default is 0.01"),
    maximum_for_slope("k.negative_slope", "O = np.where(I > 0, I, negative_slope * I)"),
)  # fmt: skip

_HARDTANH = (
    Mistake(
        "bounds-ignored",
        {name: (
            (("k.min_val", "-1"), ("k.max_val", "1")),
            (("k.min_val", "-1"),),
            (("k.max_val", "1"),),
            (("k.min_val", "-k.max_val"),),
        ) for name in ("out", "dx")},
        "min_val is not -1, or max_val is not 1",
        "min_val or max_val has no effect: -1, 1 or the other one's negative stands in its place",
        "O = np.clip(I, min_val, max_val)",
    ),
    _of_value(
        "bound-not-kept", "np.clip(x, k.min_val, k.max_val)", "np.where((x > k.min_val) & (x < k.max_val), x, 0)",
        "np.where(x > k.max_val, k.min_val, np.where(x < k.min_val, k.max_val, x))",
        when="I is beyond a bound", fix="O = np.clip(I, min_val, max_val)",
        hint="beyond a bound the output is 0, or the other bound; it stays at the bound that was reached",
    ),
)  # fmt: skip

_KERAS = Mistake(
    "keras-hard-sigmoid",
    {
        "out": ((("np.clip(x + 3, 0, 6) / 6", KERAS_HARDSIGMOID[0]),),),
        "dx": ((("((x > -3) & (x < 3)) / 6", KERAS_HARDSIGMOID[1]),),),
    },
    "always",
    "the slope is 0.2 and the bounds are -2.5 and 2.5, as in older versions of Keras; torch's are 1/6, -3 and 3",
    "O = np.clip(I + 3, 0, 6) / 6",
    convention=True,
)

_SHRUNK = "np.where(x > k.lambd, x - k.lambd, np.where(x < -k.lambd, x + k.lambd, 0))"


def _closed(right: str, other: str, at: str, fix: str) -> Mistake:
    return _of_value(
        "comparison-closed", right, other, when=f"an element of I is exactly {at}", fix=fix, style="kinks",
        hint=f"where I is exactly {at} it is not yet passed on: the comparison is >, not >=",
    )  # fmt: skip


_SOFTSHRINK = _of_value(
    "shift-sign", _SHRUNK,
    _SHRUNK.replace("x + k.lambd", "x - k.lambd"),
    _SHRUNK.replace("x - k.lambd", "x + k.lambd"),
    _SHRUNK.replace("x + k.lambd", "@").replace("x - k.lambd", "x + k.lambd").replace("@", "x - k.lambd"),
    _SHRUNK.replace("x + k.lambd", "-x - k.lambd"),
    when="lambd > 0",
    hint="lambd has the wrong sign on one side: both sides move towards 0",
    fix="O = I - lambd where I > lambd, I + lambd where I < -lambd, else 0",
)  # fmt: skip

_THRESHOLD = (
    _closed("x > k.threshold", "x >= k.threshold", "threshold", "O = np.where(I > threshold, I, value)"),
    Mistake(
        "settings-swapped",
        {"out": ((("x > k.threshold, x, k.value", "x > k.value, x, k.threshold"),),),
         "dx": ((("k.threshold", "k.value"),),)},
        "threshold is not value",
        "threshold and value stand in each other's place",
        "O = np.where(I > threshold, I, value)",
    ),
    _of_value(
        "clamped-at-threshold", "np.where(x > k.threshold, x, k.value)", "np.maximum(x, k.threshold)",
        "np.where(x > k.threshold, x - k.threshold, k.value)",
        when="value is not threshold",
        hint="the output is cut off at threshold, or counted from there; it is I above it, and value elsewhere",
        fix="O = np.where(I > threshold, I, value)",
    ),
)  # fmt: skip

TABLE = (
    Activation(
        "ReLU", relu_out, relu_dx, "np.maximum(x, 0)", "x > 0",
        others=(
            ABS, HARDTANH, RELU6, SOFTPLUS, SIGMOID, TANH,
            ("np.minimum(x, 0)", "-1.0 * (x > 0)"),
            ("np.clip(x, 0, 1)", "(x > 0) & (x < 1)"),
            ("np.where(x > 0, x, 0.01 * x)", "np.where(x > 0, 1, 0.01)"),
            ("np.where(x > 0, x, 0.1 * x)", "np.where(x > 0, 1, 0.1)"),
            ("x", "np.maximum(x, 0)"),
        ),
        mask="x > 0",
        at_kink=("x >= 0", "(x > 0) + 0.5 * (x == 0)"),
        of_output="",
        kink_id="relu-gradient-at-zero",
    ),
    Activation(
        "LeakyReLU", leaky_out, leaky_dx, "np.where(x > 0, x, k.negative_slope * x)", "np.where(x > 0, 1, k.negative_slope)",
        others=(("np.maximum(x, 0)", "x"), ABS),
        of_output="negative_slope < 0",
        own=(*_LEAKY, at_kink("x > 0", ("x >= 0",), "dI = dO * np.where(I > 0, 1, negative_slope)")),
    ),
    Activation(
        "ReLU6", relu6_out, relu6_dx, *RELU6,
        others=(
            ("np.clip(x, 0, 1)", "(x > 0) & (x < 1)"),
            ("np.clip(x, -6, 6)", "np.abs(x) < 6"),
            ("np.clip(x, 0, 6) / 6", "((x > 0) & (x < 6)) / 6"),
            ("np.clip(x + 3, 0, 6) / 6", "((x > -3) & (x < 3)) / 6"),
            ("np.where(x < 6, np.maximum(x, 0), 0)", "np.clip(x, 0, 6)"),
        ),
        mask="(x > 0) & (x < 6)",
        at_kink=("(x >= 0) & (x <= 6)", "(x > 0) & (x <= 6)", "(x >= 0) & (x < 6)"),
        unbounded=(RELU, ("np.minimum(x, 6)", "x < 6")),
        of_output="",
    ),
    Activation(
        "Hardtanh", hardtanh_out, hardtanh_dx, "np.clip(x, k.min_val, k.max_val)", "(x > k.min_val) & (x < k.max_val)",
        others=(TANH, RELU, ("", "np.clip(x, k.min_val, k.max_val)")),
        mask="(x > k.min_val) & (x < k.max_val)",
        at_kink=tuple(f"(x {a} k.min_val) & (x {b} k.max_val)" for a, b in ((">=", "<="), (">", "<="), (">=", "<"))),
        unbounded=(("np.minimum(x, k.max_val)", "x < k.max_val"), ("np.maximum(x, k.min_val)", "x > k.min_val")),
        of_output="",
        own=_HARDTANH,
    ),
    Activation(
        "Hardsigmoid", hardsigmoid_out, hardsigmoid_dx, "np.clip(x + 3, 0, 6) / 6", "((x > -3) & (x < 3)) / 6",
        others=(
            SIGMOID, ("np.clip(x, 0, 6) / 6", "((x > 0) & (x < 6)) / 6"),
            ("np.clip(x / 6, 0, 1)", ""), ("np.clip((x + 1) / 2, 0, 1)", "(np.abs(x) < 1) / 2"), ("np.clip(x / 4 + 0.5, 0, 1)", "(np.abs(x) < 2) / 4"),
        ),
        mask="(x > -3) & (x < 3)",
        at_kink=("(x >= -3) & (x <= 3)", "(x > -3) & (x <= 3)", "(x >= -3) & (x < 3)"),
        unbounded=(("np.maximum(x + 3, 0) / 6", "(x > -3) / 6"), ("np.minimum(x + 3, 6) / 6", "(x < 3) / 6"), ("(x + 3) / 6", "1 / 6")),
        constant=(("np.clip(x + 3, 0, 6)", "(x > -3) & (x < 3)"),),
        of_input=("((x > 0) & (x < 1)) / 6",),
        of_output="",  # between -3 and 3 it always lies: the bounds are missing
        own=(_KERAS,),
    ),
    Activation(
        "Hardswish", hardswish_out, hardswish_dx, "x * np.clip(x + 3, 0, 6) / 6", "np.where(x <= -3, 0, np.where(x < 3, (2 * x + 3) / 6, 1))",
        others=(
            SILU, RELU, ("np.clip(x + 3, 0, 6) / 6", "((x > -3) & (x < 3)) / 6"), (f"x * {KERAS_HARDSIGMOID[0]}", ""),
            ("x * np.clip(x, 0, 6) / 6", ""), ("", "np.where(x <= -3, 0, np.where(x < 3, x / 3, 1))"),
        ),
        at_kink=tuple(f"np.where(x {low} -3, 0, np.where(x {high} 3, (2 * x + 3) / 6, 1))" for low, high in (("<", "<"), ("<=", "<="), ("<", "<="))),
        unbounded=(
            ("x * np.maximum(x + 3, 0) / 6", "np.where(x <= -3, 0, (2 * x + 3) / 6)"),
            ("x * np.minimum(x + 3, 6) / 6", "np.where(x < 3, (2 * x + 3) / 6, 1)"),
            ("x * (x + 3) / 6", "(2 * x + 3) / 6"),
            ("", "np.where(np.abs(x) < 3, (2 * x + 3) / 6, 0)"),
        ),
        constant=(("x * np.clip(x + 3, 0, 6)", "np.where(x <= -3, 0, np.where(x < 3, 2 * x + 3, 1))"),),
        product=("np.clip(x + 3, 0, 6) / 6", "x / 6 * ((x > -3) & (x < 3))"),
        formulas=("I * np.clip(I + 3, 0, 6) / 6", "dO * (2 * I + 3) / 6 where -3 < I < 3, 0 below, dO above"),
    ),
    Activation(
        "Hardshrink", hardshrink_out, shrink_dx, "np.where(np.abs(x) > k.lambd, x, 0)", "np.abs(x) > k.lambd",
        others=((_SHRUNK, ""), ("np.where(np.abs(x) > k.lambd, 0, x)", "np.where(np.abs(x) > k.lambd, x, 0)"), ("np.clip(x, -k.lambd, k.lambd)", "np.sign(x) * (np.abs(x) > k.lambd)")),
        mask="np.abs(x) > k.lambd",
        at_kink=("np.abs(x) >= k.lambd",),
        one_sided=(("np.where(x > k.lambd, x, 0)", "x > k.lambd"),),
        ignored=(("lambd", "0.5"),),
        of_output="",
        own=(_closed("> k.lambd", ">= k.lambd", "lambd or -lambd", "O = np.where(np.abs(I) > lambd, I, 0)"),),
    ),
    Activation(
        "Softshrink", softshrink_out, shrink_dx, _SHRUNK, "np.abs(x) > k.lambd",
        formulas=("I - lambd where I > lambd, I + lambd where I < -lambd, else 0", "dO where |I| > lambd, else 0"),
        others=(("np.where(np.abs(x) > k.lambd, x, 0)", "np.sign(x) * (np.abs(x) > k.lambd)"), ("np.clip(x, -k.lambd, k.lambd)", "")),
        mask="np.abs(x) > k.lambd",
        at_kink=("np.abs(x) >= k.lambd",),
        one_sided=(("np.maximum(x - k.lambd, 0)", "x > k.lambd"),),
        ignored=(("lambd", "0.5"),),
        of_output="lambd > 0",
        own=(_SOFTSHRINK,),
    ),
    Activation(
        "Threshold", threshold_out, threshold_dx, "np.where(x > k.threshold, x, k.value)", "x > k.threshold",
        others=(("np.where(x > k.threshold, k.value, x)", "np.where(x > k.threshold, 1, k.value)"), ("np.where(np.abs(x) > k.threshold, x, k.value)", "np.abs(x) > k.threshold")),
        mask="x > k.threshold",
        at_kink=("x >= k.threshold",),
        ignored=(("threshold", "0"), ("value", "0")),
        of_output="value > threshold",
        own=_THRESHOLD,
    ),
)  # fmt: skip

FAMILIES = tuple(row.family for row in TABLE)
