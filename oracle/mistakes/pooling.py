# ruff: noqa: E501  an edit stands on one line
"""Pooling: the kernels of maximum and average, and what people get wrong in them.

maximum  O[n,c,y] = max over r of I[n, c, y*S + r*D - P], and dI gets dO at the place of the first maximum
average  O[n,c,y] = 1/divisor * sum over r of I[n, c, y*S + r - P], and each place of the window gets dO/divisor
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.layers.pooling import pooled_size
from oracle.layers.spec import per_axis
from oracle.mistakes.kernel import Edits, Facts, Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: kernel, stride, padding, dilation per axis; ceil_mode, include (padding in the mean), override


def max_out(x, k):
    size = [pooled_size(*axis, k.ceil_mode) for axis in zip(x.shape[2:], k.kernel, k.stride, k.padding, k.dilation)]
    xp = pad(x, k, size, -np.inf)
    result = np.full((*x.shape[:2], *size), -np.inf)
    for r in np.ndindex(*k.kernel):
        result = np.maximum(result, xp[place(r, k.stride, k.dilation, size)])
    return result


def max_dx(x, dout, k):
    size = dout.shape[2:]
    xp = pad(x, k, size, -np.inf)
    dxp = np.zeros_like(xp)
    taps = np.stack([xp[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel)])
    first = taps.argmax(axis=0)
    for i, r in enumerate(np.ndindex(*k.kernel)):
        dxp[place(r, k.stride, k.dilation, size)] += (first == i) * dout
    return dxp[inside(x.shape[2:], k.padding)]


def average_out(x, k):
    size = [pooled_size(*axis, k.ceil_mode) for axis in zip(x.shape[2:], k.kernel, k.stride, k.padding, k.dilation)]
    xp = pad(x, k, size, 0)
    result = np.zeros((*x.shape[:2], *size))
    for r in np.ndindex(*k.kernel):
        result = result + xp[place(r, k.stride, k.dilation, size)]
    return result / divisor(x, k, size, k.include)


def average_dx(x, dout, k):
    size = dout.shape[2:]
    dxp = np.zeros_like(pad(x, k, size, 0))
    share = dout / divisor(x, k, size, k.include)
    for r in np.ndindex(*k.kernel):
        dxp[place(r, k.stride, k.dilation, size)] += share
    return dxp[inside(x.shape[2:], k.padding)]


# ---- what the kernels are made of


def pad(x, k, size, value):
    """P before, and behind as much as the windows need (at least P)."""
    need = [d * (f - 1) + s * (o - 1) + 1 for f, s, d, o in zip(k.kernel, k.stride, k.dilation, size)]
    after = [max(p, n - h - p) for p, n, h in zip(k.padding, need, x.shape[2:])]
    return np.pad(x, ((0, 0), (0, 0), *zip(k.padding, after)), constant_values=value)


def place(r, stride, dilation, size):
    """Where window position r meets the padded input, for each output position."""
    return (..., *(slice(a * d, a * d + s * (o - 1) + 1, s) for a, s, d, o in zip(r, stride, dilation, size)))


def inside(size, before):
    return (..., *(slice(p, p + h) for p, h in zip(before, size)))


def divisor(x, k, size, include):
    """How many places of each window count: those of the image, or also those of the padding; never what hangs over."""
    if k.override:
        return k.override
    counted = np.ones((1, 1, *x.shape[2:]))
    if include:
        counted = np.pad(counted, ((0, 0), (0, 0), *((p, p) for p in k.padding)), constant_values=1)
        k = SimpleNamespace(**{**vars(k), "padding": none(k.padding)})
    counted = pad(counted, k, size, 0)
    return sum(counted[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel))


def none(axes):
    return (0,) * len(axes)


def ones(axes):
    return (1,) * len(axes)


def swapped(axes):
    return tuple(axes)[::-1]


def cut(result, size):
    """`result` in an array of zeros of another size, as far as both reach."""
    framed = np.zeros((*result.shape[:2], *size))
    both: Any = (..., *(slice(0, min(a, b)) for a, b in zip(result.shape[2:], size)))
    framed[both] = result[both]
    return framed


def in_image(x, dout, first, add):
    """dO at the flat index `first` of the whole image, where it is an index inside of the window."""
    dx = np.zeros((*x.shape[:2], math.prod(x.shape[2:])))
    for at in np.ndindex(*dout.shape):
        dx[(*at[:2], first[at])] = dout[at] + add * dx[(*at[:2], first[at])]
    return dx.reshape(x.shape)


def prepare(call: Call) -> SimpleNamespace:
    settings, axes = call.settings, call.inputs["x"].ndim - 2
    kernel = per_axis(settings["kernel_size"], axes)
    given = settings["stride"] is not None
    return SimpleNamespace(
        kernel=kernel,
        stride=per_axis(settings["stride"], axes) if given else kernel,
        given=given,
        padding=per_axis(settings["padding"], axes),
        dilation=per_axis(settings.get("dilation", 1), axes),
        ceil_mode=settings["ceil_mode"],
        include=settings.get("count_include_pad", True),
        override=settings.get("divisor_override"),
    )


# ---- where a mistake shows


def _axes(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _padded(facts: Facts) -> bool:
    return max(_axes(facts["padding"])) > 0


def _strided(facts: Facts) -> bool:
    """The stride is given, and is not the window's size."""
    return facts["stride"] is not None and _axes(facts["stride"]) != _axes(facts["kernel_size"])


