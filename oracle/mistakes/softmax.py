# ruff: noqa: E501  an edit stands on one line
"""Softmax and LogSoftmax: the kernels, and what people get wrong in them.

p = exp(I) / sum of exp(I) along one axis;  dI = p * (dO - sum of p*dO),  for log p: dI = dO - p * sum of dO
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: dim, and the dtype of the case, which matters where something overflows


def softmax_out(x, k):
    e = np.exp(x - x.max(axis=k.dim, keepdims=True))
    return e / e.sum(axis=k.dim, keepdims=True)


def softmax_dx(x, dout, k):
    e = np.exp(x - x.max(axis=k.dim, keepdims=True))
    p = e / e.sum(axis=k.dim, keepdims=True)
    return p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))


def log_softmax_out(x, k):
    z = x - x.max(axis=k.dim, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))


def log_softmax_dx(x, dout, k):
    e = np.exp(x - x.max(axis=k.dim, keepdims=True))
    p = e / e.sum(axis=k.dim, keepdims=True)
    return dout - p * dout.sum(axis=k.dim, keepdims=True)


def prepare(call: Call) -> SimpleNamespace:
    """Softmax2d has no argument: its axis is the channels'."""
    return SimpleNamespace(dim=call.settings.get("dim", -3), dtype=call.inputs["x"].dtype)


# ---- where a mistake shows


def _large(facts: Facts) -> bool:
    return facts["style"] in ("large", "offset")


_SHIFT = "x - x.max(axis=k.dim, keepdims=True)"
_TYPED = "x.astype(k.dtype)"

_SHARED = (
    Mistake(
        "softmax-not-shifted",
        {"out": (((_SHIFT, _TYPED),),), "dx": (((_SHIFT, _TYPED),),)},
        "a large input",
        "exp(I) overflows for a large I, and inf/inf is NaN",
        "subtract the maximum along the axis first: exp(I - I.max(axis, keepdims=True))",
        _large,
        styles=("large", "offset"),
    ),
    Mistake(
        "softmax-over-whole-array",
        {name: ((("k.dim", "None"),),) for name in ("out", "dx")},
        "more than one row",
        "the sum runs over the whole array: rows of a batch have nothing to do with each other",
        "sum(axis=dim, keepdims=True)",
    ),
    Mistake(
        "softmax-wrong-axis",
        {name: tuple((("k.dim", axis),) for axis in ("0", "-1", "1", "(k.dim + 1) % x.ndim")) for name in ("out", "dx")},
        "always, or where dim is another axis",
        "the sum runs along another axis than dim",
        "sum(axis=dim, keepdims=True)",
    ),
)  # fmt: skip

_UPSTREAM = "dO is left out; the chain rule multiplies the derivative by the gradient that comes from above"

_SOFTMAX = (
    Mistake(
        "softmax-diagonal-only",
        {"dx": (
            (("(dout - (p * dout).sum(axis=k.dim, keepdims=True))", "(1 - p) * dout"),),
            (("(dout - (p * dout).sum(axis=k.dim, keepdims=True))", "dout"),),
        )},
        "always",
        "only the derivative of each p by its own I is there; every p depends on every I of its row",
        "dI = p * (dO - (p * dO).sum(axis, keepdims=True))",
    ),
    Mistake(
        "upstream-ignored",
        {"dx": (
            (("(dout - (p * dout).sum(axis=k.dim, keepdims=True))", "(1 - p)"),),
            (("(dout - (p * dout).sum(axis=k.dim, keepdims=True))", "(1 - p.sum(axis=k.dim, keepdims=True))"),),
        )},
        "always",
        _UPSTREAM,
        "dI = p * (dO - (p * dO).sum(axis, keepdims=True))",
    ),
    Mistake(
        "derivative-missing",
        {"dx": (
            (("return p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))", "return dout"),),
            (("return p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))", "return p - dout"),),
        )},
        "always",
        "the gradient is that of softmax and cross entropy together: right only where the loss already returns p - target",
        "dI = p * (dO - (p * dO).sum(axis, keepdims=True))",
    ),
    Mistake(
        "softmax-sum-without-p",
        {"dx": (
            (("(p * dout).sum(", "dout.sum("),),
            (("p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))", "p * dout - (p * dout).sum(axis=k.dim, keepdims=True)"),),
        )},
        "always",
        "a factor p is missing: the sum is that of p*dO, and all of it is multiplied by p",
        "dI = p * (dO - (p * dO).sum(axis, keepdims=True))",
    ),
    Mistake(
        "wrong-function",
        {"out": (
            (("return e / e.sum(axis=k.dim, keepdims=True)", "return np.log(e / e.sum(axis=k.dim, keepdims=True))"),),
            (("return e / e.sum(axis=k.dim, keepdims=True)", "return 1 / (1 + np.exp(-x))"),),
            (("return e /", "return x /"), ("e.sum(", "x.sum(")),
            (("return e / e.sum(axis=k.dim, keepdims=True)", "return e"),),
            (("x - x.max", "x.min"), ("keepdims=True))\n    return", "keepdims=True) - x)\n    return")),
        )},
        "always",
        "another function than softmax is computed",
        "exp(I - max) / sum of exp(I - max)",
    ),
)  # fmt: skip

