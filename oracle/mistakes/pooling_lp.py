# ruff: noqa: E501  an edit stands on one line
"""Power-average pooling: the kernels, and what people get wrong in them.

    T[n,c,y] = sum over r of I[n, c, y*S + r]^p        O = T^(1/p)        dI[i] = I[i]^(p-1) * sum of dO[y] * T[y]^(1/p - 1)

p = infinity is the maximum of |I|. A window that hangs over the edge counts as if it was full: torch takes its mean,
times the places of a window.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from oracle.layers.pooling import pooled_size
from oracle.mistakes.kernel import Facts, Family, Mistake
from oracle.mistakes.pooling_kernels import divisor, pad
from oracle.mistakes.pooling_kernels import prepare as prepare_pooling
from oracle.mistakes.pooling_shared import SHARED, overlaps
from oracle.mistakes.windows import cut, inside, ones, place, swapped, wide  # noqa: F401  edits use them
from oracle.subjects import Call

# ---- the kernels. k: as in pooling_kernels; p, the power


def out(x, k):
    size = [pooled_size(*axis, k.ceil_mode) for axis in zip(k.sizes, k.kernel, k.stride, k.padding, k.dilation)]
    xp = pad(x, k, size, 0)
    taps = np.stack([xp[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel)])
    total = (taps**k.p).sum(axis=0) * full(x, k, size)
    result = total ** (1 / k.p) if np.isfinite(k.p) else np.abs(taps).max(axis=0)
    return result


def dx(x, dout, k):
    size = dout.shape[len(k.lead) :]
    xp = pad(x, k, size, 0)
    dxp = np.zeros_like(xp)
    taps = np.stack([xp[place(r, k.stride, k.dilation, size)] for r in np.ndindex(*k.kernel)])
    total = (taps**k.p).sum(axis=0) * full(x, k, size)
    slope = dout * total ** (1 / k.p - 1)
    slope = np.where(total == 0, 0, slope) * full(x, k, size)
    share = taps ** (k.p - 1) * slope if np.isfinite(k.p) else largest(taps) * np.sign(taps) * dout
    for i, r in enumerate(np.ndindex(*k.kernel)):
        dxp[place(r, k.stride, k.dilation, size)] += share[i]
    return dxp[inside(k.sizes, k.padding)]


# ---- what the kernels are made of


def full(x, k, size):
    """What fills up a window that hangs over the edge: places of a window / places of it in the image."""
    return math.prod(k.kernel) / divisor(x, k, size, True)


def largest(taps):
    """1 at the first place of each window with the largest |x|."""
    return np.arange(len(taps)).reshape(-1, *(1,) * (taps.ndim - 1)) == np.abs(taps).argmax(axis=0)


def prepare(call: Call) -> SimpleNamespace:
    k = prepare_pooling(call)
    k.p = call.settings["norm_type"]
    return k


# ---- where a mistake shows


def _infinite(facts: Facts) -> bool:
    return math.isinf(facts["norm_type"])


_TOTAL = "(taps**k.p).sum(axis=0) * full(x, k, size)"
_POWER = "taps ** (k.p - 1)"
_FULL = " * full(x, k, size)"
_SLOPE = "dout * total ** (1 / k.p - 1)"
_RULE = "O = (sum over r of I[n, c, y*S + r]^p)^(1/p)"
_GRADIENT = "dI[i] += dO[y] * I[i]^(p-1) * O[y]^(1-p)"

_OWN = (
    Mistake(
        "root-missing",
        {"out": (((" ** (1 / k.p)", ""),),)},
        "norm_type is not 1",
        "the sum of the powers is returned without its root",
        _RULE,
    ),
    Mistake(
        "power-missing",
        {"out": ((("taps**k.p", "taps"),), (("taps**k.p", "np.abs(taps)"),))},
        "norm_type is not 1",
        "the elements are added as they are, and then the root is taken; the power is missing",
        _RULE,
    ),
    Mistake(
        "norm-type-ignored",
        {name: tuple((("    size = ", f"    k.p = {p}\n    size = "),) for p in ("2", "1", "math.inf")) for name in ("out", "dx")},
        "norm_type is another",
        "norm_type has no effect: the norm is always the same one",
        _RULE,
    ),
    Mistake(
        "mean-not-sum",
        {"out": (((_TOTAL, "(taps**k.p).sum(axis=0) / divisor(x, k, size, True)"),), ((_TOTAL, "(taps**k.p).mean(axis=0)"),))},
        "kernel_size > 1",
        "the powers are averaged; torch's LPPool takes the root of their sum",
        _RULE,
        wide,
    ),
    Mistake(
        "window-over-edge-not-filled",
        {"out": (((_FULL, ""),),), "dx": (((_FULL, ""),),)},
        "ceil_mode = true",
        "a window that hangs over the edge is the sum of what it has in the image; torch scales that up to a full window",
        "T * (places of a window) / (places of it in the image)",
        lambda facts: facts["ceil_mode"],
    ),
    Mistake(
        "absolute-value-taken",
        {"out": ((("taps**k.p", "np.abs(taps)**k.p"),),)},
        "norm_type = 1 and negative elements",
        "the absolute values are taken first; torch raises I itself to the power, so that p = 1 is a plain sum",
        "I^p, not |I|^p",
    ),
    Mistake(
        "maximum-without-absolute-value",
        {"out": ((("np.abs(taps).max(axis=0)", "taps.max(axis=0)"),),)},
        "norm_type = infinity and negative elements",
        "for p = infinity the maximum of I is taken; it is that of |I|",
        "max over r of |I[n, c, y*S + r]|",
        _infinite,
    ),
    Mistake(
        "infinity-as-a-power",
        {"out": (((" if np.isfinite(k.p) else np.abs(taps).max(axis=0)", ""),),)},
        "norm_type = infinity",
        "for p = infinity the powers overflow, and the root is a number to the power 0",
        "for p = infinity: max over r of |I[n, c, y*S + r]|",
        _infinite,
    ),
    Mistake(
        "root-not-derived",
        {"dx": (((_SLOPE, "dout"),), ((_SLOPE, "dout * k.p"),))},
        "norm_type is not 1",
        "the derivative of the sum of powers alone: that of the root, T^(1/p - 1)/p, is missing",
        _GRADIENT,
    ),
    Mistake(
        "root-derivative-wrong",
        {"dx": (((_SLOPE, "dout * total ** (1 / k.p)"),), ((_SLOPE, "dout * total ** (1 - 1 / k.p)"),), ((_SLOPE, "dout / total"),))},
        "norm_type is not 1",
        "the exponent in the root's derivative is wrong: it is 1/p - 1, of the sum T and not of the output",
        _GRADIENT,
    ),
    Mistake(
        "power-not-derived",
        {"dx": (((_POWER, "taps"),), ((_POWER, "taps**k.p"),), ((_POWER, "np.ones_like(taps)"),), ((_POWER, "np.sign(taps)"),))},
        "norm_type is not 2",
        "the derivative of I^p has I^(p-1); here is another power of I",
        _GRADIENT,
    ),
    Mistake(
        "factor-not-cancelled",
        {"dx": (((_SLOPE, f"k.p * {_SLOPE}"),), ((_SLOPE, f"{_SLOPE} / k.p"),))},
        "norm_type is not 1",
        "the p of I^p and the 1/p of the root cancel; here one of them is left",
        _GRADIENT,
    ),
    Mistake(
        "upstream-ignored",
        {"dx": ((("slope = dout *", "slope ="), ("np.sign(taps) * dout", "np.sign(taps)")),)},
        "always",
        "the derivative is returned without dO",
        _GRADIENT,
    ),
    Mistake(
        "zero-window-not-a-number",
        {"dx": ((("np.where(total == 0, 0, slope)", "slope"),),)},
        "a window of zeros",
        "where the sum is 0 its root has no derivative, and 0 * infinity is NaN; torch takes 0",
        "np.where(T == 0, 0, ...)",
        lambda facts: 1 < facts["norm_type"] < math.inf,
        styles=("kinks",),
    ),
    Mistake(
        "assign-instead-of-add",
        {"dx": (
            (("size)] += ", "size)] = "),),
            (("size)] += ", "size)] = "), ("enumerate(np.ndindex(*k.kernel))", "reversed(list(enumerate(np.ndindex(*k.kernel))))")),
        )},
        "stride < kernel_size",
        "windows overlap, and each of them adds its share to dI; with = the last one wins",
        _GRADIENT,
        overlaps,
    ),
)  # fmt: skip

FAMILIES = (Family({"out": out, "dx": dx}, _OWN + SHARED, prepare, ("LPPool2d", "LPPool1d", "LPPool3d")),)