def _overlaps(facts: Facts) -> bool:
    if max(_axes(facts.get("dilation", 1))) > 1:
        return _wide(facts)
    return _strided(facts) and min(_axes(facts["stride"])) < max(_axes(facts["kernel_size"]))


def _wide(facts: Facts) -> bool:
    return max(_axes(facts["kernel_size"])) > 1


def _uneven(facts: Facts) -> bool:
    return len(set(_axes(facts["kernel_size"]))) > 1


_SIZE = "[pooled_size(*axis, k.ceil_mode) for axis in zip(x.shape[2:], k.kernel, k.stride, k.padding, k.dilation)]"
_PLACE = "place(r, k.stride, k.dilation, size)"
_CROP = "dxp[inside(x.shape[2:], k.padding)]"
_TAPS = "enumerate(np.ndindex(*k.kernel))"
_BY_WINDOW = f"reversed(list({_TAPS}))"  # each place meets its windows in their own order then
_LAST = "dout = dout[(..., *(slice(0, max(o - 1, 0)) for o in dout.shape[2:]))]"
_FIRST = "first = taps.argmax(axis=0)"
_MASK = "(first == i) * dout"


def _size(formula: str, *more: tuple[str, str]) -> Edits:
    """Another output size; h, f, s, p, d: one axis of image, window, stride, padding, dilation."""
    return (
        (_SIZE, f"[{formula} for h, f, s, p, d in zip(x.shape[2:], k.kernel, k.stride, k.padding, k.dilation)]"),
        *more,
    )


def _with(name: str, value: str) -> tuple[Edits, ...]:
    """One setting replaced, in all that follows."""
    line = f"    k = SimpleNamespace(**{{**vars(k), {name!r}: {value}}})\n    size = "
    return ((("    size = ", line),),)


def _framed(*sizes: str) -> Edits:
    """The result in an array of another size, and of a third one then."""
    cuts = "".join(f"    result = cut(result, {size})\n" for size in sizes)
    return (("    return result", f"{cuts}    return result"),)