_LOG_SOFTMAX = (
    Mistake(
        "log-of-zero",
        {"out": (
            (("z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))",
              "np.log((np.exp(z) / np.exp(z).sum(axis=k.dim, keepdims=True)).astype(k.dtype))"),),
        )},
        "inputs that are far apart",
        "the softmax of a much smaller input is 0 in floating point, and its logarithm is -inf",
        "I - max - log(sum of exp(I - max)): the logarithm of the sum, not of the quotient",
        _large,
        styles=("large",),
    ),
    Mistake(
        "epsilon-in-log",
        {"out": tuple(
            (("z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))",
              f"np.log(np.exp(z) / np.exp(z).sum(axis=k.dim, keepdims=True) + {epsilon})"),)
            for epsilon in ("1e-7", "1e-8", "1e-9", "1e-10", "1e-12", "1e-15")
        )},
        "always",
        "a small number is added to the probability so that its logarithm exists; it moves every answer",
        "I - max - log(sum of exp(I - max)) needs none",
        convention=True,
    ),
    Mistake(
        "softmax-diagonal-only",
        {"dx": ((("dout - p * dout.sum(axis=k.dim, keepdims=True)", "dout - p * dout"),),)},
        "always",
        "only the derivative of each log p by its own I is there; every p depends on every I of its row",
        "dI = dO - p * dO.sum(axis, keepdims=True)",
    ),
    Mistake(
        "upstream-ignored",
        {"dx": (
            (("dout - p * dout.sum(axis=k.dim, keepdims=True)", "1 - p"),),
            (("dout - p * dout.sum(axis=k.dim, keepdims=True)", "1 - p * x.shape[k.dim]"),),
        )},
        "always",
        _UPSTREAM,
        "dI = dO - p * dO.sum(axis, keepdims=True)",
    ),
    Mistake(
        "derivative-missing",
        {"dx": (
            (("dout - p * dout.sum(axis=k.dim, keepdims=True)", "dout"),),
            (("dout - p * dout.sum(axis=k.dim, keepdims=True)", "dout - p"),),
        )},
        "always",
        "dO is passed on, or the sum of dO is taken to be 1: right only for one loss",
        "dI = dO - p * dO.sum(axis, keepdims=True)",
    ),
    Mistake(
        "softmax-derivative",
        {"dx": ((("dout - p * dout.sum(axis=k.dim, keepdims=True)", "p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))"),),)},
        "always",
        "this is the gradient of softmax, without the logarithm",
        "dI = dO - p * dO.sum(axis, keepdims=True)",
    ),
    Mistake(
        "wrong-function",
        {"out": (
            (("return z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))", "return np.exp(z) / np.exp(z).sum(axis=k.dim, keepdims=True)"),),
            (("return z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))", "return -(z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True)))"),),
            (("return z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))", "return z"),),
            (("return z - np.log(np.exp(z).sum(axis=k.dim, keepdims=True))", "return -np.log1p(np.exp(-x))"),),
        )},
        "always",
        "another function than the logarithm of softmax is computed",
        "I - max - log(sum of exp(I - max))",
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": softmax_out, "dx": softmax_dx}, _SHARED + _SOFTMAX, prepare, ("Softmax", "Softmax2d")),
    Family({"out": log_softmax_out, "dx": log_softmax_dx}, _SHARED + _LOG_SOFTMAX, prepare, ("LogSoftmax",)),
)
