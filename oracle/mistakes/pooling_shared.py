# ruff: noqa: E501  an edit stands on one line
"""What people get wrong in every pooling, as edits of kernels in whose text the pieces below stand."""

from __future__ import annotations

from oracle.mistakes.kernel import Edits, Facts, Mistake
from oracle.mistakes.windows import axes, padded, uneven, wide


def overlaps(facts: Facts) -> bool:
    """The stride is given and less than the window."""
    if max(axes(facts.get("dilation", 1))) > 1:
        return wide(facts)
    stride, kernel = facts["stride"], facts["kernel_size"]
    return stride is not None and axes(stride) != axes(kernel) and min(axes(stride)) < max(axes(kernel))


def indexed(facts: Facts) -> bool:
    return facts["return_indices"]


_SIZE = "[pooled_size(*axis, k.ceil_mode) for axis in zip(k.sizes, k.kernel, k.stride, k.padding, k.dilation)]"
PLACE = "place(r, k.stride, k.dilation, size)"
CROP = "dxp[inside(k.sizes, k.padding)]"
TAPS = "enumerate(np.ndindex(*k.kernel))"
BY_WINDOW = f"reversed(list({TAPS}))"  # each place meets its windows in their own order then
ROWS = "along_rows(at, k.sizes)"
_LAST = "dout = dout[(..., *(slice(0, max(o - 1, 0)) for o in dout.shape[len(k.lead) :]))]"


def _size(formula: str, *more: tuple[str, str]) -> Edits:
    """Another output size; h, f, s, p, d: one axis of image, window, stride, padding, dilation."""
    return (
        (_SIZE, f"[{formula} for h, f, s, p, d in zip(k.sizes, k.kernel, k.stride, k.padding, k.dilation)]"),
        *more,
    )


def with_setting(name: str, value: str) -> tuple[Edits, ...]:
    """One setting replaced, in all that follows."""
    line = f"    k = SimpleNamespace(**{{**vars(k), {name!r}: {value}}})\n    size = "
    return ((("    size = ", line),),)


def _framed(*sizes: str) -> Edits:
    """The result in an array of another size, and of a third one then."""
    cuts = "".join(f"    result = cut(result, {size})\n" for size in sizes)
    return (("    return result", f"{cuts}    return result"),)


