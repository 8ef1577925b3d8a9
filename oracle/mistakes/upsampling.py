# ruff: noqa: E501  an edit stands on one line
"""Upsampling: the kernels, and what people get wrong in them.

Along each axis O[o] = sum over i of M[o,i] * I[i], dI[i] = sum over o of M[o,i] * dO[o], where row o of M has the weights
of the values next to the coordinate s(o) of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from oracle.layers.upsampling import FIXED, axes_of, settings_of
from oracle.mistakes.kernel import Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: sides, (axis, size, output size, input steps per output step); mode, corners


def out(x, k):
    for axis, n, o, step in k.sides:
        y = np.arange(o)
        if k.mode == "nearest":
            m = picked(np.floor(y * step), n)
        elif k.corners:
            m = k.weights(y * ((n - 1) / max(o - 1, 1)), n)
        else:
            m = k.weights((y + 0.5) * step - 0.5, n)
        x = along(m, x, axis)
    return x


def dx(x, dout, k):
    for axis, n, o, step in k.sides:
        y = np.arange(o)
        if k.mode == "nearest":
            m = picked(np.floor(y * step), n)
        elif k.corners:
            m = k.weights(y * ((n - 1) / max(o - 1, 1)), n)
        else:
            m = k.weights((y + 0.5) * step - 0.5, n)
        dout = along(m.T, dout, axis)
    return dout


# ---- what the kernels are made of


def along(m, x, axis):
    return np.moveaxis(np.tensordot(m, x, (1, axis)), 0, axis)


def picked(s, n):
    return (np.clip(s, 0, n - 1)[:, None] == np.arange(n)).astype(float)


def linear(s, n):
    s = np.maximum(s, 0)
    return neighbours(s, n, [lambda t: 1 - t, lambda t: t], 0)


def cubic(s, n, a=-0.75):
    def near(t):
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t):
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    return neighbours(s, n, [lambda t: far(t + 1), near, lambda t: near(1 - t), lambda t: far(2 - t)], -1)


def softer(s, n):
    """Keys's own constant."""
    return cubic(s, n, -0.5)


def neighbours(s, n, weights, first):
    """The weights of the values next to s; beyond the edge stands the outermost value."""
    left = np.floor(s)
    m = np.zeros((len(s), n))
    for place, weight in enumerate(weights, first):
        np.add.at(m, (np.arange(len(s)), np.clip(left + place, 0, n - 1).astype(int)), weight(s - left))
    return m


def prepare(call: Call) -> SimpleNamespace:
    args = settings_of({**call.settings, **FIXED[call.spec]})
    axes = enumerate(axes_of(args, call.inputs["x"].shape[2:]), 2)
    weights = cubic if args["mode"] == "bicubic" else linear
    return SimpleNamespace(sides=[(axis, *side) for axis, side in axes], mode=args["mode"], weights=weights,
                           corners=args["align_corners"])  # fmt: skip


def alike(sides, which):
    """One output size and step for all axes."""
    return [(axis, n, *sides[which][2:]) for axis, n, *_ in sides]


def swapped(sides):
    return [(axis, n, *other[2:]) for (axis, n, *_), other in zip(sides, sides[::-1])]


_BOTH = ("out", "dx")
_PICK, _CORNERS, _HALF = (
    "picked(np.floor(y * step), n)",
    "k.weights(y * ((n - 1) / max(o - 1, 1)), n)",
    "k.weights((y + 0.5) * step - 0.5, n)",
)

_NEAREST = (
    Mistake(
        "nearest-rounded",
        {name: tuple(((_PICK, _PICK.replace("np.floor(y * step)", other)),) for other in (
            "np.rint(y * step)", "np.ceil(y * step)", "np.floor((y + 0.5) * step)", "np.rint(y * ((n - 1) / max(o - 1, 1)))",
        )) for name in _BOTH},
        "the scale is not a whole number, or 2",
        "the nearest pixel is rounded another way: up, to the nearest, or from the middle of the pixel",
        "O[y] = I[floor(y * H/H2)]",
    ),
    Mistake(
        "nearest-tiled",
        {"out": (((_PICK, "picked(y % n, n)"),),), "dx": (((_PICK, "picked(y % n, n)"),),)},
        "the output is larger",
        "the image is put side by side; each of its pixels must be repeated",
        "np.repeat, not np.tile: O[y] = I[floor(y * H/H2)]",
    ),
    Mistake(
        "zeros-between",
        {"out": (((_PICK, "picked(np.floor(y * step), n) * (np.diff(np.floor(y * step), prepend=-1) > 0)[:, None]"),),)},
        "the output is larger",
        "zeros stand between the pixels; each pixel must be repeated",
        "np.repeat: O[y] = I[floor(y * H/H2)]",
    ),
)  # fmt: skip

