# ruff: noqa: E501  an edit stands on one line
"""Adaptive pooling: the kernels, and what people get wrong in them.

Window y of n places and o outputs is n*y//o to (n*(y+1) + o - 1)//o: O[y] is its mean, or its maximum
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.mistakes.pooling_kernels import along_rows, channel_number  # noqa: F401  one in the text of edits
from oracle.mistakes.pooling_shared import INDICES, ROWS, indexed
from oracle.subjects import Call

# ---- the kernels. k: outs and sizes, of each axis; axes, counted from the last


def average_out(x, k):
    result = np.zeros((*k.lead, *k.outs))
    for y in np.ndindex(*k.outs):
        window = x[(..., *(slice(a * n // o, -(-(a + 1) * n // o)) for a, n, o in zip(y, k.sizes, k.outs)))]
        result[(..., *y)] = window.mean(axis=k.axes)
    return result


def average_dx(x, dout, k):
    dx = np.zeros_like(x)
    for y in np.ndindex(*k.outs):
        window = dx[(..., *(slice(a * n // o, -(-(a + 1) * n // o)) for a, n, o in zip(y, k.sizes, k.outs)))]
        window += spread(dout[(..., *y)] / places(window, k), k)
    return dx


def max_out(x, k):
    result = np.zeros((*k.lead, *k.outs))
    for y in np.ndindex(*k.outs):
        window = x[(..., *(slice(a * n // o, -(-(a + 1) * n // o)) for a, n, o in zip(y, k.sizes, k.outs)))]
        result[(..., *y)] = window.max(axis=k.axes)
    return result


def max_dx(x, dout, k):
    dx = np.zeros_like(x)
    for y in np.ndindex(*k.outs):
        at = (..., *(slice(a * n // o, -(-(a + 1) * n // o)) for a, n, o in zip(y, k.sizes, k.outs)))
        dx[at] += spread(dout[(..., *y)], k) * first(x[at], k)
    return dx


def max_indices(x, dindices, k):
    result = np.zeros(dindices.shape)
    for y in np.ndindex(*k.outs):
        window = [slice(a * n // o, -(-(a + 1) * n // o)) for a, n, o in zip(y, k.sizes, k.outs)]
        r = largest(x[(..., *window)], k)
        at = [side.start + a for side, a in zip(window, r)]
        result[(..., *y)] = along_rows(at, k.sizes)
    return result


# ---- what the kernels are made of


def spread(value, k):
    return value.reshape(*k.lead, *(1,) * len(k.axes))


def places(window, k):
    return np.prod([window.shape[axis] for axis in k.axes])


def first(window, k):
    """1 at the first maximum of each window."""
    flat = window.reshape(*k.lead, -1)
    return (np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]).reshape(window.shape)


def largest(window, k):
    """Where in each window the first maximum is, on each axis."""
    return np.unravel_index(window.reshape(*k.lead, -1).argmax(axis=-1), window.shape[len(k.lead) :])


def maxima(window, k):
    return window == window.max(axis=k.axes, keepdims=True)


def prepare(call: Call) -> SimpleNamespace:
    x, ndim = call.inputs["x"].shape, int(call.spec[-2])
    outs = next(iter(call.upstream.values())).shape[-ndim:]
    return SimpleNamespace(lead=x[:-ndim], sizes=x[-ndim:], outs=outs, axes=tuple(range(-ndim, 0)))


# ---- where a mistake shows


def _uneven(facts: Facts) -> bool:
    return (
        len({facts.get(f"output {axis}") for axis in "DHW"} - {None}) > 1
        or len({facts.get(axis) for axis in "DHW"} - {None}) > 1
    )


_WINDOW = "slice(a * n // o, -(-(a + 1) * n // o))"
_FIXED = (
    "slice(a * (n // o), a * (n // o) + n - (o - 1) * (n // o))",  # stride n//o, and a kernel that reaches the end
    "slice(a * (n // o), (a + 1) * (n // o))",
    "slice(a * -(-n // o), (a + 1) * -(-n // o))",
    "slice(a * (n // o), (a + 1) * (n // o) if a < o - 1 else n)",
)
_ROUNDED = (
    "slice(a * n // o, (a + 1) * n // o)",
    "slice(-(-a * n // o), -(-(a + 1) * n // o))",
    "slice(round(a * n / o), round((a + 1) * n / o))",
    "slice(a * n // o, a * n // o + -(-n // o))",
)
_RULE = "window y is from floor(y*H/H2) to ceil((y+1)*H/H2): neighbours may share places"

_SHARED = (
    Mistake(
        "adaptive-windows-fixed",
        {name: tuple(((_WINDOW, window),) for window in _FIXED) for name in ("out", "dx")},
        "the size is no multiple of the output size",
        "all windows have one size and one stride, as in ordinary pooling; where H2 does not divide H they differ",
        _RULE,
    ),
    Mistake(
        "adaptive-windows-rounded",
        {name: tuple(((_WINDOW, window),) for window in _ROUNDED) for name in ("out", "dx")},
        "the size is no multiple of the output size",
        "the ends of the windows are rounded another way",
        _RULE,
    ),
    Mistake(
        "height-for-width",
        {"out": (
            (("zip(y, k.sizes, k.outs)", "zip(y, k.sizes, k.outs[:1] * len(k.outs))"),),
            (("zip(y, k.sizes, k.outs)", "zip(y, k.sizes[:1] * len(k.outs), k.outs)"),),
            (("k.outs", "k.outs[::-1]"),),
        )},
        "H != W, or the output sizes differ",
        "one size is used for both axes, or the two have changed places",
        "H and H2 for the rows, W and W2 for the columns",
        _uneven,
    ),
)  # fmt: skip


def _assigned(add: str, assign: str) -> Mistake:
    return Mistake(
        "assign-instead-of-add",
        {"dx": (((add, assign),),)},
        "windows share places",
        "windows share places: a later one overwrites the gradient of the earlier",
        "dI[...] += the share of the window",
    )


_AVERAGE = (
    Mistake(
        "average-backward-not-divided",
        {"dx": (((" / places(window, k)", ""),),)},
        "a window of more than one place",
        "each place gets all of dO; in the mean it has the share 1/places of its window",
        "dI[window] += dO[y] / number of places of the window",
    ),
    Mistake(
        "average-divided-by-one-size",
        {
            "out": ((("window.mean(axis=k.axes)", "window.sum(axis=k.axes) / np.prod([n // o for n, o in zip(k.sizes, k.outs)])"),),
                    (("window.mean(axis=k.axes)", "window.sum(axis=k.axes) / np.prod([n / o for n, o in zip(k.sizes, k.outs)])"),)),
            "dx": (((" / places(window, k)", " / np.prod([n // o for n, o in zip(k.sizes, k.outs)])"),),
                   ((" / places(window, k)", " / np.prod([n / o for n, o in zip(k.sizes, k.outs)])"),)),
        },
        "the size is no multiple of the output size",
        "every window is divided by the same number; here windows have different sizes",
        "divide by the number of places of each window",
    ),
    Mistake(
        "sum-not-mean",
        {"out": ((("window.mean(", "window.sum("),),)},
        "a window of more than one place",
        "the sum of the window is returned, not its mean",
        "O[y] = I[window].mean()",
    ),
    Mistake(
        "max-not-mean",
        {"out": ((("window.mean(", "window.max("),),)},
        "a window of more than one place",
        "the maximum of the window is returned, not its mean",
        "O[y] = I[window].mean()",
    ),
)  # fmt: skip

_INDICES = (
    Mistake(
        "indices-of-window",
        {"indices": (((ROWS, "along_rows(r, [side.stop - side.start for side in window])"),),)},
        "return_indices = true",
        "the indices count inside of the window; they count in the image of their channel",
        "y*W + x for the maximum at row y and column x of the image",
        indexed,
    ),
    *INDICES,
)

_MAXIMUM = (
    Mistake(
        "ties-all",
        {"dx": ((("first(x[at], k)", "maxima(x[at], k)"),),)},
        "a maximum comes twice in a window",
        "every place that holds the maximum gets all of dO; torch gives it to the first",
        "the place of argmax only",
        convention=True,
        styles=("ties",),
    ),
    Mistake(
        "ties-shared",
        {"dx": ((("first(x[at], k)", "maxima(x[at], k) / maxima(x[at], k).sum(axis=k.axes, keepdims=True)"),),)},
        "a maximum comes twice in a window",
        "dO is shared by all places that hold the maximum; torch gives it to the first",
        "the place of argmax only",
        convention=True,
        styles=("ties",),
    ),
    Mistake(
        "gradient-to-whole-window",
        {"dx": (((" * first(x[at], k)", ""),),)},
        "a window of more than one place",
        "each place of the window gets dO; only the maximum does",
        "dI[place of the maximum] += dO[y]",
    ),
    Mistake(
        "mean-not-max",
        {"out": ((("window.max(", "window.mean("),),)},
        "a window of more than one place",
        "the mean of the window is returned, not its maximum",
        "O[y] = I[window].max()",
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": average_out, "dx": average_dx}, (*_AVERAGE, *_SHARED, _assigned("window += spread", "window[:] = spread")), prepare,
           ("AdaptiveAvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool3d")),
    Family({"out": max_out, "dx": max_dx, "indices": max_indices}, (*_MAXIMUM, *_INDICES, *_SHARED, _assigned("dx[at] += spread", "dx[at] = spread")), prepare,
           ("AdaptiveMaxPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool3d")),
)  # fmt: skip