SHARED = (
    Mistake(
        "output-size-ignores-stride",
        {"out": (_size("h // f"), _size("h - f + 1"))},
        "the two formulas differ",
        "the output size does not depend on the stride",
        "(H + 2*P - Ps)//S + 1",
    ),
    Mistake(
        "output-size-ignores-kernel",
        {"out": (_size("h // s"), _size("-(-h // s)"), _size("(h + 2 * p) // s"), _size("(h + 2 * p - 1) // s + 1"))},
        "the two formulas differ",
        "the output size does not depend on the window's size",
        "(H + 2*P - Ps)//S + 1",
    ),
    Mistake(
        "stride-ignored",
        {name: (*with_setting("stride", "k.kernel"), *with_setting("stride", "ones(k.stride)")) for name in ("out", "dx")},
        "stride is not the one that is built in",
        "the stride argument has no effect: windows stand side by side, or move by 1",
        "I[n, c, y*S + r - P, x*S + s - P] with S = stride",
    ),
    Mistake(
        "stride-default-one",
        {name: with_setting("stride", "k.stride if k.given else ones(k.stride)") for name in ("out", "dx")},
        "stride = none",
        "without a stride the window moves by 1; torch then moves it by its own size",
        "stride = kernel_size if stride is None else stride",
        lambda facts: facts["stride"] is None and wide(facts),
    ),
    Mistake(
        "ceil-for-floor",
        {"out": with_setting("ceil_mode", "True")},
        "the size does not divide",
        "the output size is rounded up: the last windows hang over the edge of the image",
        "(H + 2*P - Ps)//S + 1, rounded down unless ceil_mode is set",
        lambda facts: not facts["ceil_mode"],
    ),
    Mistake(
        "ceil-mode-ignored",
        {"out": with_setting("ceil_mode", "False")},
        "ceil_mode = true",
        "ceil_mode has no effect: the output size is rounded down",
        "with ceil_mode, -(-(H + 2*P - Ps)//S) + 1, but no window may begin in the right padding",
        lambda facts: facts["ceil_mode"],
    ),
    Mistake(
        "kernel-axes-swapped",
        {
            "out": (*with_setting("kernel", "swapped(k.kernel)"), (("np.ndindex(*k.kernel)", "np.ndindex(*swapped(k.kernel))"),)),
            "dx": with_setting("kernel", "swapped(k.kernel)"),
        },
        "kernel_size is not square",
        "the window's height is used as its width, and its width as its height",
        "kernel_size = (height, width): R for rows, S for columns",
        uneven,
    ),
    Mistake(
        "kernel-height-for-width",
        {
            name: (*with_setting("kernel", "k.kernel[:1] * len(k.kernel)"), *with_setting("kernel", "k.kernel[-1:] * len(k.kernel)"))
            for name in ("out", "dx")
        },
        "kernel_size is not square",
        "one window size is used for both axes: the window is taken to be square",
        "kernel_size = (height, width): R for rows, S for columns",
        uneven,
    ),
    Mistake(
        "height-for-width",
        {"out": (_framed("size[:1] * len(size)"), _framed("size[-1:] * len(size)"))},
        "H != W",
        "one output size is used for both axes: the image is taken to be square",
        "H2 = (H + 2*P - Ps)//S + 1 and W2 = (W + 2*P - Ps)//S + 1",
        lambda facts: facts.get("output H") != facts.get("output W"),
    ),
    Mistake(
        "loop-ends-early",
        {
            "out": (_framed("[o - 1 for o in size]"), _framed("[o - 1 for o in size]", "size")),
            "dx": ((("size = dout", f"{_LAST}\n    size = dout"),),),
        },
        "always",
        "the loop ends one window too early: range(0, H - Ps, S) never reaches the last one",
        "range(0, H - Ps + 1, S)",
    ),
    Mistake(
        "last-image-only",
        {name: (((f"    return {text}", f"    {var}[:-1] = 0\n    return {text}"),),)
         for name, var, text in (("out", "result", "result"), ("dx", "dxp", CROP))},
        "N > 1",
        "only the last image of the batch is worked on",
        "the loop over n encloses all others",
        lambda facts: facts["N"] > 1,
    ),
)  # fmt: skip

PADDED = (
    Mistake(
        "output-size-ignores-padding",
        {"out": (
            _size("pooled_size(h, f, s, 0, d, k.ceil_mode)"),
            _size("pooled_size(h + p, f, s, 0, d, k.ceil_mode)"),
        )},
        "padding >= 1",
        "the output size does not take the padding of both sides into account",
        "(H + 2*P - Ps)//S + 1",
        padded,
    ),
    Mistake(
        "padding-ignored",
        {"out": with_setting("padding", "none(k.padding)"), "dx": with_setting("padding", "none(k.padding)")},
        "padding >= 1",
        "the padding argument has no effect",
        "windows begin at y*S - P",
        padded,
    ),
)  # fmt: skip

INDICES = (
    Mistake(
        "indices-along-columns",
        {"indices": (((ROWS, "along_rows(at[::-1], k.sizes[::-1])"),),)},
        "return_indices = true and more than one row",
        "the indices go column by column; they go along the rows: y*W + x",
        "y*W + x",
        indexed,
    ),
    Mistake(
        "indices-of-all-channels",
        {"indices": tuple(((ROWS, f"{ROWS} + channel_number(at[0], k, {images}) * np.prod(k.sizes)"),) for images in (0, 1))},
        "return_indices = true, and C > 1 or N > 1",
        "the indices count through all channels of the image, or through the whole batch; they count in their own channel",
        "y*W + x, for each channel from 0",
        indexed,
    ),
    Mistake(
        "indices-count-from-one",
        {"indices": (((ROWS, f"{ROWS} + 1"),),)},
        "return_indices = true",
        "the indices count from 1; they count from 0",
        "y*W + x",
        indexed,
    ),
    Mistake(
        "indices-by-height",
        {"indices": (((ROWS, "along_rows(at, k.sizes[:1] * len(k.sizes))"),),)},
        "return_indices = true and H != W",
        "the row is multiplied by the height of the image",
        "y*W + x, with the width W",
        lambda facts: indexed(facts) and facts.get("H") != facts.get("W"),
    ),
)  # fmt: skip