_ALIGNED = (
    Mistake(
        "align-corners-ignored",
        {name: ((("k.corners", "False"),),) for name in _BOTH},
        "align_corners = true",
        "align_corners has no effect: the corners of the output are not those of the input",
        "s = y * (H - 1)/(H2 - 1) with align_corners",
        lambda facts: facts.get("align_corners", True) is True,
    ),
)

_HALVES = (
    Mistake(
        "align-corners-always",
        {name: ((("k.corners", "True"),),) for name in _BOTH},
        "align_corners = false",
        "the corners are aligned without being asked to; by default the pixels are squares, with values in their middles",
        "s = (y + 1/2) * H/H2 - 1/2",
    ),
    Mistake(
        "half-pixel-missing",
        {name: (((_HALF, "k.weights(y * step, n)"),),) for name in _BOTH},
        "align_corners = false",
        "the coordinate is y * H/H2: values stand in the middles of the pixels, half a step further",
        "s = (y + 1/2) * H/H2 - 1/2",
    ),
    Mistake(
        "nearest-not-interpolated",
        {"out": (((_HALF, _PICK), (_CORNERS, _PICK)),), "dx": (((_HALF, _PICK), (_CORNERS, _PICK)),)},
        "mode is not nearest",
        "the nearest pixel is taken; this mode weighs the neighbours",
        "O[y] = (1 - t) * I[i] + t * I[i+1] with i = floor(s), t = s - i",
    ),
    Mistake(
        "linear-not-cubic",
        {name: (((_HALF, "linear((y + 0.5) * step - 0.5, n)"), (_CORNERS, "linear(y * ((n - 1) / max(o - 1, 1)), n)")),) for name in _BOTH},
        "mode = bicubic",
        "two neighbours are weighed along each axis; bicubic weighs four",
        "the weights of Keys's cubic with a = -0.75",
    ),
    Mistake(
        "cubic-constant",
        {name: ((("    for", "    k.weights = softer if k.weights is cubic else k.weights\n    for"),),) for name in _BOTH},
        "mode = bicubic",
        "another constant stands in the cubic: torch has a = -0.75",
        "the weights of Keys's cubic with a = -0.75",
    ),
)  # fmt: skip

_SHARED = (
    Mistake(
        "height-for-width",
        {"out": (
            (("k.sides", "alike(k.sides, 0)"),),
            (("k.sides", "alike(k.sides, -1)"),),
            (("k.sides", "swapped(k.sides)"),),
        )},
        "the output sizes differ",
        "one output size or scale is used for all axes, or they have changed places",
        "H/H2 for the rows, W/W2 for the columns",
    ),
    Mistake(
        "mean-not-sum",
        {"dx": (
            (("along(m.T, dout, axis)", "along(m.T, dout, axis) * step"),),
            (("along(m.T, dout, axis)", "along(m.T, dout, axis) / np.maximum((m != 0).sum(axis=0), 1).reshape(-1, *(1,) * (dout.ndim - axis - 1))"),),
        )},
        "the sizes differ",
        "a pixel's gradient is the sum over all outputs that it gives to; here it is their mean",
        "dI[i] = sum over o of M[o,i] * dO[o]",
    ),
    Mistake(
        "assign-instead-of-add",
        {"dx": ((("along(m.T, dout, axis)", "along(m.T * (np.cumsum((m != 0)[::-1], axis=0)[::-1] == 1).T, dout, axis)"),),)},
        "a pixel gives to more than one output",
        "a pixel gives to several outputs: a later one overwrites the gradient of the earlier",
        "dI[i] += M[o,i] * dO[o]",
    ),
)  # fmt: skip

_KERNELS: dict[str, Callable[..., np.ndarray]] = {"out": out, "dx": dx}
_ALL = (*_NEAREST, *_ALIGNED, *_HALVES, *_SHARED)
_OF_BILINEAR = (*_ALIGNED, _HALVES[2], *_SHARED)

FAMILIES = (
    Family(_KERNELS, _ALL, prepare, ("Upsample",)),
    Family(_KERNELS, (*_NEAREST, *_SHARED), prepare, ("UpsamplingNearest2d",)),
    Family(_KERNELS, _OF_BILINEAR, prepare, ("UpsamplingBilinear2d",)),
)
