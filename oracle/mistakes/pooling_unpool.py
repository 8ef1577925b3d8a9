# ruff: noqa: E501  an edit stands on one line
"""Max unpooling: the kernels, and what people get wrong in them.

O[n, c, place[n,c,y]] = I[n,c,y], places counted along the rows of the whole image;  dI[n,c,y] = dO[n, c, place[n,c,y]]
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from oracle.layers.spec import per_axis
from oracle.mistakes.kernel import Edits, Facts, Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: lead (batch and channels), sizes of the output; kernel, stride, padding of each axis


def out(x, indices, k):
    result = np.zeros((*k.lead, math.prod(k.sizes)))
    place = flat(indices, k)
    np.put_along_axis(result, place, flat(x, k), -1)
    return result.reshape(*k.lead, *k.sizes)


def dx(dout, indices, k):
    place = flat(indices, k)
    result = np.take_along_axis(flat(dout, k), place, -1)
    return result.reshape(indices.shape)


# ---- what the kernels are made of


def flat(array, k):
    """All positions of a channel in one axis."""
    return array.reshape(*k.lead, math.prod(array.shape[len(k.lead) :]))


def in_window(r, indices, k):
    """Place r of the window that each value was the maximum of, pushed into the image where it lies outside."""
    y = np.indices(indices.shape[len(k.lead) :])
    at = [np.clip(a * s + b - p, 0, h - 1) for a, s, b, p, h in zip(y, k.stride, r, k.padding, k.sizes)]
    return flat(np.broadcast_to(np.ravel_multi_index(at, k.sizes), indices.shape), k)


def gathered(dout, indices, k):
    """What dO has at each place of the windows."""
    return [np.take_along_axis(flat(dout, k), in_window(r, indices, k), -1) for r in np.ndindex(*k.kernel)]


def along_columns(place, k):
    return np.ravel_multi_index(np.unravel_index(place, k.sizes, order="F"), k.sizes)


def by_height(place, k):
    """Row and column of a place, divided by the height of the image."""
    y, x = np.divmod(place, k.sizes[-2:][0])
    return y * k.sizes[-1] + x


def prepare(call: Call) -> SimpleNamespace:
    x, ndim = call.inputs["x"], int(call.spec[-2])
    kernel = per_axis(call.settings["kernel_size"], ndim)
    stride = kernel if call.settings["stride"] is None else per_axis(call.settings["stride"], ndim)
    sizes = next(iter(call.upstream.values())).shape[-ndim:]
    return SimpleNamespace(lead=x.shape[:-ndim], small=x.shape[-ndim:], sizes=sizes, kernel=kernel, stride=stride,
                           padding=per_axis(call.settings["padding"], ndim))  # fmt: skip


_PLACE = "flat(indices, k)"
_PUT = "    place = flat(indices, k)\n    np.put_along_axis(result, place, flat(x, k), -1)"
_TAKEN = "np.take_along_axis(flat(dout, k), place, -1)"
_RULE = "O[n, c].ravel()[indices[n, c]] = I[n, c]"


def _size(formula: str) -> Edits:
    """Another output size; h, f, s, p: one axis of the input, kernel, stride, padding."""
    sizes = f"k.sizes = [{formula} for h, f, s, p in zip(k.small, k.kernel, k.stride, k.padding)]"
    return (("    result = np.zeros", f"    {sizes}\n    result = np.zeros"),)


def _places(*ways: str) -> dict[str, tuple[Edits, ...]]:
    """The values are put to other places, and their gradients taken from there."""
    return {name: tuple(((_PLACE, way),) for way in ways) for name in ("out", "dx")}


def _padded(facts: Facts) -> bool:
    return facts["padding"] not in (0, (0,), (0, 0), (0, 0, 0))


MISTAKES = (
    Mistake(
        "indices-ignored",
        _places("in_window((0,) * len(k.sizes), indices, k)", "in_window([f - 1 for f in k.kernel], indices, k)",
                "in_window([f // 2 for f in k.kernel], indices, k)"),
        "kernel_size > 1",
        "each value is put to one fixed place of its window; it belongs where the maximum was found",
        _RULE,
    ),
    Mistake(
        "spread-over-window",
        {"out": (((_PUT, "    for r in np.ndindex(*k.kernel):\n        np.put_along_axis(result, in_window(r, indices, k), flat(x, k), -1)"),),)},
        "kernel_size > 1",
        "each value fills its whole window (upsampling); all places but the maximum's stay 0",
        _RULE,
    ),
    Mistake(
        "gradient-of-whole-window",
        {"dx": (
            ((_TAKEN, "sum(gathered(dout, indices, k))"),),
            ((_TAKEN, "sum(gathered(dout, indices, k)) / math.prod(k.kernel)"),),
            ((_TAKEN, "np.maximum.reduce(gathered(dout, indices, k))"),),
        )},
        "kernel_size > 1",
        "dI is the sum, mean or maximum of dO over the window; only the place that the value was put to counts",
        "dI[n, c] = dO[n, c].ravel()[indices[n, c]]",
    ),
    Mistake(
        "indices-of-whole-array",
        {
            "out": ((("np.put_along_axis(result, place, flat(x, k), -1)", "result.reshape(-1)[indices] = x"),),),
            "dx": (((_TAKEN, "dout.reshape(-1)[indices]"),),),
        },
        "N > 1 or C > 1",
        "the indices count from the first number of the whole array; they count in the image of their own channel",
        _RULE,
    ),
    Mistake(
        "indices-of-all-channels",
        {
            "out": ((("np.put_along_axis(result, place, flat(x, k), -1)", "for n in range(len(x)):\n        result[n].reshape(-1)[indices[n]] = x[n]"),),),
            "dx": (((_TAKEN, "np.stack([dout[n].reshape(-1)[indices[n]] for n in range(len(indices))])"),),),
        },
        "C > 1",
        "the indices count from the first channel of each image; they count in the image of their own channel",
        _RULE,
    ),
    Mistake(
        "indices-count-from-one",
        _places("flat(indices, k) - 1"),
        "always",
        "1 is subtracted from the indices; they count from 0",
        _RULE,
    ),
    Mistake(
        "indices-along-columns",
        _places("along_columns(flat(indices, k), k)"),
        "more than one row",
        "the indices are read column by column; they go along the rows: y*W + x",
        "y, x = divmod(index, W)",
    ),
    Mistake(
        "height-for-width",
        _places("by_height(flat(indices, k), k)"),
        "H != W",
        "row and column of an index are found with the height of the output",
        "y, x = divmod(index, W), with the width W of the output",
    ),
    Mistake(
        "output-size-ignores-stride",
        {"out": (_size("h * f"),)},
        "stride is not kernel_size",
        "the output size does not depend on the stride",
        "(H - 1)*S - 2*P + Ps",
    ),
    Mistake(
        "output-size-ignores-kernel",
        {"out": (_size("h * s - 2 * p"), _size("h * s"))},
        "stride is not kernel_size",
        "the output size does not depend on the window's size",
        "(H - 1)*S - 2*P + Ps",
    ),
    Mistake(
        "output-size-ignores-padding",
        {"out": (_size("(h - 1) * s + f"), _size("(h - 1) * s - p + f"))},
        "padding >= 1",
        "the output size does not take the padding of both sides off",
        "(H - 1)*S - 2*P + Ps",
        _padded,
    ),
    Mistake(
        "last-image-only",
        {"out": ((("    return", "    result[:-1] = 0\n    return"),),), "dx": ((("    return", "    result[:-1] = 0\n    return"),),)},
        "N > 1",
        "only the last image of the batch is worked on",
        "the loop over n encloses all others",
    ),
)  # fmt: skip

FAMILIES = (Family({"out": out, "dx": dx}, MISTAKES, prepare, ("MaxUnpool2d", "MaxUnpool1d", "MaxUnpool3d")),)
