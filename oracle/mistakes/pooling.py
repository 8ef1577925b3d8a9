# ruff: noqa: E501  an edit stands on one line
"""Maximum and average pooling: what people get wrong, as edits of the functions in pooling_kernels."""

from __future__ import annotations

from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.pooling_kernels import average_dx, average_out, max_dx, max_indices, max_out, prepare
from oracle.mistakes.pooling_shared import (
    BY_WINDOW,
    CROP,
    INDICES,
    PADDED,
    PLACE,
    ROWS,
    SHARED,
    TAPS,
    indexed,
    overlaps,
    with_setting,
)
from oracle.mistakes.windows import axes, padded, wide

_FIRST = "first = taps.argmax(axis=0)"
_MASK = "(first == i) * dout"
_AT = "at = image_place(np.unravel_index(first, k.kernel), np.indices(size), k)"

_MAXIMUM = (
    Mistake(
        "assign-instead-of-add",
        {"dx": (
            (("size)] += ", "size)] = "),),
            (("size)] += ", "size)] = "), (TAPS, BY_WINDOW)),
            ((f"dxp[{PLACE}] += {_MASK}", f"np.copyto(dxp[{PLACE}], dout, where=first == i)"),),
            ((f"dxp[{PLACE}] += {_MASK}", f"np.copyto(dxp[{PLACE}], dout, where=first == i)"), (TAPS, BY_WINDOW)),
        )},
        "stride < kernel_size",
        "windows overlap, and an element that is the maximum of several gets the gradient of each; with = the last one wins",
        "dI[n, c, y, x] += dO[n, c, i, j]",
        overlaps,
    ),
    Mistake(
        "zero-padding-in-max",
        {"out": ((("xp = pad(x, k, size, -np.inf)", "xp = pad(x, k, size, 0)"),),),
         "dx": ((("pad(x, k, size, -np.inf)", "pad(x, k, size, 0)"),),)},
        "a window over the border of negative numbers",
        "the image is padded with 0, which is larger than a negative element",
        "pad with -np.inf, or let the window end at the image's edge",
        lambda facts: padded(facts) or facts["ceil_mode"],
    ),
    Mistake(
        "max-start-at-zero",
        {"out": tuple((("np.full((*k.lead, *size), -np.inf)", f"np.full((*k.lead, *size), {start})"),)
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
        wide,
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
        {name: (((_FIRST, "first = len(taps) - 1 - taps[::-1].argmax(axis=0)"),),) for name in ("dx", "indices")},
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
            ((f"return {CROP}", "return in_image(x, dout, first, 1)"),),
            ((f"return {CROP}", "return in_image(x, dout, first, 0)"),),
            ((f"dxp[{PLACE}] += {_MASK}", f"dxp[(..., *r)] += ({_MASK}).sum(axis=tuple(range(2, x.ndim)))"),),
            ((f"dxp[{PLACE}] += {_MASK}", "np.copyto(dxp[(..., *r)], dout[(..., *none(r))], where=(first == i)[(..., *none(r))])"),),
        )},
        "more than one window",
        "the index of the maximum inside of its window is used as an index into the whole image",
        "add where the window begins: (y*S + index // R2, x*S + index % R2) for a window of width R2",
    ),
    Mistake(
        "dilation-ignored",
        {"out": (*with_setting("dilation", "ones(k.dilation)"), ((f"xp[{PLACE}]", "xp[place(r, k.stride, ones(k.dilation), size)]"),))},
        "dilation > 1",
        "the dilation argument has no effect: the window's places lie side by side",
        "I[n, c, y*S + r*D - P, ...] with D = dilation",
        lambda facts: max(axes(facts["dilation"])) > 1,
    ),
)  # fmt: skip

_INDICES = (
    Mistake(
        "indices-of-window",
        {"indices": (((ROWS, "first"),), ((_AT, "at = np.unravel_index(first, k.kernel)"),))},
        "return_indices = true",
        "the indices count inside of the window; they count in the image of their channel",
        "(y*S + r*D - P)*W + x*S + s*D - P for the maximum at (r, s) of window (y, x)",
        indexed,
    ),
    Mistake(
        "indices-of-padded-image",
        {"indices": (
            ((_AT, _AT.replace(", k)", ", SimpleNamespace(**{**vars(k), 'padding': none(k.padding)}))")),
             (ROWS, "along_rows(at, [h + 2 * p for h, p in zip(k.sizes, k.padding)])")),
            ((_AT, _AT.replace(", k)", ", SimpleNamespace(**{**vars(k), 'padding': none(k.padding)}))")),),
        )},
        "return_indices = true and padding >= 1",
        "the indices count from the corner of the padded image, or along its longer rows",
        "(y*S + r*D - P)*W + x*S + s*D - P, with the width W of the image itself",
        lambda facts: indexed(facts) and padded(facts),
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
        overlaps,
    ),
    Mistake(
        "average-backward-not-divided",
        {"dx": (((" / divisor(x, k, size, k.include)", ""),),)},
        "kernel_size > 1",
        "dO is copied to the window without the 1/(R*S) of the mean",
        "dI[...] += dO[n,c,y,x] / (R*S)",
        wide,
    ),
    Mistake(
        "average-not-divided",
        {"out": (((" / divisor(x, k, size, k.include)", ""),),)},
        "kernel_size > 1",
        "the sum of the window is returned, not its mean",
        "O[n,c,y,x] = sum / (R*S)",
        wide,
    ),
    Mistake(
        "average-weighted-by-value",
        {"dx": (
            (("+= share", f"+= dout * pad(x, k, size, 0)[{PLACE}] / sum(pad(x, k, size, 0)[{PLACE}] for r in np.ndindex(*k.kernel))"),),
            (("+= share", f"+= share * pad(x, k, size, 0)[{PLACE}]"),),
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
        lambda facts: padded(facts) and facts["count_include_pad"],
        convention=True,
    ),
    Mistake(
        "average-includes-padding",
        {name: ((("k.include", "True"),), (("divisor(x, k, size, k.include)", "math.prod(k.kernel)"),)) for name in ("out", "dx")},
        "count_include_pad = false, or a window over the edge",
        "the mean counts places that do not count: padding with count_include_pad=False, or what hangs over with ceil_mode",
        "divide by the number of places that count",
        lambda facts: (padded(facts) and not facts["count_include_pad"]) or facts["ceil_mode"],
        convention=True,
    ),
    Mistake(
        "average-over-channels",
        {"out": (
            (("= result / ", "= result.mean(axis=1, keepdims=True) / "),),
            (("= result / ", "= (result * 0 + result.mean(axis=1, keepdims=True)) / "),),
        )},
        "C > 1",
        "one mean is taken over all channels; each channel is pooled by itself",
        "the mean over r and s only: O[n,c,y,x] for each c",
        lambda facts: facts.get("C", 1) > 1,
    ),
)  # fmt: skip

FAMILIES = (
    Family(
        {"out": max_out, "dx": max_dx, "indices": max_indices},
        _MAXIMUM + _INDICES + INDICES + SHARED + PADDED,
        prepare,
        ("MaxPool2d", "MaxPool1d", "MaxPool3d"),
    ),
    Family(
        {"out": average_out, "dx": average_dx},
        _AVERAGE + SHARED + PADDED,
        prepare,
        ("AvgPool2d", "AvgPool1d", "AvgPool3d"),
    ),
)
