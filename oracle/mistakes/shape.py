"""Flatten and Identity: the kernels, and what people get wrong in them.

O is I with its axes start_dim to end_dim made one, the last axis fastest;  dI is dO in the shape of I
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.subjects import Call


def flatten_out(x, k):
    return x.reshape(*x.shape[: k.start], math.prod(x.shape[k.start : k.end]), *x.shape[k.end :])


def flatten_dx(x, dout, k):
    return dout.reshape(x.shape)


def identity_out(x, k):
    return x


def identity_dx(x, dout, k):
    return dout


def last_first(x):
    """The channels behind the positions, as an image is stored in a file."""
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


def prepare(call: Call) -> SimpleNamespace:
    axes = call.inputs["x"].ndim
    return SimpleNamespace(start=call.settings["start_dim"] % axes, end=call.settings["end_dim"] % axes + 1)


_OUT = "x.reshape(*x.shape[: k.start], math.prod(x.shape[k.start : k.end]), *x.shape[k.end :])"

_FLATTEN = (
    Mistake(
        "batch-flattened",
        {"out": (
            ((_OUT, "x.reshape(-1)"),),
            ((_OUT, "x.reshape(1, -1)"),),
        )},
        "start_dim is not 0, or end_dim not the last axis",
        "the batch is flattened too: one row is left for all images",
        "x.reshape(len(x), -1)",
    ),
    Mistake(
        "start-dim-ignored",
        {"out": ((("k.start", "1"),),)},
        "start_dim is not 1",
        "start_dim has no effect: the axes from 1 on are flattened",
        "x.reshape(*x.shape[:start_dim], -1, *x.shape[end_dim + 1:])",
        lambda facts: facts["start_dim"] != 1,
    ),
    Mistake(
        "end-dim-ignored",
        {"out": ((("k.end", "x.ndim"),),)},
        "end_dim is not the last axis",
        "end_dim has no effect: all axes behind start_dim are flattened",
        "x.reshape(*x.shape[:start_dim], -1, *x.shape[end_dim + 1:])",
        lambda facts: facts["end_dim"] != -1,
    ),
    Mistake(
        "flattened-in-other-order",
        {
            "out": (
                ((_OUT, _OUT.replace("x.reshape(", "last_first(x).reshape(")),),
                ((_OUT, _OUT[:-1] + ", order='F')"),),
            ),
            "dx": (
                (("dout.reshape(x.shape)", "np.moveaxis(dout.reshape(last_first(x).shape), -1, 1)"),),
                (("x.shape)", "x.shape, order='F')"),),
            ),
        },
        "more than one axis is flattened",
        "the elements come in another order: the last axis must run fastest, and the channels stay where they are",
        "x.reshape(len(x), -1) on the array as it is, without a transpose",
    ),
    Mistake(
        "shape-not-restored",
        {"dx": ((("dout.reshape(x.shape)", "dout"),),)},
        "more than one axis is flattened",
        "dI keeps the flat shape of O",
        "dO.reshape(I.shape)",
    ),
)  # fmt: skip

_IDENTITY = (
    Mistake(
        "gradient-of-ones",
        {"dx": ((("return dout", "return np.ones_like(x)"),),)},
        "dO is not 1",
        "1 is returned; the chain rule multiplies it by the gradient that comes from above",
        "dI = dO",
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": flatten_out, "dx": flatten_dx}, _FLATTEN, prepare, ("Flatten",)),
    Family({"out": identity_out, "dx": identity_dx}, _IDENTITY, specs=("Identity",)),
)
