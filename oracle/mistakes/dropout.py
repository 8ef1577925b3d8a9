"""Dropout: the kernels, and what people get wrong in them.

O = I * mask / (1 - p) in training, O = I in evaluation;  dI = dO * mask / (1 - p). The mask is given: it is 1 where an
element is kept.
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

MISTAKES = (
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

FAMILIES = (
    Family({"out": out, "dx": dx, "mask": mask}, MISTAKES, prepare, ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d")),
)
