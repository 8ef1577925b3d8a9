# ruff: noqa: E501  an edit stands on one line
"""Sigmoid, Tanh and what is near to them: the kernels, and a row for each of what people get wrong in it."""

from __future__ import annotations

import numpy as np

from oracle.mistakes.activation_shared import (
    HARDTANH,
    KERAS_HARDSIGMOID,
    NAIVE_SIGMOID,
    NAIVE_TANH,
    RELU,
    SIGMOID,
    SOFTPLUS,
    SOFTSIGN,
    TANH,
    Activation,
    overflow,
    sigmoid,
)
from oracle.mistakes.kernel import Mistake

# ---- the kernels


def sigmoid_out(x, k):
    return sigmoid(x)


def sigmoid_dx(x, dout, k):
    s = sigmoid(x)
    return dout * (s * (1 - s))


def tanh_out(x, k):
    return np.tanh(x)


def tanh_dx(x, dout, k):
    t = np.tanh(x)
    return dout * (1 - t * t)


def tanhshrink_out(x, k):
    return x - np.tanh(x)


def tanhshrink_dx(x, dout, k):
    t = np.tanh(x)
    return dout * (t * t)


def softsign_out(x, k):
    return x / (1 + np.abs(x))


def softsign_dx(x, dout, k):
    return dout * (1 / (1 + np.abs(x)) ** 2)


def softplus_out(x, k):
    return np.where(k.beta * x > k.threshold, x, np.logaddexp(0, k.beta * x) / k.beta)


def softplus_dx(x, dout, k):
    return dout * (np.where(k.beta * x > k.threshold, 1, sigmoid(k.beta * x)))


def logsigmoid_out(x, k):
    return -np.logaddexp(0, -x)


def logsigmoid_dx(x, dout, k):
    return dout * (sigmoid(-x))


# ---- what only one of them can get wrong

_LOG = "I where beta * I > threshold, np.logaddexp(0, beta * I) / beta elsewhere"

_SOFTPLUS = (
    Mistake(
        "beta-ignored",
        {
            "out": ((("k.beta", "1"),), (("k.beta * x) / k.beta", "k.beta * x)"),)),
            "dx": ((("k.beta", "1"),), (("sigmoid(k.beta * x)", "sigmoid(k.beta * x) * k.beta"),)),
        },
        "beta is not 1",
        "beta has no effect, or the division by beta is missing",
        "O = log(1 + exp(beta * I)) / beta, dI = dO * sigmoid(beta * I)",
    ),
    Mistake(
        "threshold-of-input",
        {name: ((("k.beta * x > k.threshold", "x > k.threshold"),),) for name in ("out", "dx")},
        "beta is not 1",
        "I is compared with the threshold; beta * I is",
        f"O = {_LOG}",
    ),
    overflow(
        "softplus-overflow",
        (("np.logaddexp(0, k.beta * x)", "np.log(1 + np.exp(k.beta * X))"), ("k.beta * x > k.threshold", "x == np.inf")),
        fix=_LOG,
    ),
)  # fmt: skip

_LOGSIGMOID = (
    Mistake(
        "epsilon-in-log",
        {"out": tuple((("-np.logaddexp(0, -x)", f"np.log(sigmoid(x) + {e})"),) for e in ("1e-5", "1e-7", "1e-8", "1e-9", "1e-10", "1e-12", "1e-15"))},
        "always",
        "a small number is added to the probability so that its logarithm exists; it moves every answer",
        "O = -np.logaddexp(0, -I) needs none",
        convention=True,
    ),
    overflow(
        "log-of-zero",
        (("-np.logaddexp(0, -x)", "np.log(1 / (1 + np.exp(-X)))"),),
        fix="O = -np.logaddexp(0, -I), which is min(I, 0) - log(1 + exp(-|I|))",
    ),
    overflow("logsigmoid-overflow", dx=(("sigmoid(-x)", "np.exp(-X) / (1 + np.exp(-X))"),), fix="1 / (1 + exp(I)) where I < 0"),
)  # fmt: skip

