# ruff: noqa: E501  an edit stands on one line
"""Softmax, Softmin and LogSoftmax: the kernels, and what people get wrong in them.

p = exp(I) / sum of exp(I) along one axis;  dI = p * (dO - sum of p*dO),  for log p: dI = dO - p * sum of dO
Softmin is the softmax of -I, and its gradient has the other sign.
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


def softmin_out(x, k):
    z = -x
    e = np.exp(z - z.max(axis=k.dim, keepdims=True))
    return e / e.sum(axis=k.dim, keepdims=True)


def softmin_dx(x, dout, k):
    z = -x
    e = np.exp(z - z.max(axis=k.dim, keepdims=True))
    p = e / e.sum(axis=k.dim, keepdims=True)
    return -p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))


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


def _shared(z: str, *unshifted: str) -> tuple[Mistake, ...]:
    """What can be wrong in every softmax of the array `z`; `unshifted` are arguments of exp that overflow too."""
    shift = f"{z} - {z}.max(axis=k.dim, keepdims=True)"
    I = {"x": "I", "z": "(-I)"}[z]
    large = tuple(((shift, argument),) for argument in (f"{z}.astype(k.dtype)", *unshifted))
    return (
        Mistake(
            "softmax-not-shifted",
            {"out": large, "dx": large},
            "a large input",
            "exp(I) overflows for a large I, and inf/inf is NaN",
            f"subtract the maximum along the axis first: exp({I} - {I}.max(axis, keepdims=True))",
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
            {
                name: tuple((("k.dim", axis),) for axis in ("0", "-1", "1", f"(k.dim + 1) % {z}.ndim"))
                for name in ("out", "dx")
            },
            "always, or where dim is another axis",
            "the sum runs along another axis than dim",
            "sum(axis=dim, keepdims=True)",
        ),
    )


_UPSTREAM = "dO is left out; the chain rule multiplies the derivative by the gradient that comes from above"

_OF_P = "p * (dout - (p * dout).sum(axis=k.dim, keepdims=True))"
_BRACKET = _OF_P.removeprefix("p * ")


def _jacobian(sign: str) -> tuple[Mistake, ...]:
    """What can be wrong in the gradient of p, which has this sign."""
    fix = f"dI = {sign}p * (dO - (p * dO).sum(axis, keepdims=True))"
    return (
        Mistake(
            "softmax-diagonal-only",
            {"dx": (((_BRACKET, "(1 - p) * dout"),), ((_BRACKET, "dout"),))},
            "always",
            "only the derivative of each p by its own I is there; every p depends on every I of its row",
            fix,
        ),
        Mistake(
            "upstream-ignored",
            {"dx": (((_BRACKET, "(1 - p)"),), ((_BRACKET, "(1 - p.sum(axis=k.dim, keepdims=True))"),))},
            "always",
            _UPSTREAM,
            fix,
        ),
        Mistake(
            "derivative-missing",
            {"dx": (((_OF_P, "dout"),), ((_OF_P, "(p - dout)"),))},
            "always",
            "the gradient is that of softmax and cross entropy together: right only where the loss already returns p - target",
            fix,
        ),
        Mistake(
            "softmax-sum-without-p",
            {"dx": (
                (("(p * dout).sum(", "dout.sum("),),
                ((_OF_P, "(p * dout - (p * dout).sum(axis=k.dim, keepdims=True))"),),
            )},
            "always",
            "a factor p is missing: the sum is that of p*dO, and all of it is multiplied by p",
            fix,
        ),
    )  # fmt: skip


_P = "e / e.sum(axis=k.dim, keepdims=True)"

_SOFTMAX = (
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

_BY_MAXIMUM = "(x.max(axis=k.dim, keepdims=True) - x).astype(k.dtype)"  # the maximum of I, in the place of that of -I

_SOFTMIN = (
    Mistake(
        "minus-missing",
        {
            "out": ((("z = -x", "z = x"),),),
            "dx": ((("z = -x", "z = x"),), (("-p *", "p *"),), (("z = -x", "z = x"), ("-p *", "p *"))),
        },
        "always",
        "a minus is missing: Softmin is the softmax of -I, and the derivative of -I gives its gradient the other sign",
        "p = softmax(-I), dI = -p * (dO - (p * dO).sum(axis, keepdims=True))",
    ),
    Mistake(
        "wrong-function",
        {"out": (
            (("z = -x", "z = x"), (f"return {_P}", f"return 1 - {_P}")),
            (("z = -x", "z = x"), (f"return {_P}", f"return -{_P}")),
            ((f"return {_P}", f"return np.log({_P})"),),
            ((f"return {_P}", "return e"),),
            ((f"return {_P}", "return 1 / (1 + np.exp(x))"),),
        )},
        "always",
        "another function than softmin is computed",
        "exp(-I) / sum of exp(-I)",
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
    Family(
        {"out": softmax_out, "dx": softmax_dx},
        _shared("x") + _jacobian("") + _SOFTMAX,
        prepare,
        ("Softmax", "Softmax2d"),
    ),
    Family(
        {"out": softmin_out, "dx": softmin_dx},
        _shared("z", _BY_MAXIMUM) + _jacobian("-") + _SOFTMIN,
        prepare,
        ("Softmin",),
    ),
    Family({"out": log_softmax_out, "dx": log_softmax_dx}, _shared("x") + _LOG_SOFTMAX, prepare, ("LogSoftmax",)),
)