_SHARED = (
    Mistake(
        "output-size-ignores-stride",
        {"out": (_size("h // f"), _size("h - f + 1"))},
        "where the two formulas differ",
        "the output size does not depend on the stride",
        "(H + 2*P - Ps)//S + 1",
    ),
    Mistake(
        "output-size-ignores-kernel",
        {"out": (_size("h // s"), _size("-(-h // s)"), _size("(h + 2 * p) // s"), _size("(h + 2 * p - 1) // s + 1"))},
        "where the two formulas differ",
        "the output size does not depend on the window's size",
        "(H + 2*P - Ps)//S + 1",
    ),
    Mistake(
        "output-size-ignores-padding",
        {"out": (
            _size("pooled_size(h, f, s, 0, d, k.ceil_mode)"),
            _size("pooled_size(h + p, f, s, 0, d, k.ceil_mode)"),
        )},
        "padding >= 1",
        "the output size does not take the padding of both sides into account",
        "(H + 2*P - Ps)//S + 1",
        _padded,
    ),
    Mistake(
        "padding-ignored",
        {"out": _with("padding", "none(k.padding)"), "dx": _with("padding", "none(k.padding)")},
        "padding >= 1",
        "the padding argument has no effect",
        "windows begin at y*S - P",
        _padded,
    ),
    Mistake(
        "stride-ignored",
        {name: (*_with("stride", "k.kernel"), *_with("stride", "ones(k.stride)")) for name in ("out", "dx")},
        "stride is not the one that is built in",
        "the stride argument has no effect: windows stand side by side, or move by 1",
        "I[n, c, y*S + r - P, x*S + s - P] with S = stride",
    ),
    Mistake(
        "stride-default-one",
        {name: _with("stride", "k.stride if k.given else ones(k.stride)") for name in ("out", "dx")},
        "stride = none",
        "without a stride the window moves by 1; torch then moves it by its own size",
        "stride = kernel_size if stride is None else stride",
        lambda facts: facts["stride"] is None and _wide(facts),
    ),
    Mistake(
        "ceil-for-floor",
        {"out": _with("ceil_mode", "True")},
        "the size does not divide",
        "the output size is rounded up: the last windows hang over the edge of the image",
        "(H + 2*P - Ps)//S + 1, rounded down unless ceil_mode is set",
        lambda facts: not facts["ceil_mode"],
    ),
    Mistake(
        "ceil-mode-ignored",
        {"out": _with("ceil_mode", "False")},
        "ceil_mode = true",
        "ceil_mode has no effect: the output size is rounded down",
        "with ceil_mode, -(-(H + 2*P - Ps)//S) + 1, but no window may begin in the right padding",
        lambda facts: facts["ceil_mode"],
    ),
    Mistake(
        "kernel-axes-swapped",
        {
            "out": (*_with("kernel", "swapped(k.kernel)"), (("np.ndindex(*k.kernel)", "np.ndindex(*swapped(k.kernel))"),)),
            "dx": _with("kernel", "swapped(k.kernel)"),
        },
        "kernel_size is not square",
        "the window's height is used as its width, and its width as its height",
        "kernel_size = (height, width): R for rows, S for columns",
        _uneven,
    ),
    Mistake(
        "kernel-height-for-width",
        {
            name: (*_with("kernel", "k.kernel[:1] * len(k.kernel)"), *_with("kernel", "k.kernel[-1:] * len(k.kernel)"))
            for name in ("out", "dx")
        },
        "kernel_size is not square",
        "one window size is used for both axes: the window is taken to be square",
        "kernel_size = (height, width): R for rows, S for columns",
        _uneven,
    ),
    Mistake(
        "height-for-width",
        {"out": (_framed("size[:1] * len(size)"), _framed("size[-1:] * len(size)"))},
        "H != W",
        "one output size is used for both axes: the image is taken to be square",
        "H2 = (H + 2*P - Ps)//S + 1 and W2 = (W + 2*P - Ps)//S + 1",
        lambda facts: facts.get("output H") != facts.get("output W"),
    ),
    Mistake(
        "loop-ends-early",
        {
            "out": (_framed("[o - 1 for o in size]"), _framed("[o - 1 for o in size]", "size")),
            "dx": ((("size = dout", f"{_LAST}\n    size = dout"),),),
        },
        "always",
        "the loop ends one window too early: range(0, H - Ps, S) never reaches the last one",
        "range(0, H - Ps + 1, S)",
    ),
    Mistake(
        "last-image-only",
        {name: (((f"    return {text}", f"    {var}[:-1] = 0\n    return {text}"),),)
         for name, var, text in (("out", "result", "result"), ("dx", "dxp", _CROP))},
        "N > 1",
        "only the last image of the batch is worked on",
        "the loop over n encloses all others",
        lambda facts: facts["N"] > 1,
    ),
)  # fmt: skip

