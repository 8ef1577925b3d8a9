# ruff: noqa: E501  an edit stands on one line
"""Convolution: windows in the wrong place, as edits of the functions in conv_kernels."""

from __future__ import annotations

from oracle.mistakes.kernel import Facts, Mistake
from oracle.mistakes.windows import axes, uneven


def strided(facts: Facts) -> bool:
    return max(axes(facts["stride"])) > 1


def not_square(facts: Facts) -> bool:
    return facts.get("output H") != facts.get("output W") or facts.get("H") != facts.get("W")


_SIZE = "[(h - d * (f - 1) - 1) // s + 1 for h, f, s, d in zip(xp.shape[2:], k.kernel, k.stride, k.dilation)]"
_LAST = "dout = dout[(..., *(slice(0, max(o - 1, 0)) for o in dout.shape[2:]))]"


def _with_size(new: str) -> tuple[tuple[str, str], ...]:
    """Another output size: windows past the end read zeros, or the result is too small."""
    return ((_SIZE, new), ("    result = np.zeros", "    xp = reach(xp, k, size)\n    result = np.zeros"))


WINDOWS = (
    Mistake(
        "stride-forgotten-in-dx",
        {"dx": (
            (("k.stride, k.dilation, dout", "ones(k.stride), k.dilation, dout"),),
        )},
        "stride > 1",
        "each window's share is put back at position y; in the forward it was taken from y*S",
        "dI[n, c, y*S + r - P, x*S + s - P] += dO[n,k,y,x] * W[k,c,r,s]; or put S-1 zeros between dO's elements",
        strided,
    ),
    Mistake(
        "dout-not-dilated",
        {"dweight": (
            (("k.stride, k.dilation, dout", "ones(k.stride), k.dilation, dout"),),
        )},
        "stride > 1",
        "for S > 1 dO needs S-1 zeros between its elements before it is convolved with the input",
        "dW[k,c,r,s] += dO[n,k,y,x] * I[n, c, y*S + r - P, x*S + s - P]",
        strided,
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
        strided,
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
        "the two formulas differ",
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
        not_square,
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
        uneven,
    ),
    Mistake(
        "dilation-ignored",
        {"out": (
            (("k.stride, k.dilation)]", "k.stride, ones(k.dilation))]"), ("k.stride, k.dilation, size", "k.stride, ones(k.dilation), size")),
            (("k.stride, k.dilation, size", "k.stride, ones(k.dilation), size"),),
            (("    xp = ", "    k = undilated(k)\n    xp = "),),
        )},
        "dilation > 1",
        "the dilation argument has no effect: the kernel's positions lie side by side",
        "I[n, c, y*S + r*D - P, ...] with D = dilation",
        lambda facts: max(axes(facts["dilation"])) > 1,
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
)  # fmt: skip