TABLE = (
    Activation(
        "Sigmoid", sigmoid_out, sigmoid_dx, "sigmoid(x)", "s * (1 - s)",
        others=(
            TANH, RELU,
            ("np.tanh(x / 2)", "(1 - np.tanh(x / 2) ** 2) / 2"),
            ("1 / (1 + np.exp(x))", "-s * (1 - s)"),
            ("1 / (1 - np.exp(-x))", "s"),
            KERAS_HARDSIGMOID,
            ("np.clip(x / 6 + 0.5, 0, 1)", "(np.abs(x) < 3) / 6"),
            ("np.log(1 / (1 + np.exp(-x)))", "1 - s"),
            ("np.exp(x - x.max()) / np.exp(x - x.max()).sum()", "s * (1 + s)"),
        ),
        of_input=("x * (1 - x)", "s * (1 - x)", "x * (1 - s)"),
        formulas=("1 / (1 + exp(-I))", "dO * s * (1 - s) with s = sigmoid(I), the output"),
        own=(overflow("sigmoid-overflow", (("sigmoid(x)", NAIVE_SIGMOID),), (("sigmoid(x)", NAIVE_SIGMOID),)),),
    ),
    Activation(
        "Tanh", tanh_out, tanh_dx, "np.tanh(x)", "1 - t * t",
        others=(
            SIGMOID, HARDTANH, SOFTSIGN,
            ("np.tanh(x / 2)", "(1 - np.tanh(x / 2) ** 2) / 2"),
            ("np.tan(x)", "1 + t * t"),
            ("np.arctan(x)", "1 / (1 + x * x)"),
            ("-np.tanh(x)", "t * (1 - t)"),
            ("np.sinh(x)", "1 - t"),
        ),
        of_input=("1 - x * x",),
        formulas=("tanh(I)", "dO * (1 - t * t) with t = tanh(I), the output"),
        own=(overflow("tanh-overflow", (("np.tanh(x)", NAIVE_TANH),), (("np.tanh(x)", NAIVE_TANH),)),),
    ),
    Activation(
        "Tanhshrink", tanhshrink_out, tanhshrink_dx, "x - np.tanh(x)", "t * t",
        others=(
            TANH, SOFTSIGN,
            ("np.tanh(x) - x", "-t * t"),
            ("x + np.tanh(x)", "2 - t * t"),
            ("x - np.arctan(x)", "x * x / (1 + x * x)"),
            ("x - 1 / (1 + np.exp(-x))", "t"),
        ),
        of_input=("x * x",),
        formulas=("I - tanh(I)", "dO * tanh(I)^2"),
        own=(
            Mistake(
                "term-missing", {"dx": ((("t * t", "-(1 - t * t)"),),)}, "always",
                "I - tanh(I) has two terms, and so has its derivative: that of I is 1",
                "dI = dO * (1 - (1 - tanh(I)^2)) = dO * tanh(I)^2",
            ),
            overflow("tanhshrink-overflow", (("np.tanh(x)", NAIVE_TANH),), (("np.tanh(x)", NAIVE_TANH),)),
        ),
    ),
    Activation(
        "Softsign", softsign_out, softsign_dx, *SOFTSIGN,
        others=(
            TANH, SIGMOID, SOFTPLUS,
            ("x / (1 + x * x)", "(1 - x * x) / (1 + x * x) ** 2"),
            ("x / np.sqrt(1 + x * x)", "(1 + x * x) ** -1.5"),
            ("np.abs(x) / (1 + np.abs(x))", "np.sign(x) / (1 + np.abs(x)) ** 2"),
            ("np.sign(x)", "1 / (1 + x * x)"),
        ),
        one_sided=(("x / (1 + x)", "1 / (1 + x) ** 2"),),
        product=("1 / (1 + np.abs(x))", "-np.abs(x) / (1 + np.abs(x)) ** 2", "(1 + 2 * np.abs(x)) / (1 + np.abs(x)) ** 2", "1 / (1 + np.abs(x)) - x / (1 + np.abs(x)) ** 2"),
        of_input=("(1 - np.abs(x)) ** 2",),
        formulas=("I / (1 + |I|)", "dO / (1 + |I|)^2"),
    ),
    Activation(
        "Softplus", softplus_out, softplus_dx, "np.where(k.beta * x > k.threshold, x, np.logaddexp(0, k.beta * x) / k.beta)",
        "np.where(k.beta * x > k.threshold, 1, sigmoid(k.beta * x))",
        others=(RELU, ("np.log(np.exp(x))", "sigmoid(x) * (1 - sigmoid(x))"), ("np.log1p(np.exp(-k.beta * x)) / k.beta", "-sigmoid(-k.beta * x)"), ("", "sigmoid(-k.beta * x)")),
        ignored=(("threshold", "20"),),
        inner=("np.where(k.beta * x > k.threshold, 1, sigmoid(k.beta * x) / k.beta)",),
        of_input=("1 - np.exp(-k.beta * x)",),
        formulas=(_LOG, "dO * sigmoid(beta * I), and dO where beta * I > threshold"),
        own=_SOFTPLUS,
    ),
    Activation(
        "LogSigmoid", logsigmoid_out, logsigmoid_dx, "-np.logaddexp(0, -x)", "sigmoid(-x)",
        others=(
            ("np.logaddexp(0, -x)", "-sigmoid(-x)"), SOFTPLUS, ("-np.logaddexp(0, x)", "-sigmoid(x)"),
            ("sigmoid(x)", ""), ("np.log10(sigmoid(x))", "sigmoid(-x) / np.log(10)"), ("np.log2(sigmoid(x))", "sigmoid(-x) / np.log(2)"),
        ),
        inner=("sigmoid(x) * (1 - sigmoid(x))", "1 / sigmoid(x)"),
        of_input=("1 - np.exp(x)", "1 - x"),
        formulas=("log(sigmoid(I)) = -np.logaddexp(0, -I)", "dO * sigmoid(-I)"),
        own=_LOGSIGMOID,
    ),
)  # fmt: skip

FAMILIES = tuple(row.family for row in TABLE)
