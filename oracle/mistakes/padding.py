# ruff: noqa: E501  an edit stands on one line
"""Padding: the kernels of each kind, and what people get wrong in them.

O[o] = I[at(o)] along each axis, or a constant where at(o) lies outside of I;  dI[i] = sum of dO[o] over all o with at(o) = i
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from oracle.layers.spec import per_axis
from oracle.mistakes.borders import (  # noqa: F401  some in the text of edits
    given_back,
    last_given_back,
    mirrored,
    outside,
    reflected,
    repeated,
    taken,
    wrapped,
)
from oracle.mistakes.kernel import Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: sides, (axis, before, after) of each axis that is padded, counted from the last; source, what the
# ---- border is made of; value


def out(x, k):
    for axis, before, after in k.sides:
        at = np.arange(-before, x.shape[axis] + after)
        x = taken(x, k.source(at, x.shape[axis], before, after), axis, k.value)
    return x


def dx(x, dout, k):
    for axis, before, after in k.sides:
        at = np.arange(-before, x.shape[axis] + after)
        dout = given_back(dout, k.source(at, x.shape[axis], before, after), x.shape[axis], axis)
    return dout


# ---- what the kernels are made of


def cropped(dout, k):
    """dO[P:-P], which is empty for P = 0."""
    for axis, before, after in k.sides:
        dout = np.moveaxis(np.moveaxis(dout, axis, 0)[before:-after], 0, axis)
    return dout


def turned(sides):
    """The widths of the last axis for the first one."""
    return [(axis, *widths) for (axis, *_), (_, *widths) in zip(sides, sides[::-1])]


def shifted(sides):
    """The axes before them."""
    return [(axis - 1, *widths) for axis, *widths in sides]


_SOURCES = {"Zero": outside, "Constant": outside, "Reflection": reflected, "Replication": repeated, "Circular": wrapped}


def prepare(call: Call) -> SimpleNamespace:
    kind, ndim = call.spec[:-5], int(call.spec[-2])
    widths = per_axis(call.settings["padding"], 2 * ndim)
    sides = [(-1 - place, *widths[2 * place : 2 * place + 2]) for place in range(ndim)]
    return SimpleNamespace(sides=sides, source=_SOURCES[kind], value=call.settings.get("value", 0.0))


_RANGE = "np.arange(-before, x.shape[axis] + after)"
_LEFT, _RIGHT = "np.arange(-before, x.shape[axis])", "np.arange(0, x.shape[axis] + after)"

_SHARED = (
    Mistake(
        "padding-on-one-side",
        {"out": (
            ((_RANGE, _LEFT),),
            ((_RANGE, _RIGHT),),
        )},
        "padding >= 1",
        "one side of each axis only is padded",
        "before and after on each axis: padding = (left, right, top, bottom)",
    ),
    Mistake(
        "padding-sides-swapped",
        {name: (((_RANGE, "np.arange(-after, x.shape[axis] + before)"),),) for name in ("out", "dx")},
        "the sides differ",
        "left and right, and top and bottom, have changed places",
        "padding = (left, right, top, bottom)",
    ),
    Mistake(
        "padding-wrong-axes",
        {
            "out": ((("k.sides", "turned(k.sides)"),), (("k.sides", "shifted(k.sides)"),)),
            "dx": ((("k.sides", "turned(k.sides)"),),),
        },
        "the widths of the axes differ, or always",
        "torch's padding begins with the LAST axis: (left, right, top, bottom); the batch and the channels have none",
        "np.pad(I, ((0, 0), (0, 0), (top, bottom), (left, right)))",
    ),
)  # fmt: skip


def _kind(*others: str, fix: str) -> tuple[Mistake, ...]:
    """A border of values of the image; `others` are the ways to make it that are not this one's."""
    return (
        *_SHARED,
        Mistake(
            "padding-wrong-mode",
            {
                "out": tuple((("k.source", other),) for other in (*others, "outside")),
                "dx": tuple((("k.source", other),) for other in others),
            },
            "padding >= 1",
            "the border is made in another way: repeated, reflected with or without the outermost value, wrapped round, or 0",
            fix,
        ),
        Mistake(
            "border-gradient-dropped",
            {"dx": ((("k.source", "outside"),),)},
            "padding >= 1",
            "the gradient of the border is cut off; the border is made of values of the image, which get it",
            "dI[at(o)] += dO[o] for every o, those of the border too",
        ),
        Mistake(
            "assign-instead-of-add",
            {"dx": ((("given_back(", "last_given_back("),),)},
            "padding >= 1",
            "a value that comes more than once gets the gradient of one of its places only",
            "dI[at(o)] += dO[o]; np.add.at(dI, at, dO)",
        ),
    )  # fmt: skip


_CROP = (
    Mistake(
        "no-crop-of-padding",
        {"dx": ((("    return dout", "    return given"), ("    for", "    given = dout\n    for")), ((_RANGE, "np.arange(len(np.moveaxis(dout, axis, 0)))"),))},
        "padding is not 0",
        "dI still has the padding around it, or another window than the image's own is cut out of it",
        "dI = dO[:, :, top:top+H, left:left+W]",
    ),
    Mistake(
        "crop-with-zero-padding",
        {"dx": ((("    for", "    return cropped(dout, k)\n    for"),),)},
        "a side is not padded",
        "dI is cut out by dO[:, :, P:-P, P:-P], which is empty for P = 0 (-0 is 0)",
        "dI = dO[:, :, top:top+H, left:left+W]",
    ),
    Mistake(
        "padding-wrong-mode",
        {"out": tuple((("k.source", other),) for other in ("repeated", "reflected", "wrapped"))},
        "padding >= 1",
        "the border is made of values of the image; here it is a constant",
        "np.pad(I, widths, constant_values=value)",
    ),
)  # fmt: skip

_CONSTANT = (
    Mistake(
        "value-ignored",
        {"out": ((("k.value", "0"),), (("k.value", "1"),), (("k.value", "-k.value"),), (("k.value", "-np.inf"),))},
        "value is not 0",
        "another constant is put around than the argument says",
        "np.pad(I, widths, constant_values=value)",
    ),
)

_ZERO = (
    Mistake(
        "value-not-zero",
        {"out": ((("k.value", "1"),), (("k.value", "-np.inf"),), (("k.value", "x.mean()"),))},
        "padding >= 1",
        "another constant than 0 is put around",
        "np.pad(I, widths)",
    ),
)


def _layers(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}Pad{axes}d" for axes in (2, 1, 3))


_KERNELS: dict[str, Callable[..., np.ndarray]] = {"out": out, "dx": dx}
_REFLECT = _kind(
    "mirrored", "repeated", "wrapped", fix="O[-1] = I[1]: the outermost value is not repeated (mode reflect)"
)
_REPEAT = _kind("reflected", "mirrored", "wrapped", fix="O[-1] = I[0], O[-2] = I[0] (mode edge)")
_WRAP = _kind("reflected", "repeated", "mirrored", fix="O[-1] = I[H-1] (mode wrap)")

FAMILIES = tuple(
    Family(_KERNELS, mistakes, prepare, _layers(kind))
    for kind, mistakes in (
        ("Zero", _SHARED + _CROP + _ZERO),
        ("Constant", _SHARED + _CROP + _CONSTANT),
        ("Reflection", _REFLECT),
        ("Replication", _REPEAT),
        ("Circular", _WRAP),
    )
)
