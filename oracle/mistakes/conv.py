# ruff: noqa: E501  an edit stands on one line
"""Convolution: what people get wrong, as edits of the functions in conv_kernels."""

from __future__ import annotations

from typing import Any

from oracle.mistakes.conv_kernels import dbias, dweight, dx, out, prepare
from oracle.mistakes.kernel import Facts, Family, Mistake

# ---- where a mistake shows


def _axes(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _padded(facts: Facts) -> bool:
    return facts["padding"] == "same" or (facts["padding"] != "valid" and max(_axes(facts["padding"])) > 0)


def _strided(facts: Facts) -> bool:
    return max(_axes(facts["stride"])) > 1


def _wide_kernel(facts: Facts) -> bool:
    return max(_axes(facts["kernel_size"])) > 1


def _not_square(facts: Facts) -> bool:
    return facts.get("output H") != facts.get("output W") or facts.get("H") != facts.get("W")


_EINSUM_OUT = 'np.einsum("kc,nc...->nk...", w[(ALL, ALL, *r)], xp[place(r, k.stride, k.dilation, size)])'
_SIZE = "[(h - d * (f - 1) - 1) // s + 1 for h, f, s, d in zip(xp.shape[2:], k.kernel, k.stride, k.dilation)]"
_CROP = "dxp[inside(x.shape[2:], k.before)]"
_DX_PLACE = "dxp[place(r, k.stride, k.dilation, dout.shape[2:])]"
_DW_PLACE = "xp[place(r, k.stride, k.dilation, dout.shape[2:])]"
_LAST = "dout = dout[(..., *(slice(0, max(o - 1, 0)) for o in dout.shape[2:]))]"


def _with_size(new: str) -> tuple[tuple[str, str], ...]:
    """Another output size: windows past the end read zeros, or the result is too small."""
    return ((_SIZE, new), ("    result = np.zeros", "    xp = reach(xp, k, size)\n    result = np.zeros"))


MISTAKES = (
    Mistake(
        "crop-with-zero-padding",
        {"dx": (((_CROP, "dxp[(..., *(slice(p, -p) for p in k.before))]"),),)},
        "padding = 0",
        "dx is cut out of the padded gradient by dx[:, :, P:-P, P:-P], which is empty for P = 0 (-0 is 0)",
        "dx[:, :, P:P+H, P:P+W]",
        lambda facts: not _padded(facts) or 0 in _axes(facts["padding"]),
    ),
    Mistake(
        "no-crop-of-padding",
        {"dx": (
            ((_CROP, "dxp"),),
            ((_CROP, "dxp[inside(x.shape[2:], [0] * len(k.before))]"),),
            ((_CROP, "dxp[(..., *(slice(2 * p, 2 * p + h) for p, h in zip(k.before, x.shape[2:])))]"),),
        )},
        "padding >= 1",
        "dx still has the padding around it, or another window than the image's own is cut out of the padded gradient",
        "return dxp[:, :, P:P+H, P:P+W]",
        _padded,
    ),
    Mistake(
        "kernel-not-rotated",
        {"dx": (
            (("w[(ALL, ALL, *r)]", "w[(ALL, ALL, *flip(r, k.kernel))]"),),
        )},
        "kernel_size > 1",
        "dL/dI is the full convolution of dL/dO with the kernel ROTATED by 180 degrees; here the kernel is used as it is",
        "W[:, :, ::-1, ::-1], or add dO[n,k,y,x] * W[k,c,r,s] to dI[n, c, y*S+r-P, x*S+s-P]",
        _wide_kernel,
    ),
    Mistake(
        "kernel-rotated-in-forward",
        {
            "out": ((("w[(ALL, ALL, *r)]", "w[(ALL, ALL, *flip(r, k.kernel))]"),),),
            "dweight": ((("dw[(ALL, ALL, *r)]", "dw[(ALL, ALL, *flip(r, k.kernel))]"),),),
        },
        "kernel_size > 1",
        "the kernel is rotated by 180 degrees (true convolution); networks use cross-correlation",
        "O[n,k,y,x] = B[k] + sum of I[n, c, y*S+r-P, x*S+s-P] * W[k,c,r,s], W not rotated",
        _wide_kernel,
    ),
    Mistake(
        "stride-forgotten-in-dx",
        {"dx": (
            (("k.stride, k.dilation, dout", "ones(k.stride), k.dilation, dout"),),
        )},
        "stride > 1",
        "each window's share is put back at position y; in the forward it was taken from y*S",
        "dI[n, c, y*S + r - P, x*S + s - P] += dO[n,k,y,x] * W[k,c,r,s]; or put S-1 zeros between dO's elements",
        _strided,
    ),
    Mistake(
        "dout-not-dilated",
        {"dweight": (
            (("k.stride, k.dilation, dout", "ones(k.stride), k.dilation, dout"),),
        )},
        "stride > 1",
        "for S > 1 dO needs S-1 zeros between its elements before it is convolved with the input",
        "dW[k,c,r,s] += dO[n,k,y,x] * I[n, c, y*S + r - P, x*S + s - P]",
        _strided,
    ),
    Mistake(
        "stride-ignored",
        {"out": (
            (("k.kernel, k.stride, k.dilation)]", "k.kernel, ones(k.stride), k.dilation)]"),
             ("place(r, k.stride", "place(r, ones(k.stride)")),
            (("place(r, k.stride", "place(r, ones(k.stride)"),),
        )},
        "stride > 1",
        "the stride argument has no effect: the window moves by 1",
        "I[n, c, y*S + r - P, x*S + s - P] with S = stride",
        _strided,
    ),
    Mistake(
        "input-channels-and-filters-swapped-in-dx",
        {"dx": (
            (("    for r", "    w = w.swapaxes(0, 1)\n    for r"),),
            (("    for r", "    w = w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)\n    for r"),),
        )},
        "always",
        "going back, filters are the input and channels the output: the kernel's first two axes must change places",
        "sum over k of dO[n,k,...] * W[k,c,...]: W.transpose(1, 0, 2, 3)",
    ),
    Mistake(
        "padding-ignored",
        {
            "out": (
                (("pad(x, k.before, k.after)", "x"),),
                (("    w = full", "    shape = [(h - d * (f - 1) - 1) // s + 1 for h, f, s, d in zip(xp.shape[2:], "
                  "k.kernel, k.stride, k.dilation)]\n    xp = x\n    w = full"),
                 ("return result + each_filter(bias, result)", "return cut(result, shape) + each_filter(bias, result)")),
            ),
        },
        "padding >= 1",
        "the input is not padded before the windows are taken",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P)))",
        _padded,
    ),
    Mistake(
        "padding-hard-coded",
        {
            name: (
                (("pad(x, k.before, k.after)", "pad(x, ones(k.before), ones(k.before))"),),
                (("pad(x, k.before, k.after)", "pad(x, [2] * len(k.before), [2] * len(k.before))"),),
            )
            for name in ("out", "dweight")
        },
        "padding is not the constant",
        "the input is padded by a constant, whatever the padding argument says",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P))) with P = padding",
    ),
    Mistake(
        "padding-on-one-side",
        {"out": (
            (("pad(x, k.before, k.after)", "pad(x, k.before, [0] * len(k.after))"),),
            (("pad(x, k.before, k.after)", "pad(x, [0] * len(k.before), k.after)"),),
            (("pad(x, k.before, k.after)", "pad(x, [a + b for a, b in zip(k.before, k.after)], [0] * len(k.after))"),),
            (("pad(x, k.before, k.after)", "pad(x, [0] * len(k.after), [a + b for a, b in zip(k.before, k.after)])"),),
        )},
        "padding >= 1",
        "the zeros are put on one side of the image only",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P))): before and after on both axes",
        _padded,
    ),
    Mistake(
        "padding-wrong-axes",
        {"out": (
            (("pad(x, k.before, k.after)",
              "np.pad(x, ((k.before[0], k.after[0]), (0, 0), *zip(k.before, k.after)))"),
             ("(len(x), len(w)", "(len(xp), len(w)")),
            (("pad(x, k.before, k.after)",
              "np.pad(x, ((0, 0), (k.before[0], k.after[0]), *zip(k.before, k.after)))[:, :x.shape[1]]"),),
            (("pad(x, k.before, k.after)",
              "np.pad(x, ((0, 0), (0, 0), (k.before[0], k.after[0]), *(((0, 0),) * (x.ndim - 3))))"),),
        )},
        "padding >= 1",
        "the batch or channel axis is padded too, or not every image axis",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P))): only the two image axes",
        _padded,
    ),
    Mistake(
        "output-size-off-by-one",
        {"out": (
            ((_SIZE, _SIZE.replace("// s + 1 for", "// s for")),),
            _with_size(_SIZE.replace("// s + 1 for", "// s + 2 for")),
            _with_size(_SIZE.replace("(h - d * (f - 1) - 1) // s + 1 for", "-(-(h - d * (f - 1) - 1) // s) + 1 for")),
        )},
        "always, or where the size does not divide",
        "the output size is (H + 2P - F)/S + 1, rounded down: the + 1 is missing, or it is rounded up",
        "(H + 2*P - F)//S + 1",
    ),
    Mistake(
        "output-size-ignores-kernel",
        {"out": (
            _with_size("[-(-h // s) for h, s in zip(x.shape[2:], k.stride)]"),
            _with_size("[h // s for h, s in zip(x.shape[2:], k.stride)]"),
            _with_size("[(h + 1) // s for h, s in zip(x.shape[2:], k.stride)]"),
            _with_size("[h // s for h, s in zip(xp.shape[2:], k.stride)]"),
        )},
        "where the two formulas differ",
        "the output size does not depend on the kernel size",
        "(H + 2*P - F)//S + 1",
    ),
    Mistake(
        "height-for-width",
        {
            "out": (
                _with_size(_SIZE + "\n    size = [size[0]] * len(size)"),
                _with_size(_SIZE + "\n    size = [size[-1]] * len(size)"),
                (("return result +", "result = cut(result, [result.shape[2]] * len(size))\n    return result +"),),
            ),
            "dx": (
                (("    for r", "    n = dout.shape[2]\n    dout = cut(dout, [min(n, o) for o in dout.shape[2:]])\n    for r"),),
                (("    for r", "    n = dout.shape[-1]\n    dout = cut(dout, [min(n, o) for o in dout.shape[2:]])\n    for r"),),
            ),
            "dweight": (
                (("    for r", "    n = dout.shape[2]\n    dout = cut(dout, [min(n, o) for o in dout.shape[2:]])\n    for r"),),
                (("    for r", "    n = dout.shape[-1]\n    dout = cut(dout, [min(n, o) for o in dout.shape[2:]])\n    for r"),),
            ),
        },
        "H != W",
        "one output size is used for both axes: the image is taken to be square",
        "H2 = (H + 2*P - F)//S + 1 and W2 = (W + 2*P - F)//S + 1",
        _not_square,
    ),
    Mistake(
        "kernel-height-for-width",
        {
            "out": (
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[0], f) for f in k.kernel))"),),
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[-1], f) for f in k.kernel))"),),
                _with_size(_SIZE.replace("k.kernel,", "[k.kernel[0]] * len(k.kernel),")),
                _with_size(_SIZE.replace("k.kernel,", "[k.kernel[-1]] * len(k.kernel),")),
            ),
            "dx": (
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[0], f) for f in k.kernel))"),),
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[-1], f) for f in k.kernel))"),),
            ),
            "dweight": (
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[0], f) for f in k.kernel))"),),
                (("np.ndindex(*k.kernel)", "np.ndindex(*(min(k.kernel[-1], f) for f in k.kernel))"),),
            ),
        },
        "kernel_size is not square",
        "one kernel size is used for both axes: the kernel is taken to be square",
        "K, C, R, S = W.shape, and R for rows, S for columns",
        lambda facts: len(set(_axes(facts["kernel_size"]))) > 1,
    ),
    Mistake(
        "assign-instead-of-add",
        {"dx": (
            (("] += np.einsum", "] = np.einsum"),),
            (("    for r in np.ndindex(*k.kernel):\n        " + _DX_PLACE + ' += np.einsum("kc,nk...->nc...", w[(ALL, ALL, *r)], dout)',
              "    for y in np.ndindex(*dout.shape[2:]):\n"
              "        at = (..., *(slice(a * s, a * s + d * (f - 1) + 1, d) for a, s, d, f in zip(y, k.stride, k.dilation, k.kernel)))\n"
              '        dxp[at] = np.einsum("kc...,nk->nc...", w, dout[(ALL, ALL, *y)])'),),
        )},
        "stride < kernel_size",
        "windows overlap, and each of them adds its share to dI; with = the last window wins",
        "dI[...] += dO[n,k,y,x] * W[k,c,r,s]",
        lambda facts: _wide_kernel(facts),
    ),
    Mistake(
        "last-filter-only",
        {
            "dx": ((("    for r", "    w, dout = w[-1:], dout[:, -1:]\n    for r"),),),
            "dweight": ((("    return own", "    dw[:-1] = 0\n    return own"),),),
        },
        "out_channels > 1",
        "the gradient is assigned in the loop over the filters: only the last one is left",
        "+= in the loop over k",
        lambda facts: facts["out_channels"] > 1,
    ),
    Mistake(
        "last-image-only",
        {
            "dweight": ((("    xp = pad(x,", "    x, dout = x[-1:], dout[-1:]\n    xp = pad(x,"),),),
            "dbias": ((("dout.sum", "dout[-1:].sum"),),),
        },
        "N > 1",
        "the gradient is assigned in the loop over the batch: only the last image is left",
        "+= in the loop over n",
        lambda facts: facts["N"] > 1,
    ),
    Mistake(
        "first-image-only",
        {
            "dweight": ((("    xp = pad(x,", "    x, dout = x[:1], dout[:1]\n    xp = pad(x,"),),),
            "dbias": ((("dout.sum", "dout[:1].sum"),),),
        },
        "N > 1",
        "only the first image of the batch adds to the gradient",
        "+= in a loop over all n",
        lambda facts: facts["N"] > 1,
    ),
    Mistake(
        "no-sum-over-batch",
        {
            "dweight": (
                (('"nkp,ncp->kc"', '"nkp,ncp->nkc"'), ("dw[(ALL, ALL, *r)] +=", "dw[(ALL, ALL, ALL, *r)] +="),
                 ("dw = np.zeros_like(full(weight, k.groups))", "dw = np.zeros((len(x), *weight.shape))"),
                 ("own_group(dw, weight, k.groups)", "dw")),
            ),
            "dbias": ((("axis=(0, *range(2, dout.ndim))", "axis=tuple(range(2, dout.ndim))"),),),
        },
        "always",
        "the gradient of a weight is the sum over all images of the batch",
        "sum over n, y, x: dout.sum(axis=(0, 2, 3))",
    ),
    Mistake(
        "mean-over-batch",
        {
            "dweight": (
                (("own_group(dw, weight, k.groups)", "own_group(dw, weight, k.groups) / len(x)"),),
            ),
            "dbias": (
                (("dout.sum(axis=(0, *range(2, dout.ndim)))", "dout.sum(axis=(0, *range(2, dout.ndim))) / len(dout)"),),
                (("dout.sum(", "dout.mean("),),
            ),
        },
        "N > 1",
        "the gradient is divided by N: that belongs into the loss, which has it already where it is a mean",
        "dW and dB are sums over the batch",
        lambda facts: facts["N"] > 1,
    ),
    Mistake(
        "bias-missing",
        {"out": ((("result + each_filter(bias, result)", "result"),),)},
        "bias = true",
        "the bias is not added",
        "O[n,k,y,x] = ... + B[k]",
        lambda facts: facts["bias"],
    ),
    Mistake(
        "bias-per-position",
        {"dbias": (
            (("dout.sum(axis=(0, *range(2, dout.ndim)))", "dout.sum(axis=0)"),),
            (("dout.sum(axis=(0, *range(2, dout.ndim)))", "dout"),),
        )},
        "always",
        "the same B[k] is added at every position of every image: its gradient is the sum over all of them",
        "dout.sum(axis=(0, 2, 3))",
    ),
    Mistake(
        "bias-counted-per-tap",
        {"out": (
            (("+ each_filter(bias, result)", "+ each_filter(bias, result) * int(np.prod(k.kernel)) * x.shape[1]"),),
            (("+ each_filter(bias, result)", "+ each_filter(bias, result) * int(np.prod(k.kernel))"),),
            (("+ each_filter(bias, result)", "+ each_filter(bias, result) * weight.shape[1]"),),
        )},
        "kernel_size > 1 or in_channels > 1",
        "the bias is added inside of the loop over channels or kernel positions: many times instead of once",
        "start the sum with B[k], outside of the inner loops",
        lambda facts: facts["bias"] and (_wide_kernel(facts) or facts["in_channels"] > 1),
    ),
    Mistake(
        "db-sums-wrong-axes",
        {"dbias": (
            (("(0, *range(2, dout.ndim))", "(1, *range(2, dout.ndim))"),),
            (("(0, *range(2, dout.ndim))", "tuple(range(dout.ndim - 1))"),),
            (("(0, *range(2, dout.ndim))", "None"),),
        )},
        "always",
        "dB[k] is the sum over images and positions; here another axis than the filters' is left",
        "dout.sum(axis=(0, 2, 3))",
    ),
    Mistake(
        "dw-transposed",
        {"dweight": (
            (("own_group(dw, weight, k.groups)", "own_group(dw, weight, k.groups).swapaxes(0, 1)"),),
            (("own_group(dw, weight, k.groups)", "own_group(dw, weight, k.groups).swapaxes(-1, -2)"),),
            (("own_group(dw, weight, k.groups)",
              "own_group(dw, weight, k.groups).swapaxes(0, 1).reshape(weight.shape)"),),
        )},
        "always",
        "dW has two of its axes exchanged",
        "dW[k,c,r,s]: filters, channels, rows, columns, as W itself",
    ),
    Mistake(
        "dilation-ignored",
        {"out": (
            (("k.stride, k.dilation)]", "k.stride, ones(k.dilation))]"), ("k.stride, k.dilation, size", "k.stride, ones(k.dilation), size")),
            (("k.stride, k.dilation, size", "k.stride, ones(k.dilation), size"),),
        )},
        "dilation > 1",
        "the dilation argument has no effect: the kernel's positions lie side by side",
        "I[n, c, y*S + r*D - P, ...] with D = dilation",
        lambda facts: max(_axes(facts["dilation"])) > 1,
    ),
    Mistake(
        "groups-ignored",
        {"out": (
            (("w = full(weight, k.groups)", "w = np.concatenate([weight] * k.groups, axis=1)"),),
            (("w = full(weight, k.groups)",
              "w = full(weight, k.groups) * 0\n    w[:, :weight.shape[1]] = weight"),),
        )},
        "groups > 1",
        "every filter sees the same channels; with groups, filter k sees only the channels of its own group",
        "c runs over the block of channels of group g = k // (K/groups)",
        lambda facts: facts["groups"] > 1,
    ),
    Mistake(
        "group-order",
        {"out": (
            (("w = full(weight, k.groups)",
              "w, K, c = full(weight, k.groups) * 0, *weight.shape[:2]\n    for f in range(K):\n"
              "        w[f, f % k.groups * c :][:c] = weight[f]"),),
        )},
        "groups > 1",
        "the filters are dealt to the groups in turn; torch gives each group a block of filters",
        "group of filter k: k // (K/groups), not k % groups",
        lambda facts: facts["groups"] > 1 and facts["out_channels"] > facts["groups"],
    ),
    Mistake(
        "loop-ends-early",
        {
            "out": (
                (("return result +", "result = cut(cut(result, [max(o - 1, 0) for o in size]), size)\n    return result +"),),
            ),
            "dx": ((("    for r", f"    {_LAST}\n    for r"),),),
        },
        "always",
        "the loop ends one window too early: range(0, H - R, S) never reaches the last one",
        "range(0, H - R + 1, S)",
    ),
    Mistake(
        "padded-gradient-from-unpadded-input",
        {"dweight": (
            (("pad(x, k.before, k.after)", "x"),),
            (("xp = pad(x, k.before, k.after)", "xp = pad(x, [0] * len(k.before), [a + b for a, b in zip(k.before, k.after)])"),),
        )},
        "padding >= 1",
        "dW is made from the image itself; the windows of the forward were taken from the padded image",
        "use the padded I in backward too: dW[k,c,r,s] += dO[n,k,y,x] * Ipad[n, c, y*S + r, x*S + s]",
        _padded,
    ),
    Mistake(
        "integer-dtype-output",
        {"out": ((("return result + each_filter(bias, result)", "return np.trunc(result + each_filter(bias, result))"),),)},
        "the inputs are not whole numbers",
        "the result array has an integer dtype: fractions are cut off",
        "np.zeros(shape, dtype=I.dtype), with I in floating point",
        lambda facts: facts["style"] in ("random", "large", "offset"),
    ),
)  # fmt: skip

FAMILIES = (
    Family(
        {"out": out, "dx": dx, "dweight": dweight, "dbias": dbias}, MISTAKES, prepare, ("Conv2d", "Conv1d", "Conv3d")
    ),
)
