# ruff: noqa: E501  an edit stands on one line
"""Dropout: the kernels, and what people get wrong in them. The mask is given: it is 1 where an element is kept.

dropout        O = I * mask / (1 - p) in training, O = I in evaluation;  dI = dO * mask / (1 - p)
alpha dropout  O = a * (I * mask + t * (1 - mask)) + b;  dI = dO * a * mask,  with t = -scale * alpha of SELU,
               a = ((1 - p) (1 + p t^2))^(-1/2) and b = -a t p
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: p, keep = 1 - p, training


def out(x, mask, k):
    if not k.training:
        return x
    return x * mask / k.keep if k.keep else x * 0


def dx(dout, mask, k):
    if not k.training:
        return dout
    return dout * mask / k.keep if k.keep else dout * 0


SATURATION = -1.7580993408473766  # t


def alpha_out(x, mask, k):
    if not k.training:
        return x
    p = k.p
    a = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5 if p < 1 else 0
    b = -a * SATURATION * p
    return a * (x * mask + SATURATION * (1 - mask)) + b


def alpha_dx(dout, mask, k):
    if not k.training:
        return dout
    p = k.p
    a = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5 if p < 1 else 0
    return dout * mask * a


def mask(mask, k):
    return mask if k.training else np.ones(mask.shape)


def prepare(call: Call) -> SimpleNamespace:
    p = call.settings["p"]
    return SimpleNamespace(p=p, keep=1 - p, training=call.training)


# ---- where a mistake shows


def _evaluated(facts: Facts) -> bool:
    return facts["mode"] == "eval"


def _trained(facts: Facts) -> bool:
    return facts["mode"] == "train"


def _dropped(facts: Facts) -> bool:
    return facts["mode"] == "train" and facts["p"] > 0


_SCALE = "O = I * mask / (1 - p) in training, O = I in evaluation"

_EVALUATION = (
    Mistake(
        "dropout-active-in-eval",
        {
            "out": ((("if not k.training", "if False"),),),
            "dx": ((("if not k.training", "if False"),),),
            "mask": ((("if k.training", "if True"),),),
        },
        "evaluation",
        "elements are dropped in evaluation too",
        "return I unchanged where training is False",
        _evaluated,
    ),
    Mistake(
        "dropout-scaled-in-eval",
        {
            "out": ((("return x\n", "return x * k.keep\n"),), (("return x\n", "return x / k.keep\n"),)),
            "dx": ((("return dout\n", "return dout * k.keep\n"),), (("return dout\n", "return dout / k.keep\n"),)),
        },
        "evaluation, p > 0",
        "evaluation is scaled although training is already: the factor is applied twice",
        _SCALE,
        lambda facts: facts["mode"] == "eval" and facts["p"] > 0,
    ),
)  # fmt: skip

_DROPOUT = (
    Mistake(
        "dropout-not-inverted",
        {"out": (
            (("mask / k.keep", "mask"),),
            (("mask / k.keep", "mask"), ("return x\n", "return x * k.keep\n")),
        )},
        "p > 0",
        "what is kept is not divided by 1 - p: its mean is smaller in training, and evaluation must be scaled for it",
        _SCALE,
        lambda facts: facts["p"] > 0,
        convention=True,
    ),
    Mistake(
        "dropout-scale-missing-in-backward",
        {"dx": ((("mask / k.keep", "mask"),),)},
        "training, p > 0",
        "dO is multiplied by the mask, but not divided by 1 - p as the forward is",
        "dI = dO * mask / (1 - p)",
        _dropped,
    ),
    Mistake(
        "dropout-mask-missing-in-backward",
        {"dx": (
            (("dout * mask / k.keep", "dout / k.keep"),),
            (("dout * mask / k.keep if k.keep else dout * 0", "dout"),),
        )},
        "training",
        "the mask is not applied in backward: what was dropped has no gradient",
        "dI = dO * mask / (1 - p), with the mask of the forward",
        _trained,
    ),
    Mistake(
        "dropout-p-is-keep",
        {name: ((("/ k.keep if k.keep", "/ k.p if k.p"),),) for name in ("out", "dx")},
        "training, p is not 0.5",
        "p is taken for the probability to keep an element; in torch it is that of dropping it",
        "divide by 1 - p, keep where a random number is >= p",
        lambda facts: facts["mode"] == "train" and facts["p"] != 0.5,
        convention=True,
    ),
    Mistake(
        "dropout-scale-inverted",
        {name: ((("mask / k.keep", "mask * k.keep"),), (("mask / k.keep", "mask * k.p"),)) for name in ("out", "dx")},
        "training, p > 0",
        "what is kept is multiplied by a probability; it must be divided by 1 - p, so that its mean stays",
        _SCALE,
        _dropped,
    ),
)  # fmt: skip

_ALPHA_O = (
    "O = a * (I * mask + t * (1 - mask)) + b, t = -1.7580993408473766, a = ((1 - p) (1 + p t^2))^(-1/2), b = -a t p"
)
_ALPHA_D = "dI = dO * a * mask, with the a and the mask of the forward"
_SUM = "x * mask + SATURATION * (1 - mask)"
_A = "((1 - p) * (1 + p * SATURATION**2)) ** -0.5"
_B = "-a * SATURATION * p"


def _value(id: str, right: str, *others: str, hint: str) -> Mistake:
    return Mistake(
        id, {"out": tuple(((right, other),) for other in others)}, "training, p > 0", hint, _ALPHA_O, _dropped
    )


def _number(id: str, *ways: tuple[str, str], hint: str) -> Mistake:
    """A number that stands in the forward and in the backward."""
    variants = {name: tuple((way,) for way in ways) for name in ("out", "dx")}
    return Mistake(id, variants, "training, p > 0", hint, _ALPHA_O, _dropped)


_ALPHA = (
    Mistake(
        "dropout-for-alpha-dropout",
        {"out": (((f"a * ({_SUM}) + b", "x * mask / k.keep if k.keep else x * 0"),),),
         "dx": ((("mask * a", "mask / k.keep if k.keep else dout * 0"),),)},
        "training, p > 0",
        "this is ordinary dropout: what is dropped becomes 0, and the rest is divided by 1 - p",
        _ALPHA_O,
        _dropped,
    ),
    _value("dropped-to-zero", _SUM, "x * mask",
           hint="what is dropped becomes 0; alpha dropout sets it to t, the value that SELU saturates at"),
    _value("affine-missing", f"a * ({_SUM}) + b", _SUM, f"a * ({_SUM})", f"{_SUM} + b",
           hint="a, b or both are left out: they bring the mean back to 0 and the variance to 1"),
    _value("alpha-dropout-shift", _B, "a * SATURATION * p", "-SATURATION * p", "-a * SATURATION", "-a * SATURATION * (1 - p)", "-a * p",
           hint="b has the wrong sign, or a factor too few: the mean of what is left must be 0"),
    _number("alpha-dropout-scale",
            (_A, "((1 - p) * (1 + p * SATURATION**2)) ** 0.5"), (_A, "1 / ((1 - p) * (1 + p * SATURATION**2))"),
            (_A, "(1 - p + p * SATURATION**2) ** -0.5"), (_A, "(1 - p) ** -0.5"),
            hint="a is another number: the variance of I * mask + t * (1 - mask) is (1 - p) (1 + p t^2), and a is one over its root"),
    _number("alpha-dropout-saturation",
            ("SATURATION", "(-1.6732632423543772)"), ("SATURATION", "(-1.0507009873554805)"), ("SATURATION", "(-1.0)"),
            hint="t is another number: it is -scale * alpha of SELU, the product of both"),
    _value("saturation-sign", "SATURATION", "(-SATURATION)", hint="t is negative: SELU saturates at -scale * alpha"),
    _number("constants-rounded", *(("SATURATION", f"({t})") for t in ("-1.758", "-1.7581", "-1.75809934", "-1.0507 * 1.6733")),
            hint="t has too few digits"),
    Mistake(
        "dropout-p-is-keep",
        {name: ((("p = k.p", "p = k.keep"),),) for name in ("out", "dx")},
        "training, p is not 0.5",
        "p is taken for the probability to keep an element; in torch it is that of dropping it",
        _ALPHA_O,
        lambda facts: facts["mode"] == "train" and facts["p"] != 0.5,
        convention=True,
    ),
    Mistake(
        "dropout-scale-missing-in-backward",
        {"dx": ((("mask * a", "mask"),),)},
        "training, p > 0",
        "dO is multiplied by the mask, but not by a as the forward is",
        _ALPHA_D,
        _dropped,
    ),
    Mistake(
        "dropout-mask-missing-in-backward",
        {"dx": ((("mask * a", "a"),), (("dout * mask * a", "dout"),))},
        "training",
        "the mask is not applied in backward: what was dropped has no gradient",
        _ALPHA_D,
        _trained,
    ),
    Mistake(
        "upstream-ignored",
        {"dx": ((("dout * mask * a", "mask * a"),), (("dout * mask * a", "np.zeros(dout.shape) + mask * a"),))},
        "training",
        "dO is left out; the chain rule multiplies the derivative by the gradient that comes from above",
        _ALPHA_D,
        _trained,
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": out, "dx": dx, "mask": mask}, _DROPOUT + _EVALUATION, prepare, ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d")),
    Family({"out": alpha_out, "dx": alpha_dx, "mask": mask}, _ALPHA + _EVALUATION, prepare, ("AlphaDropout", "FeatureAlphaDropout")),
)  # fmt: skip
