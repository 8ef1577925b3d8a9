"""Convolution in plain array code, one function for each tensor: the mistakes of oracle.mistakes.conv are edits of it.

O[n,k,y] = B[k] + sum over c,r of I[n, c, y*S + r*D - P] * W[k,c,r]
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.mistakes.borders import mirrored, outside, reflected, repeated, taken, wrapped  # noqa: F401  edits use some
from oracle.mistakes.windows import cut, flip, inside, ones, place  # noqa: F401
from oracle.subjects import Call

ALL = slice(None)
SOURCES = {"zeros": outside, "reflect": reflected, "replicate": repeated, "circular": wrapped}  # by padding_mode


# ---- the kernels. k: kernel, stride, dilation, before, after (padding) per axis; source, what the border is made of;
# ---- groups as zeros in a full weight


def out(x, weight, bias, k):
    xp = pad(x, k.before, k.after, k.source)
    w = full(weight, k.groups)
    size = [(h - d * (f - 1) - 1) // s + 1 for h, f, s, d in zip(xp.shape[2:], k.kernel, k.stride, k.dilation)]
    result = np.zeros((len(x), len(w), *size))
    for r in np.ndindex(*k.kernel):
        result += np.einsum("kc,nc...->nk...", w[(ALL, ALL, *r)], xp[place(r, k.stride, k.dilation, size)])
    return result + each_filter(bias, result)


def dx(x, weight, dout, k):
    w = full(weight, k.groups)
    dxp = np.zeros_like(pad(x, k.before, k.after, k.source))
    for r in np.ndindex(*k.kernel):
        dxp[place(r, k.stride, k.dilation, dout.shape[2:])] += np.einsum("kc,nk...->nc...", w[(ALL, ALL, *r)], dout)
    give_border_back(dxp, x.shape[2:], k.before, k.after, k.source)
    return dxp[inside(x.shape[2:], k.before)]


def dweight(x, weight, dout, k):
    xp = pad(x, k.before, k.after, k.source)
    dw = np.zeros_like(full(weight, k.groups))
    for r in np.ndindex(*k.kernel):
        window = xp[place(r, k.stride, k.dilation, dout.shape[2:])]
        dw[(ALL, ALL, *r)] += np.einsum("nkp,ncp->kc", flat(dout), flat(window))
    return own_group(dw, weight, k.groups)


def dbias(dout, k):
    return dout.sum(axis=(0, *range(2, dout.ndim)))


# ---- what the kernels are made of


def pad(x, before, after, source=outside):
    """Zeros around each axis, or what `source` makes the border of."""
    for axis, b, a in zip(range(2, x.ndim), before, after):
        x = taken(x, source(np.arange(-b, x.shape[axis] + a), x.shape[axis], b, a), axis, 0)
    return x


def give_border_back(dxp, sizes, before, after, source):
    """Adds the border's gradient to the places of the image that it was made of, in the padded array."""
    for axis, h, b, a in zip(range(2, dxp.ndim), sizes, before, after):
        moved, places = np.moveaxis(dxp, axis, 0), np.arange(-b, h + a)
        for o, i in zip(places, source(places, h, b, a)):
            if i != o:
                moved[b + i] += moved[b + o]


def flat(array):
    """All positions in one axis."""
    return array.reshape(*array.shape[:2], int(np.prod(array.shape[2:])))


def full(weight, groups):
    """(K, C/G, *kernel) -> (K, C, *kernel) with zeros where a filter does not see a channel."""
    K, c = weight.shape[:2]
    w = np.zeros((K, c * groups, *weight.shape[2:]))
    for k in range(K):
        first = k // (K // groups) * c
        w[k, first : first + c] = weight[k]
    return w


def own_group(dw, weight, groups):
    K, c = weight.shape[:2]
    return np.stack([dw[k, k // (K // groups) * c :][:c] for k in range(K)])


def each_filter(bias, result):
    return 0 if bias is None else bias.reshape(-1, *(1,) * (result.ndim - 2))


def reach(xp, k, size):
    """Zeros behind the padded input, so that windows of a too large output still meet something."""
    need = [d * (f - 1) + s * (o - 1) + 1 for f, s, d, o in zip(k.kernel, k.stride, k.dilation, size)]
    return np.pad(xp, ((0, 0), (0, 0), *((0, max(0, n - h)) for n, h in zip(need, xp.shape[2:]))))


def same_borders(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[list[int], list[int]]:
    """How much goes before and after each axis, so that the output is as large as the input."""
    borders = [d * (f - 1) for f, d in zip(kernel, dilation)]
    return [b // 2 for b in borders], [b - b // 2 for b in borders]


def undilated(k):
    """The settings of a layer that never hears of its dilation, padding="same" included."""
    before, after = same_borders(k.kernel, ones(k.dilation)) if k.same else (k.before, k.after)
    return SimpleNamespace(**{**vars(k), "dilation": ones(k.dilation), "before": before, "after": after})


def prepare(call: Call) -> SimpleNamespace:
    settings = call.settings
    axes = call.inputs["x"].ndim - 2

    def each(value: Any) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * axes

    kernel, dilation, padding = each(settings["kernel_size"]), each(settings["dilation"]), settings["padding"]
    if padding == "same":
        before, after = same_borders(kernel, dilation)
    else:
        before = after = list(each(0 if padding == "valid" else padding))
    return SimpleNamespace(
        kernel=kernel,
        stride=each(settings["stride"]),
        dilation=dilation,
        before=before,
        after=after,
        same=padding == "same",
        source=SOURCES[settings.get("padding_mode", "zeros")],
        groups=settings["groups"],
    )
