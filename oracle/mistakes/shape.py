"""Flatten, Unflatten, Identity and the shuffles: the kernels, and what people get wrong in them.

Flatten         O is I with its axes start_dim to end_dim made one, the last axis fastest;  dI is dO in the shape of I
PixelShuffle    O[c, h*r + i, w*r + j] = I[c*r*r + i*r + j, h, w]; PixelUnshuffle is its inverse
ChannelShuffle  O[c] = I[(c % groups) * C/groups + c // groups]
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


def unflatten_out(x, k):
    return x.reshape(*x.shape[: k.dim], *k.sizes, *x.shape[k.dim + 1 :])


def unflatten_dx(x, dout, k):
    return dout.reshape(x.shape)


def shuffle_out(x, k):
    return to_pixels(x, k.r)


def shuffle_dx(x, dout, k):
    return to_channels(dout, k.r)


def unshuffle_out(x, k):
    return to_channels(x, k.r)


def unshuffle_dx(x, dout, k):
    return to_pixels(dout, k.r)


def channels_out(x, k):
    return transposed(x, k.groups)


def channels_dx(x, dout, k):
    return transposed(dout, dout.shape[1] // k.groups)


def to_pixels(x, r, axes="cijhw"):
    """(..., C*r*r, H, W) -> (..., C, H*r, W*r); `axes` is the order in which the channels hold c, i and j."""
    *lead, c, h, w = x.shape
    sizes = {"c": c // (r * r), "i": r, "j": r, "h": h, "w": w}
    parts = x.reshape(*lead, *(sizes[axis] for axis in axes))
    parts = moved(parts, axes, "chiwj")
    return parts.reshape(*lead, c // (r * r), h * r, w * r)


def to_channels(x, r, axes="cijhw"):
    *lead, c, h, w = x.shape
    parts = moved(x.reshape(*lead, c, h // r, r, w // r, r), "chiwj", axes)
    return parts.reshape(*lead, c * r * r, h // r, w // r)


def moved(parts, before, after):
    lead = parts.ndim - len(before)
    return parts.transpose(*range(lead), *(lead + before.index(axis) for axis in after))


def transposed(x, groups):
    return x.reshape(len(x), groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


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

_UNFLATTEN_OUT = "x.reshape(*x.shape[: k.dim], *k.sizes, *x.shape[k.dim + 1 :])"

_UNFLATTEN = (
    Mistake(
        "dim-ignored",
        {"out": (
            ((_UNFLATTEN_OUT, "x.reshape(len(x), *k.sizes)"),),
        )},
        "x has more axes than two, or dim = 0",
        "dim has no effect: all axes behind the batch are cut into unflattened_size",
        "I.reshape(*I.shape[:dim], *unflattened_size, *I.shape[dim + 1:])",
    ),
    Mistake(
        "unflattened-in-other-order",
        {
            "out": (
                ((_UNFLATTEN_OUT, _UNFLATTEN_OUT[:-1] + ", order='F')"),),
                ((_UNFLATTEN_OUT, "x.reshape(*x.shape[: k.dim], *k.sizes[::-1], *x.shape[k.dim + 1 :])"),),
            ),
            "dx": ((("x.shape)", "x.shape, order='F')"),),),
        },
        "more than one size is not 1",
        "the elements come in another order: the last axis must run fastest",
        "I.reshape(...) as it is, without a transpose",
    ),
    Mistake(
        "shape-not-restored",
        {"dx": ((("dout.reshape(x.shape)", "dout"),),)},
        "always",
        "dI keeps the shape of O",
        "dO.reshape(I.shape)",
    ),
)  # fmt: skip


def _pixels(first: str, second: str, forward: tuple[str, str], backward: tuple[str, str]) -> tuple[Mistake, ...]:
    """`forward` and `backward`: what the kernel calls, and the other direction."""
    (own, other), (own_dx, other_dx) = forward, backward
    orders = ("ijchw", "cjihw", "jichw")

    def ordered(text: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        return tuple(((text, f'{text[:-1]}, "{order}")'),) for order in orders)

    return (
        Mistake(
            "pixel-order",
            {"out": ordered(own), "dx": ordered(own_dx)},
            f"{first} > 1",
            "the channels are taken in another order: channel c*r*r + i*r + j is row i, column j of the block",
            second,
            lambda facts: facts[first] > 1,
        ),
        Mistake(
            "reshaped-only",
            {
                "out": (((own, f"x.reshape({own}.shape)"),),),
                "dx": (((own_dx, "dout.reshape(x.shape)"),),),
            },
            f"{first} > 1",
            "only reshaped: the axes were not put in order before, so that pixels of one block are far apart",
            second,
            lambda facts: facts[first] > 1,
        ),
        Mistake(
            "wrong-direction",
            {"out": (((own, other),),)} if own.startswith("to_pixels") else {"dx": (((own_dx, other_dx),),)},
            f"{first} > 1",
            "pixels are made from channels where channels should be made from pixels, or the reverse",
            second,
            lambda facts: facts[first] > 1,
        ),
    )


_SHUFFLE = _pixels(
    "upscale_factor",
    "I.reshape(N, C, r, r, H, W).transpose(0, 1, 4, 2, 5, 3).reshape(N, C, H*r, W*r)",
    ("to_pixels(x, k.r)", "to_channels(x, k.r)"),
    ("to_channels(dout, k.r)", "to_pixels(dout, k.r)"),
)
_UNSHUFFLE = _pixels(
    "downscale_factor",
    "I.reshape(N, C, H, r, W, r).transpose(0, 1, 3, 5, 2, 4).reshape(N, C*r*r, H, W)",
    ("to_channels(x, k.r)", "to_pixels(x, k.r)"),
    ("to_pixels(dout, k.r)", "to_channels(dout, k.r)"),
)

_CHANNELS = (
    Mistake(
        "shuffled-back",
        {
            "out": ((("k.groups", "x.shape[1] // k.groups"),),),
            "dx": ((("dout.shape[1] // k.groups", "k.groups"),),),
        },
        "groups is not its own partner",
        "the channels are moved as the inverse does: (groups, C/groups) is the shape before the transpose",
        "I.reshape(N, groups, C // groups, H, W).transpose(0, 2, 1, 3, 4).reshape(I.shape)",
    ),
    Mistake(
        "not-shuffled",
        {
            "out": ((("transposed(x, k.groups)", "x"),),),
            "dx": ((("transposed(dout, dout.shape[1] // k.groups)", "dout"),),),
        },
        "1 < groups < C",
        "the channels stay where they are: the transpose between the two reshapes is missing",
        "I.reshape(N, groups, C // groups, H, W).transpose(0, 2, 1, 3, 4).reshape(I.shape)",
    ),
    Mistake(
        "channels-reversed",
        {"out": ((("transposed(x, k.groups)", "x[:, ::-1]"),), (("transposed(x", "transposed(x[:, ::-1]"),))},
        "C > 1",
        "the channels come in reverse",
        "O[c] = I[(c % groups) * C/groups + c // groups]",
    ),
)  # fmt: skip


def prepare_unflatten(call: Call) -> SimpleNamespace:
    x, dim = call.inputs["x"], call.settings["dim"] % call.inputs["x"].ndim
    sizes = call.settings["unflattened_size"]
    known = math.prod(size for size in sizes if size != -1)
    return SimpleNamespace(dim=dim, sizes=tuple(x.shape[dim] // known if size == -1 else size for size in sizes))


def prepare_pixels(call: Call) -> SimpleNamespace:
    return SimpleNamespace(r=next(iter(call.settings.values())))


FAMILIES = (
    Family({"out": flatten_out, "dx": flatten_dx}, _FLATTEN, prepare, ("Flatten",)),
    Family({"out": identity_out, "dx": identity_dx}, _IDENTITY, specs=("Identity",)),
    Family({"out": unflatten_out, "dx": unflatten_dx}, _UNFLATTEN, prepare_unflatten, ("Unflatten",)),
    Family({"out": shuffle_out, "dx": shuffle_dx}, _SHUFFLE, prepare_pixels, ("PixelShuffle",)),
    Family({"out": unshuffle_out, "dx": unshuffle_dx}, _UNSHUFFLE, prepare_pixels, ("PixelUnshuffle",)),
    Family({"out": channels_out, "dx": channels_dx}, _CHANNELS, specs=("ChannelShuffle",)),
)
