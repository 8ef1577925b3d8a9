# ruff: noqa: E501  an edit stands on one line
"""What is more than a function of one number: PReLU, whose slope is learned, RReLU, whose slopes are drawn, and GLU,
which multiplies one half of I with the other. The tables of the functions of one number stand in activation_*.py.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from oracle.mistakes import activation_elu, activation_gated, activation_piecewise, activation_smooth
from oracle.mistakes.activation_shared import (
    NAIVE_SIGMOID,
    SHARED,
    at_kink,
    leaky_slope,
    mask_from_dout,
    mask_from_output,
    maximum_for_slope,
    overflow,
    sigmoid,
)
from oracle.mistakes.kernel import Family, Mistake, Variants
from oracle.subjects import Call

# ---- PReLU. k: others, the axes over which one slope is shared


def prelu_out(x, weight, k):
    w = per_channel(weight, x)
    return np.where(x > 0, x, w * x)


def prelu_dx(x, weight, dout, k):
    w = per_channel(weight, x)
    return dout * (np.where(x > 0, 1, w))


def prelu_dweight(x, weight, dout, k):
    each = np.where(x > 0, 0, dout * x)
    return each.sum(axis=k.others).reshape(weight.shape)


def per_channel(weight, x):
    return weight.reshape(()) if weight.size == 1 else weight.reshape(-1, *(1,) * (x.ndim - 2))


def prepare_prelu(call: Call) -> SimpleNamespace:
    x, weight = call.inputs["x"], call.parameters["weight"]
    return SimpleNamespace(others=tuple(axis for axis in range(x.ndim) if weight.size == 1 or axis != 1))


_PRELU_O = "O = np.where(I > 0, I, W * I)"
_PRELU_D = "dI = dO * np.where(I > 0, 1, W)"
_PRELU_DW = "dW = np.where(I > 0, 0, dO * I), summed over all axes but the channels'"


def _dweight(id: str, right: str, *others: str, when: str, hint: str) -> Mistake:
    return Mistake(id, {"dweight": tuple(((right, other),) for other in others)}, when, hint, _PRELU_DW)


# mistakes of dI that are made in dW as well
_OF_WEIGHT: dict[str, Variants] = {
    "maximum-for-slope": ((("x > 0", "x > per_channel(weight, x) * x"),),),
    "derivative-of-output-not-input": ((("x > 0", "np.where(x > 0, x, per_channel(weight, x) * x) > 0"),),),
    "mask-from-dout": ((("x > 0", "dout > 0"),),),
    "upstream-ignored": ((("dout * x", "x"),),),
    "upstream-twice": ((("dout * x", "dout * dout * x"),),),
}

_PRELU = (
    leaky_slope("w", ("0.01", "0.25"), f"{_PRELU_O}; W is the parameter, one number or one a channel"),
    Mistake(
        "one-slope-for-all-channels",
        {"out": ((("per_channel(weight, x)", "weight[0]"),), (("per_channel(weight, x)", "weight.mean()"),)),
         "dx": ((("per_channel(weight, x)", "weight[0]"),), (("per_channel(weight, x)", "weight.mean()"),)),
         "dweight": ((("each.sum(axis=k.others).reshape(weight.shape)", "each.sum() + np.zeros(weight.shape)"),),
                     (("each.sum(axis=k.others).reshape(weight.shape)", "each.sum()"),))},
        "num_parameters > 1",
        "one slope is taken for all channels, or one gradient given to all",
        "W.reshape(-1, 1, 1) meets the channels of an image; its gradient is summed over all other axes",
        lambda facts: facts["num_parameters"] > 1,
    ),
    Mistake(
        "slope-along-wrong-axis",
        {name: ((("per_channel(weight, x)", "weight"),), (("per_channel(weight, x)", "weight.reshape(-1, *(1,) * (x.ndim - 1))"),))
         for name in ("out", "dx")}
        | {"dweight": tuple((("axis=k.others", f"axis={axes}"),) for axes in ("tuple(range(x.ndim - 1))", "tuple(range(1, x.ndim))"))},
        "num_parameters > 1, and I has more than two axes",
        "W meets the last axis (or the batch) of I; it belongs to the channels, axis 1",
        "W.reshape(-1, 1, 1) for an image (N, C, H, W)",
        lambda facts: facts["num_parameters"] > 1,
    ),
    _dweight("no-sum-over-batch", "each.sum(axis=k.others).reshape(weight.shape)",
             "each", "each.sum(axis=k.others[1:])", "each[:1].sum(axis=k.others).reshape(weight.shape)",
             "each[-1:].sum(axis=k.others).reshape(weight.shape)",
             when="more than one element shares a slope",
             hint="the gradient of W is the sum over all elements that share it: over the batch and the image"),
    _dweight("mean-over-batch", ".reshape(weight.shape)", ".reshape(weight.shape) / len(x)",
             ".reshape(weight.shape) / (x.size / weight.size)",
             when="more than one element shares a slope", hint="dW is a sum; it is divided by N or the number of elements"),
    _dweight("input-missing", "dout * x", "dout", when="always", hint="the derivative of W * I by W is I, which is left out"),
    _dweight("mask-missing", "np.where(x > 0, 0, dout * x)", "dout * x", "np.where(x > 0, dout * x, 0)",
             when="an element of I is positive", hint="W has to do with the elements of I that are not positive, and with them alone"),
    _dweight("slope-counted-twice", "dout * x", "dout * x * per_channel(weight, x)", when="W is not 1",
             hint="the derivative of W * I by W is I; W itself is multiplied in"),
    *(replace(mistake, variants={**mistake.variants, "dweight": _OF_WEIGHT.get(mistake.id, ())})
      for mistake in (maximum_for_slope("w", _PRELU_O), mask_from_output("w", _PRELU_D), mask_from_dout("x > 0", _PRELU_D), *SHARED)),
    at_kink("x > 0", ("x >= 0",), _PRELU_D),
)  # fmt: skip

# ---- RReLU. The slopes of a case are drawn by it


def rrelu_out(x, slopes, k):
    a = slopes if k.training else (k.lower + k.upper) / 2
    return np.where(x > 0, x, a * x)


def rrelu_dx(x, slopes, dout, k):
    a = slopes if k.training else (k.lower + k.upper) / 2
    return dout * (np.where(x > 0, 1, a))


def rrelu_slopes(x, slopes, k):
    return slopes if k.training else np.full(x.shape, (k.lower + k.upper) / 2)


def prepare_rrelu(call: Call) -> SimpleNamespace:
    return SimpleNamespace(**call.settings, training=call.training)


_RRELU_D = "dI = dO * np.where(I > 0, 1, a)"
_MEAN = "(k.lower + k.upper) / 2"

_RRELU = (
    Mistake(
        "rrelu-drawn-in-eval",
        {name: ((("if k.training", "if True"),),) for name in ("out", "dx", "slopes")},
        "evaluation",
        "slopes are drawn in evaluation too",
        "a = (lower + upper) / 2 in evaluation",
        lambda facts: facts["mode"] == "eval",
    ),
    Mistake(
        "rrelu-not-drawn",
        {name: ((("if k.training", "if False"),),) for name in ("out", "dx")},
        "training, lower < upper",
        "the mean slope of evaluation is used in training, or in its backward alone; the slopes of the forward must be kept",
        "keep the slopes that the forward drew: dI = dO * np.where(I > 0, 1, slopes)",
        lambda facts: facts["mode"] == "train",
    ),
    Mistake(
        "rrelu-mean",
        {name: tuple(((_MEAN, other),) for other in ("k.lower", "k.upper", "(k.upper - k.lower) / 2", "k.lower + k.upper", "0"))
         for name in ("out", "dx", "slopes")},
        "evaluation",
        "the slope of evaluation is another number than the mean of lower and upper",
        "a = (lower + upper) / 2",
        lambda facts: facts["mode"] == "eval",
    ),
    Mistake(
        "bounds-ignored",
        {name: (((_MEAN, "(1 / 8 + 1 / 3) / 2"),),) for name in ("out", "dx", "slopes")},
        "evaluation, lower is not 1/8 or upper is not 1/3",
        "lower and upper have no effect: torch's defaults 1/8 and 1/3 stand in their place",
        "a = (lower + upper) / 2",
        lambda facts: facts["mode"] == "eval",
    ),
    Mistake(
        "divided-by-slope",
        {"out": ((("a * x", "x / a"),),), "dx": ((("x > 0, 1, a", "x > 0, 1, 1 / a"),),)},
        "an element of I is negative",
        "I is divided by the slope, as the paper writes it (y = I / a, a from 3 to 8); torch multiplies by it",
        "O = np.where(I > 0, I, slopes * I)",
        convention=True,
    ),
    leaky_slope("a", ("0.01",), f"O = np.where(I > 0, I, a * I), {_RRELU_D}"),
    mask_from_output("a", _RRELU_D),
    mask_from_dout("x > 0", _RRELU_D),
    at_kink("x > 0", ("x >= 0",), _RRELU_D),
    *SHARED,
)  # fmt: skip

# ---- GLU


def glu_out(x, k):
    a, b = np.split(x, 2, k.dim)
    return a * sigmoid(b)


def glu_dx(x, dout, k):
    a, b = np.split(x, 2, k.dim)
    s = sigmoid(b)
    da, db = dout * s, dout * a * s * (1 - s)
    return np.concatenate([da, db], k.dim)


def prepare_glu(call: Call) -> SimpleNamespace:
    return SimpleNamespace(**call.settings, dtype=call.inputs["x"].dtype)


_GLU_D = "da = dO * s, db = dO * a * s * (1 - s) with s = sigmoid(b), side by side again"


def _halves(id: str, *others: str, when: str = "always", hint: str) -> Mistake:
    """`da, db` instead of the right ones."""
    right = "dout * s, dout * a * s * (1 - s)"
    return Mistake(id, {"dx": tuple(((right, other),) for other in others)}, when, hint, _GLU_D)


_SPLIT = "np.split(x, 2, k.dim)"

_GLU = (
    Mistake(
        "glu-halves-swapped",
        {"out": ((("a, b =", "b, a ="),),),
         "dx": ((("a, b =", "b, a ="), ("[da, db]", "[db, da]")), (("a, b =", "b, a ="),), (("[da, db]", "[db, da]"),))},
        "always",
        "the halves change places: the second is the gate, sigmoid is applied to it alone",
        "O = a * sigmoid(b), a the first half and b the second",
    ),
    Mistake(
        "glu-interleaved",
        {"out": (((_SPLIT, "np.take(x, range(0, x.shape[k.dim], 2), k.dim), np.take(x, range(1, x.shape[k.dim], 2), k.dim)"),),),
         "dx": (((_SPLIT, "np.take(x, range(0, x.shape[k.dim], 2), k.dim), np.take(x, range(1, x.shape[k.dim], 2), k.dim)"),
                 ("np.concatenate([da, db], k.dim)", "np.stack([da, db], k.dim % x.ndim + 1).reshape(x.shape)")),)},
        "more than two numbers along dim",
        "every second number is taken for the gate; the gate is the second half",
        "a, b = np.split(I, 2, axis=dim)",
    ),
    Mistake(
        "glu-wrong-axis",
        {name: tuple((("k.dim", axis),) for axis in ("0", "1", "-1")) for name in ("out", "dx")},
        "dim is another axis",
        "I is halved along another axis than dim",
        "a, b = np.split(I, 2, axis=dim)",
    ),
    Mistake(
        "wrong-function",
        {"out": tuple((("a * sigmoid(b)", other),) for other in (
            "a * b", "a * np.tanh(b)", "a * np.maximum(b, 0)", "a * b * sigmoid(b)", "np.tanh(a) * sigmoid(b)", "sigmoid(a) * sigmoid(b)", "sigmoid(b)", "a * np.exp(b) / np.exp(b).sum()", "a + sigmoid(b)")),
         "dx": tuple((("dout * s, dout * a * s * (1 - s)", other),) for other in (
            "dout * b, dout * a", "dout * np.tanh(b), dout * a * (1 - np.tanh(b) ** 2)", "dout * np.maximum(b, 0), dout * a * (b > 0)", "dout * b * s, dout * a * (s + b * s * (1 - s))"))},
        "always",
        "another gate than the sigmoid is used, or another function of the other half",
        "O = a * sigmoid(b)",
    ),
    _halves("product-rule-missing", "dout * s, 0 * dout", "0 * dout, dout * a * s * (1 - s)",
            hint="O is a product of a and sigmoid(b), and each of the two has a gradient: one is left out"),
    _halves("factor-missing", "dout * s, dout * s * (1 - s)", "dout, dout * a * s * (1 - s)", "dout, dout * s * (1 - s)",
            hint="the derivative of a product by one factor is the other factor, which is left out"),
    _halves("inner-derivative-missing", "dout * s, dout * a * s", "dout * s, dout * a", "dout * s, dout * a * (1 - s)",
            hint="the gate's half needs the derivative of the sigmoid, s * (1 - s)"),
    _halves("derivative-of-output-not-input", "dout * s, dout * a * s * (1 - a * s)", "dout * s, dout * a * s * (1 - a * s) * s",
            hint="s * (1 - s) is written in the gate s = sigmoid(b), and is given the output a * s"),
    _halves("derivative-of-input-not-output", "dout * s, dout * a * b * (1 - b)", "dout * b, dout * a * s * (1 - s)",
            hint="s * (1 - s) is written in the gate s = sigmoid(b), and is given b itself"),
    _halves("upstream-ignored", "s, a * s * (1 - s)", "s + 0 * dout, dout * a * s * (1 - s)", "dout * s, a * s * (1 - s)", when="dO is not 1",
            hint="the gradient that comes from above is left out, in one half or both"),
    _halves("upstream-twice", "dout * dout * s, dout * dout * a * s * (1 - s)", "dout * s, dout * dout * s * a * s * (1 - s)", when="dO is not 1",
            hint="the gradient that comes from above is multiplied in twice, or da is taken for dO"),
    overflow("glu-overflow", (("sigmoid(b)", NAIVE_SIGMOID.replace("X", "b.astype(k.dtype)")),), (("sigmoid(b)", NAIVE_SIGMOID.replace("X", "b.astype(k.dtype)")),)),
)  # fmt: skip

FAMILIES = (
    *activation_piecewise.FAMILIES,
    *activation_smooth.FAMILIES,
    *activation_elu.FAMILIES,
    *activation_gated.FAMILIES,
    Family({"out": prelu_out, "dx": prelu_dx, "dweight": prelu_dweight}, _PRELU, prepare_prelu, ("PReLU",)),
    Family({"out": rrelu_out, "dx": rrelu_dx, "slopes": rrelu_slopes}, _RRELU, prepare_rrelu, ("RReLU",)),
    Family({"out": glu_out, "dx": glu_dx}, _GLU, prepare_glu, ("GLU",)),
)
