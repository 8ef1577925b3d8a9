"""Pooling in plain array code, one function for each tensor: the mistakes of oracle.mistakes.pooling are edits of it.

maximum  O[n,c,y] = max over r of I[n, c, y*S + r*D - P], and dI gets dO at the place of the first maximum
average  O[n,c,y] = 1/divisor * sum over r of I[n, c, y*S + r - P], and each place of the window gets dO/divisor
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from oracle.layers.pooling import pooled_size
from oracle.layers.spec import per_axis
from oracle.mistakes.windows import cut, inside, none, ones, place, swapped  # noqa: F401  edits use them
from oracle.subjects import Call

# ---- the kernels. k: lead (batch and channels) and sizes of x; kernel, stride, padding, dilation per axis; ceil_mode,
# ---- include (padding in the mean), override (of the divisor)


def max_out(x, k):
    size = [pooled_size(*axis, k.ceil_mode) for axis in zip(k.sizes, k.kernel, k.stride, k.padding, k.dilation)]
    xp = pad(x, k, size, -np.inf)
    result = np.full((*k.lead, *size), -np.inf)
    for r in np.ndindex(*k.kernel):
        result = np.maximum(result, xp[place(r, k.stride, k.dilation, size)])
    return result


def max_dx(x, dout, k):
    size = dout.shape[len(k.lead) :]
    xp = pad(x, k, size, -np.inf)
    dxp = np.zeros_like(xp)
    taps = np.stack([xp[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel)])
    first = taps.argmax(axis=0)
    for i, r in enumerate(np.ndindex(*k.kernel)):
        dxp[place(r, k.stride, k.dilation, size)] += (first == i) * dout
    return dxp[inside(k.sizes, k.padding)]


def max_indices(x, dindices, k):
    size = dindices.shape[len(k.lead) :]
    xp = pad(x, k, size, -np.inf)
    taps = np.stack([xp[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel)])
    first = taps.argmax(axis=0)
    at = image_place(np.unravel_index(first, k.kernel), np.indices(size), k)
    result = along_rows(at, k.sizes)
    return result


def average_out(x, k):
    size = [pooled_size(*axis, k.ceil_mode) for axis in zip(k.sizes, k.kernel, k.stride, k.padding, k.dilation)]
    xp = pad(x, k, size, 0)
    result = np.zeros((*k.lead, *size))
    for r in np.ndindex(*k.kernel):
        result = result + xp[place(r, k.stride, k.dilation, size)]
    result = result / divisor(x, k, size, k.include)
    return result


def average_dx(x, dout, k):
    size = dout.shape[len(k.lead) :]
    dxp = np.zeros_like(pad(x, k, size, 0))
    share = dout / divisor(x, k, size, k.include)
    for r in np.ndindex(*k.kernel):
        dxp[place(r, k.stride, k.dilation, size)] += share
    return dxp[inside(k.sizes, k.padding)]


# ---- what the kernels are made of


def image_place(r, y, k):
    """Where place r of window y lies in the image, on each axis."""
    return [a * s + b * d - p for a, b, s, d, p in zip(y, r, k.stride, k.dilation, k.padding)]


def along_rows(at, sizes):
    """The place as one number, counted along the rows."""
    place = 0
    for i, h in zip(at, sizes):
        place = place * h + i
    return place


def channel_number(place, k, images):
    """Which channel each place is in: of its image, or with `images` of the whole batch."""
    number = np.arange(math.prod(k.lead)).reshape(k.lead)
    number = number if images else number % k.lead[-1]
    return number.reshape(*k.lead, *(1,) * (place.ndim - len(k.lead)))


def pad(x, k, size, value):
    """P before, and behind as much as the windows need (at least P)."""
    need = [d * (f - 1) + s * (o - 1) + 1 for f, s, d, o in zip(k.kernel, k.stride, k.dilation, size)]
    sizes = x.shape[len(k.lead) :]
    after = [max(p, n - h - p) for p, n, h in zip(k.padding, need, sizes)]
    return np.pad(x, (*((0, 0) for _ in k.lead), *zip(k.padding, after)), constant_values=value)


def divisor(x, k, size, include):
    """How many places of each window count: those of the image, or also those of the padding; never what hangs over."""
    if k.override:
        return k.override
    counted, k = np.ones(k.sizes), SimpleNamespace(**{**vars(k), "lead": ()})
    if include:
        counted = np.pad(counted, [(p, p) for p in k.padding], constant_values=1)
        k.padding = none(k.padding)
    counted = pad(counted, k, size, 0)
    return sum(counted[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel))


def in_image(x, dout, first, add):
    """dO at the flat index `first` of the whole image, where it is an index inside of the window."""
    dx = np.zeros((*x.shape[:2], math.prod(x.shape[2:])))
    for at in np.ndindex(*dout.shape):
        dx[(*at[:2], first[at])] = dout[at] + add * dx[(*at[:2], first[at])]
    return dx.reshape(x.shape)


def prepare(call: Call) -> SimpleNamespace:
    settings, x, axes = call.settings, call.inputs["x"], int(call.spec[-2])
    kernel = per_axis(settings["kernel_size"], axes)
    given = settings["stride"] is not None
    return SimpleNamespace(
        lead=x.shape[:-axes],
        sizes=x.shape[-axes:],
        kernel=kernel,
        stride=per_axis(settings["stride"], axes) if given else kernel,
        given=given,
        padding=per_axis(settings.get("padding", 0), axes),
        dilation=per_axis(settings.get("dilation", 1), axes),
        ceil_mode=settings["ceil_mode"],
        include=settings.get("count_include_pad", True),
        override=settings.get("divisor_override"),
    )
