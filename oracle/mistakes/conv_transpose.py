# ruff: noqa: E501  an edit stands on one line
"""Transposed convolution: the kernels, and what people get wrong in them.

O[n, k, y*S + r*D - P] += I[n,c,y] * W[c,k,r], and B[k] everywhere
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.mistakes.conv_kernels import ALL, each_filter, flat, full, own_group, pad
from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.mistakes.windows import flip, inside, ones, place  # noqa: F401  some in the text of edits
from oracle.subjects import Call

# ---- the kernels. k: kernel, stride, padding, extra (output_padding), dilation per axis; groups


def out(x, weight, bias, k):
    w = full(weight, k.groups)
    size = [
        (h - 1) * s + d * (f - 1) + 1 + e for h, f, s, d, e in zip(x.shape[2:], k.kernel, k.stride, k.dilation, k.extra)
    ]
    result = np.zeros((len(x), w.shape[1], *size))
    for r in np.ndindex(*k.kernel):
        result[place(r, k.stride, k.dilation, x.shape[2:])] += np.einsum("ck,nc...->nk...", w[(ALL, ALL, *r)], x)
    result = result[inside([h - 2 * p for h, p in zip(size, k.padding)], k.padding)]
    return result + each_filter(bias, result)


def dx(x, weight, dout, k):
    w = full(weight, k.groups)
    given = pad(dout, k.padding, k.padding)
    result = np.zeros_like(x)
    for r in np.ndindex(*k.kernel):
        window = given[place(r, k.stride, k.dilation, x.shape[2:])]
        result += np.einsum("ck,nk...->nc...", w[(ALL, ALL, *r)], window)
    return result


def dweight(x, weight, dout, k):
    given = pad(dout, k.padding, k.padding)
    dw = np.zeros_like(full(weight, k.groups))
    for r in np.ndindex(*k.kernel):
        window = given[place(r, k.stride, k.dilation, x.shape[2:])]
        dw[(ALL, ALL, *r)] += np.einsum("ncp,nkp->ck", flat(x), flat(window))
    return own_group(dw, weight, k.groups)


def dbias(dout, k):
    return dout.sum(axis=(0, *range(2, dout.ndim)))


def turned(weight):
    """Read as (filters, channels), as a convolution's weight lies in memory."""
    return weight.reshape(weight.shape[1], weight.shape[0], *weight.shape[2:]).swapaxes(0, 1)


def without_groups(weight, groups):
    """Each filter sees all channels."""
    return np.tile(weight, (1, groups, *(1,) * (weight.ndim - 2)))


def dealt(array, groups):
    """The channels dealt to the groups in turn."""
    return array.reshape(len(array), -1, groups, *array.shape[2:]).swapaxes(1, 2).reshape(array.shape)


def widened(result, extra):
    """Zeros behind."""
    return np.pad(result, ((0, 0), (0, 0), *((0, e) for e in extra)))


def prepare(call: Call) -> SimpleNamespace:
    settings, axes = call.settings, call.inputs["x"].ndim - 2

    def each(name: str) -> tuple[int, ...]:
        value: Any = settings[name]
        return value if isinstance(value, tuple) else (value,) * axes

    return SimpleNamespace(kernel=each("kernel_size"), stride=each("stride"), padding=each("padding"),
                           extra=each("output_padding"), dilation=each("dilation"), groups=settings["groups"])  # fmt: skip


# ---- where a mistake shows


def _most(name: str, least: int) -> Any:
    def shows(facts: Facts) -> bool:
        value = facts[name]
        return max(value if isinstance(value, tuple) else (value,)) > least

    return shows


_CROP = "    result = result[inside([h - 2 * p for h, p in zip(size, k.padding)], k.padding)]\n"
_LESS = "    result = result[inside([h - 2 * p - e for h, p, e in zip(size, k.padding, k.extra)], k.padding)]\n"
_SUM_P = "dout.sum(axis=(0, *range(2, dout.ndim)))"