_MAXIMUM = (
    Mistake(
        "assign-instead-of-add",
        {"dx": (
            (("size)] += ", "size)] = "),),
            (("size)] += ", "size)] = "), (_TAPS, _BY_WINDOW)),
            ((f"dxp[{_PLACE}] += {_MASK}", f"np.copyto(dxp[{_PLACE}], dout, where=first == i)"),),
            ((f"dxp[{_PLACE}] += {_MASK}", f"np.copyto(dxp[{_PLACE}], dout, where=first == i)"), (_TAPS, _BY_WINDOW)),
        )},
        "stride < kernel_size",
        "windows overlap, and an element that is the maximum of several gets the gradient of each; with = the last one wins",
        "dI[n, c, y, x] += dO[n, c, i, j]",
        _overlaps,
    ),
    Mistake(
        "zero-padding-in-max",
        {"out": ((("xp = pad(x, k, size, -np.inf)", "xp = pad(x, k, size, 0)"),),),
         "dx": ((("pad(x, k, size, -np.inf)", "pad(x, k, size, 0)"),),)},
        "a window over the border of negative numbers",
        "the image is padded with 0, which is larger than a negative element",
        "pad with -np.inf, or let the window end at the image's edge",
        lambda facts: _padded(facts) or facts["ceil_mode"],
    ),
    Mistake(
        "max-start-at-zero",
        {"out": tuple((("np.full((*x.shape[:2], *size), -np.inf)", f"np.full((*x.shape[:2], *size), {start})"),)
                      for start in ("0.0", "-1.0", "np.finfo(np.float64).tiny"))},
        "a window of negative numbers only",
        "the running maximum begins at a number that can be larger than the whole window",
        "begin with -np.inf or with the window's first element",
    ),
    Mistake(
        "gradient-to-whole-window",
        {"dx": (
            ((_MASK, "dout"),),
            ((_MASK, "dout / math.prod(k.kernel)"),),
        )},
        "kernel_size > 1",
        "dO goes to every element of the window; only the maximum has moved the output",
        "dI gets dO at the place of the maximum alone, which the forward remembers",
        _wide,
    ),
    Mistake(
        "ties-all",
        {"dx": (((_MASK, "(taps[i] == taps.max(axis=0)) * dout"),),)},
        "equal maxima in a window",
        "every one of several equal maxima gets the whole gradient; torch gives it to the first",
        "remember the place of the first maximum: argmax of the window",
        convention=True,
        styles=("ties",),
    ),
    Mistake(
        "ties-shared",
        {"dx": (((_MASK, "(taps[i] == taps.max(axis=0)) * dout / (taps == taps.max(axis=0)).sum(axis=0)"),),)},
        "equal maxima in a window",
        "the gradient is divided among equal maxima; torch gives it to the first",
        "remember the place of the first maximum: argmax of the window",
        convention=True,
        styles=("ties",),
    ),
    Mistake(
        "ties-last",
        {"dx": (((_FIRST, "first = len(taps) - 1 - taps[::-1].argmax(axis=0)"),),)},
        "equal maxima in a window",
        "the last of several equal maxima gets the gradient; torch gives it to the first",
        "look for a larger element with >, not with >=",
        convention=True,
        styles=("ties",),
    ),
    Mistake(
        "max-over-channels",
        {"out": (
            (("return result", "return result.max(axis=1, keepdims=True)"),),
            (("return result", "return np.broadcast_to(result.max(axis=1, keepdims=True), result.shape)"),),
            (("return result", "return result.max(axis=1)"),),
        )},
        "C > 1",
        "one maximum is taken over all channels; each channel is pooled by itself",
        "the maximum over r and s only: O[n,c,y,x] for each c",
        lambda facts: facts.get("C", 1) > 1,
    ),
    Mistake(
        "argmax-in-flattened-image",
        {"dx": (
            ((f"return {_CROP}", "return in_image(x, dout, first, 1)"),),
            ((f"return {_CROP}", "return in_image(x, dout, first, 0)"),),
            ((f"dxp[{_PLACE}] += {_MASK}", f"dxp[(..., *r)] += ({_MASK}).sum(axis=tuple(range(2, x.ndim)))"),),
            ((f"dxp[{_PLACE}] += {_MASK}", "np.copyto(dxp[(..., *r)], dout[(..., *none(r))], where=(first == i)[(..., *none(r))])"),),
        )},
        "more than one window",
        "the index of the maximum inside of its window is used as an index into the whole image",
        "add where the window begins: (y*S + index // R2, x*S + index % R2) for a window of width R2",
    ),
    Mistake(
        "dilation-ignored",
        {"out": (*_with("dilation", "ones(k.dilation)"), ((f"xp[{_PLACE}]", "xp[place(r, k.stride, ones(k.dilation), size)]"),))},
        "dilation > 1",
        "the dilation argument has no effect: the window's places lie side by side",
        "I[n, c, y*S + r*D - P, ...] with D = dilation",
        lambda facts: max(_axes(facts["dilation"])) > 1,
    ),
)  # fmt: skip

