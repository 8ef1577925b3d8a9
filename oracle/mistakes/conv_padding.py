# ruff: noqa: E501  an edit stands on one line
"""Convolution: what people get wrong with the padding, as edits of the functions in conv_kernels."""

from __future__ import annotations

from oracle.mistakes.kernel import Facts, Mistake
from oracle.mistakes.windows import axes, padded


def _bordered(facts: Facts) -> bool:
    return facts.get("padding_mode", "zeros") != "zeros" and padded(facts)


_PADDED = "pad(x, k.before, k.after, k.source)"
_CROP = "dxp[inside(x.shape[2:], k.before)]"

PADDING = (
    Mistake(
        "crop-with-zero-padding",
        {"dx": (((_CROP, "dxp[(..., *(slice(p, -p) for p in k.before))]"),),)},
        "padding = 0",
        "dx is cut out of the padded gradient by dx[:, :, P:-P, P:-P], which is empty for P = 0 (-0 is 0)",
        "dx[:, :, P:P+H, P:P+W]",
        lambda facts: not padded(facts) or 0 in axes(facts["padding"]),
    ),
    Mistake(
        "crop-hard-coded",
        {"dx": tuple(((_CROP, f"dxp[(..., *(slice({p}, -{p}) for _ in k.before))]"),) for p in (1, 2))},
        "padding is not the constant",
        "a constant is cut off the padded gradient on each side, whatever the padding argument says",
        "dx[:, :, P:P+H, P:P+W] with P = padding",
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
        padded,
    ),
    Mistake(
        "padding-ignored",
        {
            "out": (
                ((_PADDED, "x"),),
                (("    w = full", "    shape = [(h - d * (f - 1) - 1) // s + 1 for h, f, s, d in zip(xp.shape[2:], "
                  "k.kernel, k.stride, k.dilation)]\n    xp = x\n    w = full"),
                 ("return result + each_filter(bias, result)", "return cut(result, shape) + each_filter(bias, result)")),
            ),
        },
        "padding >= 1",
        "the input is not padded before the windows are taken",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P)))",
        padded,
    ),
    Mistake(
        "padding-hard-coded",
        {
            name: (
                ((_PADDED, "pad(x, ones(k.before), ones(k.before), k.source)"),),
                ((_PADDED, "pad(x, [2] * len(k.before), [2] * len(k.before), k.source)"),),
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
            ((_PADDED, "pad(x, k.before, [0] * len(k.after), k.source)"),),
            ((_PADDED, "pad(x, [0] * len(k.before), k.after, k.source)"),),
            ((_PADDED, "pad(x, [a + b for a, b in zip(k.before, k.after)], [0] * len(k.after), k.source)"),),
            ((_PADDED, "pad(x, [0] * len(k.after), [a + b for a, b in zip(k.before, k.after)], k.source)"),),
        )},
        "padding >= 1",
        "the zeros are put on one side of the image only",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P))): before and after on both axes",
        padded,
    ),
    Mistake(
        "padding-wrong-axes",
        {"out": (
            ((_PADDED, f"np.pad({_PADDED}, ((k.before[0], k.after[0]), *((0, 0),) * (x.ndim - 1)))"),
             ("(len(x), len(w)", "(len(xp), len(w)")),
            ((_PADDED, f"np.pad({_PADDED}, ((0, 0), (k.before[0], k.after[0]), *((0, 0),) * (x.ndim - 2)))[:, : x.shape[1]]"),),
            ((_PADDED, "pad(x, k.before[:1], k.after[:1], k.source)"),),
        )},
        "padding >= 1",
        "the batch or channel axis is padded too, or not every image axis",
        "np.pad(I, ((0,0), (0,0), (P,P), (P,P))): only the two image axes",
        padded,
    ),
    Mistake(
        "padded-gradient-from-unpadded-input",
        {"dweight": (
            ((_PADDED, "x"),),
            ((f"xp = {_PADDED}", "xp = pad(x, [0] * len(k.before), [a + b for a, b in zip(k.before, k.after)], k.source)"),),
        )},
        "padding >= 1",
        "dW is made from the image itself; the windows of the forward were taken from the padded image",
        "use the padded I in backward too: dW[k,c,r,s] += dO[n,k,y,x] * Ipad[n, c, y*S + r, x*S + s]",
        padded,
    ),
    Mistake(
        "padding-mode-ignored",
        {name: ((("k.source", "outside"),),) for name in ("out", "dweight")},
        "padding_mode is not zeros",
        "padding_mode has no effect: the border is zeros; here it is made of values of the image",
        "pad the image by its mode first, then convolve without padding",
        _bordered,
    ),
    Mistake(
        "padding-wrong-mode",
        {name: tuple((("k.source", f"(outside if k.source is outside else {other})"),)
                     for other in ("reflected", "mirrored", "repeated", "wrapped")) for name in ("out", "dx", "dweight")},
        "padding_mode is not zeros",
        "the border is made in another way: repeated, reflected with or without the outermost value, or wrapped round",
        "reflect: I[-1] = I[1]; replicate: I[-1] = I[0]; circular: I[-1] = I[H-1]",
        _bordered,
    ),
    Mistake(
        "border-gradient-dropped",
        {"dx": ((("    give_border_back(dxp, x.shape[2:], k.before, k.after, k.source)\n", ""),),)},
        "padding_mode is not zeros",
        "the gradient of the border is cut off; the border is made of values of the image, which get it",
        "dI[at(o)] += dIpad[o] for every o of the border, then cut the border off",
        _bordered,
    ),
)  # fmt: skip
