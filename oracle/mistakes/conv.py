# ruff: noqa: E501  an edit stands on one line
"""Convolution: what people get wrong, as edits of the functions in conv_kernels. Windows and padding have files of their
own; here is what is summed over them."""

from __future__ import annotations

from oracle.mistakes.conv_kernels import dbias, dweight, dx, out, prepare
from oracle.mistakes.conv_padding import PADDING
from oracle.mistakes.conv_windows import WINDOWS
from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.windows import wide

_DX_PLACE = "dxp[place(r, k.stride, k.dilation, dout.shape[2:])]"

_SUMS = (
    Mistake(
        "kernel-not-rotated",
        {"dx": (
            (("w[(ALL, ALL, *r)]", "w[(ALL, ALL, *flip(r, k.kernel))]"),),
        )},
        "kernel_size > 1",
        "dL/dI is the full convolution of dL/dO with the kernel ROTATED by 180 degrees; here the kernel is used as it is",
        "W[:, :, ::-1, ::-1], or add dO[n,k,y,x] * W[k,c,r,s] to dI[n, c, y*S+r-P, x*S+s-P]",
        wide,
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
        wide,
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
        lambda facts: wide(facts),
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
        lambda facts: facts["bias"] and (wide(facts) or facts["in_channels"] > 1),
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
        {"out": out, "dx": dx, "dweight": dweight, "dbias": dbias},
        PADDING + WINDOWS + _SUMS,
        prepare,
        ("Conv2d", "Conv1d", "Conv3d"),
    ),
)