_AVERAGE = (
    Mistake(
        "assign-instead-of-add",
        {"dx": (
            (("size)] += ", "size)] = "),),
            (("size)] += ", "size)] = "), ("np.ndindex(*k.kernel)", "reversed(list(np.ndindex(*k.kernel)))")),
        )},
        "stride < kernel_size",
        "windows overlap, and each of them adds its share to dI; with = the last one wins",
        "dI[n, c, y*S + r, x*S + s] += dO[n,c,y,x] / (R*S)",
        _overlaps,
    ),
    Mistake(
        "average-backward-not-divided",
        {"dx": (((" / divisor(x, k, size, k.include)", ""),),)},
        "kernel_size > 1",
        "dO is copied to the window without the 1/(R*S) of the mean",
        "dI[...] += dO[n,c,y,x] / (R*S)",
        _wide,
    ),
    Mistake(
        "average-not-divided",
        {"out": (((" / divisor(x, k, size, k.include)", ""),),)},
        "kernel_size > 1",
        "the sum of the window is returned, not its mean",
        "O[n,c,y,x] = sum / (R*S)",
        _wide,
    ),
    Mistake(
        "average-weighted-by-value",
        {"dx": (
            (("+= share", f"+= dout * pad(x, k, size, 0)[{_PLACE}] / sum(pad(x, k, size, 0)[{_PLACE}] for r in np.ndindex(*k.kernel))"),),
            (("+= share", f"+= share * pad(x, k, size, 0)[{_PLACE}]"),),
        )},
        "kernel_size > 1",
        "dO is distributed in proportion to the elements; every element of the window has the same share in the mean",
        "dI[...] += dO[n,c,y,x] / (R*S)",
    ),
    Mistake(
        "average-excludes-padding",
        {name: ((("k.include", "False"),),) for name in ("out", "dx")},
        "padding >= 1",
        "the mean is taken over the elements of the image; by default torch counts the padding too",
        "divide by R*S (count_include_pad=True)",
        lambda facts: _padded(facts) and facts["count_include_pad"],
        convention=True,
    ),
    Mistake(
        "average-includes-padding",
        {name: ((("k.include", "True"),), (("divisor(x, k, size, k.include)", "math.prod(k.kernel)"),)) for name in ("out", "dx")},
        "count_include_pad = false, or a window over the edge",
        "the mean counts places that do not count: padding with count_include_pad=False, or what hangs over with ceil_mode",
        "divide by the number of places that count",
        lambda facts: (_padded(facts) and not facts["count_include_pad"]) or facts["ceil_mode"],
        convention=True,
    ),
    Mistake(
        "average-over-channels",
        {"out": (
            (("return result / ", "return result.mean(axis=1, keepdims=True) / "),),
            (("return result / ", "return (result * 0 + result.mean(axis=1, keepdims=True)) / "),),
        )},
        "C > 1",
        "one mean is taken over all channels; each channel is pooled by itself",
        "the mean over r and s only: O[n,c,y,x] for each c",
        lambda facts: facts.get("C", 1) > 1,
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": max_out, "dx": max_dx}, _MAXIMUM + _SHARED, prepare, ("MaxPool2d", "MaxPool1d", "MaxPool3d")),
    Family(
        {"out": average_out, "dx": average_dx}, _AVERAGE + _SHARED, prepare, ("AvgPool2d", "AvgPool1d", "AvgPool3d")
    ),
)