MISTAKES = (
    Mistake(
        "stride-ignored",
        {
            "out": ((("k.stride", "ones(k.stride)"),), (("place(r, k.stride", "place(r, ones(k.stride)"),)),
            "dx": ((("place(r, k.stride", "place(r, ones(k.stride)"),),),
            "dweight": ((("place(r, k.stride", "place(r, ones(k.stride)"),),),
        },
        "stride > 1",
        "each input's share is put at position y; it belongs at y*S",
        "O[n, k, y*S + r - P, x*S + s - P] += I[n,c,y,x] * W[c,k,r,s]",
        _most("stride", 1),
    ),
    Mistake(
        "padding-ignored",
        {"out": (((_CROP, ""),), ((_CROP, "    result = result[inside([h - p for h, p in zip(size, k.padding)], k.padding)]\n"),),
                 ((_CROP, "    result = result[inside([h - p for h, p in zip(size, k.padding)], [0] * len(size))]\n"),))},
        "padding >= 1",
        "padding cuts P rows and columns off on each side of the output; here nothing is cut, or one side only",
        "O[:, :, P:-P, P:-P] (P = 0 taken care of)",
        _most("padding", 0),
    ),
    Mistake(
        "crop-with-zero-padding",
        {"out": (((_CROP, "    result = result[(..., *(slice(p, -p) for p in k.padding))]\n"),),)},
        "padding = 0",
        "the output is cut by O[:, :, P:-P, P:-P], which is empty for P = 0 (-0 is 0)",
        "O[:, :, P:P+H, P:P+W] with H and W of the output",
        lambda facts: 0 in (facts["padding"] if isinstance(facts["padding"], tuple) else (facts["padding"],)),
    ),
    Mistake(
        "padding-adds",
        {"out": (((_CROP, "    result = pad(result, k.padding, k.padding)\n"),),)},
        "padding >= 1",
        "zeros are put around; padding of a transposed convolution makes the output smaller",
        "H2 = (H - 1)*S - 2*P + F + output_padding",
        _most("padding", 0),
    ),
    Mistake(
        "output-padding-ignored",
        {"out": (
            (("+ 1 + e for", "+ 1 for"),),
            ((_CROP, _LESS + "    result = widened(result, k.extra)\n"),),
            ((_CROP, _LESS), ("return result + each_filter(bias, result)", "return widened(result + each_filter(bias, result), k.extra)")),
            ((_CROP, "    result = np.pad(result, ((0, 0), (0, 0), *((e, 0) for e in k.extra)))\n" + _CROP),),
        )},
        "output_padding >= 1",
        "output_padding makes the output longer at its end; here it does nothing, adds zeros, or is at the front",
        "H2 = (H - 1)*S - 2*P + F + output_padding: less is cut off at the end",
        _most("output_padding", 0),
    ),
    Mistake(
        "output-size-off-by-one",
        {"out": (
            (("(h - 1) * s + d * (f - 1) + 1 + e for", "h * s + d * (f - 1) + 1 + e for"),),
            (("(h - 1) * s + d * (f - 1) + 1 + e for", "(h - 1) * s + d * (f - 1) + 2 + e for"),),
        )},
        "always",
        "the output size is (H - 1)*S - 2*P + D*(F - 1) + output_padding + 1; here it is larger",
        "(H - 1)*S - 2*P + D*(F - 1) + output_padding + 1",
    ),
    Mistake(
        "kernel-rotated",
        {
            "out": ((("w[(ALL, ALL, *r)]", "w[(ALL, ALL, *flip(r, k.kernel))]"),),),
            "dx": ((("w[(ALL, ALL, *r)]", "w[(ALL, ALL, *flip(r, k.kernel))]"),),),
            "dweight": ((("dw[(ALL, ALL, *r)]", "dw[(ALL, ALL, *flip(r, k.kernel))]"),),),
        },
        "kernel_size > 1",
        "the kernel is rotated by 180 degrees: as a convolution with zeros between the inputs it must be, as sums of shares it must not, and not twice",
        "O[n, k, y*S + r - P, x*S + s - P] += I[n,c,y,x] * W[c,k,r,s], W not rotated",
        _most("kernel_size", 1),
    ),
    Mistake(
        "weight-axes-swapped",
        {
            "out": ((("    w = full", "    weight = turned(weight)\n    w = full"),), (("full(weight, k.groups)", "full(weight, k.groups).swapaxes(0, 1)"),)),
            "dx": ((("    w = full", "    weight = turned(weight)\n    w = full"),), (("full(weight, k.groups)", "full(weight, k.groups).swapaxes(0, 1)"),)),
            "dweight": (
                (("return own_group(dw, weight, k.groups)", "return own_group(dw, weight, k.groups).swapaxes(0, 1)"),),
                (("return own_group(dw, weight, k.groups)", "return own_group(dw, weight, k.groups).swapaxes(0, 1).reshape(weight.shape)"),),
            ),
        },
        "more than one channel or filter",
        "the weight is read as (filters, channels, ...); in a transposed convolution the channels of the input come first",
        "W of shape (in_channels, out_channels // groups, R, S)",
        lambda facts: facts["in_channels"] > 1 or facts["out_channels"] > 1,
    ),
    Mistake(
        "groups-ignored",
        {tensor: ((("full(weight, k.groups)", "without_groups(weight, k.groups)"),),) for tensor in ("out", "dx")},
        "groups > 1",
        "each filter is given all channels; with groups it sees those of its own group",
        "filter k sees the channels of group k // (K / groups)",
        _most("groups", 1),
    ),
    Mistake(
        "group-order",
        {
            "out": ((("    result = np.zeros", "    x = dealt(x, k.groups)\n    result = np.zeros"),), (("return result +", "result = dealt(result, k.groups)\n    return result +"),)),
            "dx": ((("return result", "return dealt(result, k.groups)"),), (("pad(dout,", "pad(dealt(dout, k.groups),"),)),
            "dweight": ((("pad(dout,", "pad(dealt(dout, k.groups),"),),),
        },
        "groups > 1",
        "channels or filters are dealt to the groups in turn; a group is a block of neighbours",
        "channel c is in group c // (C / groups)",
        _most("groups", 1),
    ),
    Mistake(
        "dilation-ignored",
        {
            "out": ((("k.dilation", "ones(k.dilation)"),), (("k.stride, k.dilation, x", "k.stride, ones(k.dilation), x"),)),
            "dx": ((("k.stride, k.dilation, x", "k.stride, ones(k.dilation), x"),),),
            "dweight": ((("k.stride, k.dilation, x", "k.stride, ones(k.dilation), x"),),),
        },
        "dilation > 1",
        "the dilation argument has no effect",
        "O[n, k, y*S + r*D - P] += I[n,c,y] * W[c,k,r]",
        _most("dilation", 1),
    ),
    Mistake(
        "assign-instead-of-add",
        {"out": ((("x.shape[2:])] += ", "x.shape[2:])] = "),),)},
        "stride < kernel_size",
        "the shares of neighbouring inputs overlap: a later one overwrites the earlier",
        "O[...] += I[n,c,y,x] * W[c,k,r,s]",
        _most("kernel_size", 1),
    ),
    Mistake(
        "bias-missing",
        {"out": ((("result + each_filter(bias, result)", "result"),),)},
        "bias = true",
        "the bias is not added",
        "O[n,k,y,x] += B[k] once for each output",
        lambda facts: facts["bias"],
    ),
    Mistake(
        "mean-over-batch",
        {
            "dweight": ((("return own_group(dw,", "return own_group(dw / len(x),"),),),
            "dbias": (((_SUM_P, _SUM_P + " / len(dout)"),), ((".sum(", ".mean("),)),
        },
        "N > 1",
        "the gradient is divided by N: that belongs into the loss, which has it already where it is a mean",
        "dW and dB are sums over the batch",
    ),
    Mistake(
        "db-sums-wrong-axes",
        {"dbias": (((_SUM_P, "dout.sum(axis=0)"),), ((_SUM_P, "dout.sum(axis=(1, *range(2, dout.ndim)))"),), ((_SUM_P, "dout.sum()"),))},
        "",
        "dB[k] is the sum over images and positions; here another axis is left, or none",
        "dB = dO.sum(axis=(0, 2, 3))",
    ),
)  # fmt: skip

FAMILIES = (
    Family(
        {"out": out, "dx": dx, "dweight": dweight, "dbias": dbias}, MISTAKES, prepare,
        ("ConvTranspose2d", "ConvTranspose1d", "ConvTranspose3d"),
    ),
)  # fmt: skip
