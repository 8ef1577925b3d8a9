# ruff: noqa: E501  an edit stands on one line
"""Unfold and Fold: the two kernels, and what people get wrong in them.

    columns[n, (c,r,s), (y,x)] = I[n, c, y*S + r*D - P, x*S + s*D - P]

Unfold reads it from right to left and Fold adds it up from left to right; each is the other's gradient.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.layers.conv import output_size
from oracle.layers.spec import per_axis
from oracle.mistakes.kernel import Edits, Family, Mistake, Variants
from oracle.mistakes.windows import axes, flip, inside, ones, padded, place, uneven, wide  # noqa: F401  edits use them
from oracle.subjects import Call

# ---- the kernels. k: image or columns, whichever is given; lead (batch and channels), size of the image, positions of
# ---- the window; kernel, stride, padding, dilation of both axes


def unfolded(k):
    """Unfold's out and Fold's dx."""
    bordered = np.pad(k.image, around(k))
    taps = [bordered[place(r, k.stride, k.dilation, k.positions)] for r in np.ndindex(*k.kernel)]
    columns = np.stack(taps, axis=-3).reshape(*k.lead, *k.kernel, *k.positions)
    return merged(columns)


def folded(k):
    """Fold's out and Unfold's dx."""
    columns = k.columns.reshape(*k.lead, *k.kernel, *k.positions)
    bordered = np.pad(np.zeros((*k.lead, *k.size)), around(k))
    for r, s in np.ndindex(*k.kernel):
        bordered[place((r, s), k.stride, k.dilation, k.positions)] += columns[..., r, s, :, :]
    return bordered[inside(k.size, k.padding)]


# ---- what the kernels are made of


def around(k):
    return (*((0, 0) for _ in k.lead), *((p, p) for p in k.padding))


def merged(columns):
    """(..., C, R, S, H2, W2) -> (..., C*R*S, H2*W2)"""
    *lead, C, R, S, H2, W2 = columns.shape
    return columns.reshape(*lead, C * R * S, H2 * W2)


def counted(k):
    """How many windows see each place of the padded image."""
    count = np.zeros([h + 2 * p for h, p in zip(k.size, k.padding)])
    for r in np.ndindex(*k.kernel):
        count[place(r, k.stride, k.dilation, k.positions)] += 1
    return np.maximum(count, 1)


def last(k):
    """Whether a window is the last one of its row or column."""
    H2, W2 = k.positions
    return (np.arange(H2)[:, None] == H2 - 1) | (np.arange(W2) == W2 - 1)


def other(k, **settings):
    """The same with settings replaced, and the positions of the window that follow."""
    k = SimpleNamespace(**{**vars(k), **settings})
    k.positions = positions(k)
    return k


def positions(k):
    return tuple(map(output_size, k.size, k.kernel, k.stride, (2 * p for p in k.padding), k.dilation))


def prepare(call: Call) -> SimpleNamespace:
    x, (dout,) = call.inputs["x"].astype(np.float64), call.upstream.values()
    image, columns = (dout, x) if call.spec == "Fold" else (x, dout)
    k = SimpleNamespace(image=image, columns=columns, lead=image.shape[:-2], size=image.shape[-2:])
    for name in ("kernel_size", "stride", "padding", "dilation"):
        setattr(k, name.removesuffix("_size"), per_axis(call.settings[name], 2))
    return other(k)


# ---- its mistakes

_COLUMNS = "k.columns.reshape(*k.lead, *k.kernel, *k.positions)"
_MERGED = "merged(columns)"
_CROP = "bordered[inside(k.size, k.padding)]"
_ADDED = "bordered[place((r, s), k.stride, k.dilation, k.positions)] += columns[..., r, s, :, :]"


def _made(way: str) -> Edits:
    """What Unfold returns, made another way."""
    return ((_MERGED, way),)


def _read(way: str) -> Edits:
    """What Fold is given, read another way."""
    return ((_COLUMNS, way),)


def _with(**settings: str) -> Edits:
    """Unfold with other settings than it was given."""
    words = ", ".join(f"{name}={value}" for name, value in settings.items())
    return (("    bordered = ", f"    k = other(k, {words})\n    bordered = "),)


def _mistakes(unfold: str, fold: str) -> tuple[Mistake, ...]:
    """`unfold`, `fold`: the tensor that each of the kernels computes."""

    def both(unfolds: Variants = (), folds: Variants = ()) -> dict[str, Variants]:
        return {name: ways for name, ways in ((unfold, unfolds), (fold, folds)) if ways}

    return (
        Mistake(
            "row-order",
            both(
                (_made("merged(np.moveaxis(columns, -5, -3))"), _made("merged(columns.swapaxes(-3, -4))"),
                 _made("merged(columns.swapaxes(-5, -3))")),
                (_read("np.moveaxis(k.columns.reshape(*k.lead[:-1], *k.kernel, k.lead[-1], *k.positions), -3, -5)"),
                 _read("k.columns.reshape(*k.lead, *k.kernel[::-1], *k.positions).swapaxes(-3, -4)")),
            ),
            "more than one channel, or a kernel of rows and columns",
            "the rows of the columns come in another order than channel, kernel row, kernel column",
            "row (c*R + r)*S + s holds I[n, c, y+r, x+s]: columns.reshape(N, C*R*S, L) of an array (N, C, R, S, L)",
        ),
        Mistake(
            "column-order",
            both((_made("merged(columns.swapaxes(-1, -2))"),),
                 (_read("k.columns.reshape(*k.lead, *k.kernel, *k.positions[::-1]).swapaxes(-1, -2)"),)),
            "more than one row and more than one column of windows",
            "the windows are numbered column by column; torch goes along the rows",
            "window (y, x) is column y*W2 + x",
        ),
        Mistake(
            "columns-transposed",
            both((_made("merged(columns).swapaxes(-1, -2)"), _made("merged(columns).swapaxes(-1, -2).reshape(-1, k.lead[-1] * k.kernel[0] * k.kernel[1])")),
                 (_read("k.columns.swapaxes(-1, -2).reshape(*k.lead, *k.kernel, *k.positions)"),)),
            "always",
            "a window is a row; torch has it as a column: (N, C*R*S, L)",
            "columns[n, :, l] is window l: swap the last two axes",
            convention=True,
        ),
        Mistake(
            "batch-among-columns",
            both((_made("np.moveaxis(merged(columns), 0, -2).reshape(-1, len(columns) * k.positions[0] * k.positions[1])"),
                  _made("np.moveaxis(merged(columns), 0, -1).reshape(-1, len(columns) * k.positions[0] * k.positions[1])"))),
            "always",
            "the windows of all images stand in one matrix (C*R*S, N*L); torch keeps the images apart",
            "columns of shape (N, C*R*S, L)",
            convention=True,
        ),
        Mistake(
            "kernel-rotated",
            both(((("bordered[place(r,", "bordered[place(flip(r, k.kernel),"),),),
                 (((_ADDED, _ADDED.replace("[..., r, s,", "[..., -1 - r, -1 - s,")),),)),
            "kernel_size > 1",
            "the places of a window come from the last to the first, as in a kernel rotated by 180 degrees",
            "row (r, s) holds I[n, c, y*S + r*D - P, x*S + s*D - P]",
            wide,
        ),
        Mistake(
            "stride-ignored",
            both((_with(stride="ones(k.stride)"), (("place(r, k.stride", "place(r, ones(k.stride)"),)),
                 ((("place((r, s), k.stride", "place((r, s), ones(k.stride)"),),)),
            "stride > 1",
            "the stride argument has no effect: windows lie one place apart",
            "window (y, x) begins at y*S - P, x*S - P",
            lambda facts: max(axes(facts["stride"])) > 1,
        ),
        Mistake(
            "dilation-ignored",
            both((_with(dilation="ones(k.dilation)"), (("k.stride, k.dilation, k", "k.stride, ones(k.dilation), k"),)),
                 ((("k.stride, k.dilation, k", "k.stride, ones(k.dilation), k"),),)),
            "dilation > 1",
            "the dilation argument has no effect: the places of a window lie side by side",
            "I[n, c, y*S + r*D - P, x*S + s*D - P] with D = dilation",
            lambda facts: max(axes(facts["dilation"])) > 1,
        ),
        Mistake(
            "padding-ignored",
            both((_with(padding="(0, 0)"),)),
            "padding >= 1",
            "the image is not padded before the windows are taken",
            "np.pad(I, ((0,0), (0,0), (P,P), (P,P)))",
            padded,
        ),
        Mistake(
            "padding-on-one-side",
            both(((("around(k)", "[(0, a + b) for a, b in around(k)]"),), (("around(k)", "[(a + b, 0) for a, b in around(k)]"),))),
            "padding >= 1",
            "the zeros are put on one side of the image only",
            "np.pad(I, ((0,0), (0,0), (P,P), (P,P))): before and after on both axes",
            padded,
        ),
        Mistake(
            "no-crop-of-padding",
            both(folds=(((_CROP, "bordered"),), ((_CROP, "bordered[inside(k.size, (0, 0))]"),))),
            "padding >= 1",
            "the padding is still around the image, or another window than the image's own is cut out",
            "O = Opad[:, :, P:P+H, P:P+W]",
            padded,
        ),
        Mistake(
            "crop-with-zero-padding",
            both(folds=(((_CROP, "bordered[(..., *(slice(p, -p) for p in k.padding))]"),),)),
            "padding = 0",
            "the image is cut out by [:, :, P:-P, P:-P], which is empty for P = 0 (-0 is 0)",
            "O = Opad[:, :, P:P+H, P:P+W]",
            lambda facts: 0 in axes(facts["padding"]),
        ),
        Mistake(
            "assign-instead-of-add",
            both(folds=(
                ((_ADDED, _ADDED.replace("+=", "=")),),
                (("in np.ndindex(*k.kernel)", "in reversed(list(np.ndindex(*k.kernel)))"), (_ADDED, _ADDED.replace("+=", "="))),
            )),
            "stride < kernel_size",
            "windows overlap, and each adds its value to the place; with = the last one wins",
            "O[n, c, y*S + r*D - P, x*S + s*D - P] += columns[n, (c,r,s), (y,x)]",
            wide,
        ),
        Mistake(
            "overlap-averaged",
            both(folds=(((_CROP, "(bordered / counted(k))[inside(k.size, k.padding)]"),),)),
            "stride < kernel_size",
            "the sum at each place is divided by the number of windows that see it, so that Fold undoes Unfold; torch only adds",
            "no division; fold(unfold(ones)) gives the numbers where a mean is wanted",
            wide,
            convention=True,
        ),
        Mistake(
            "kernel-axes-swapped",
            both((_with(kernel="k.kernel[::-1]"),)),
            "kernel_size is not square",
            "the kernel's height is used as its width, and its width as its height",
            "kernel_size = (height, width): R for rows, S for columns",
            uneven,
        ),
        Mistake(
            "kernel-height-for-width",
            both((_with(kernel="k.kernel[:1] * 2"), _with(kernel="k.kernel[1:] * 2"))),
            "kernel_size is not square",
            "one kernel size is used for both axes: the kernel is taken to be square",
            "kernel_size = (height, width): R for rows, S for columns",
            uneven,
        ),
        Mistake(
            "height-for-width",
            both(((("    taps", "    k.positions = k.positions[:1] * 2\n    taps"),), (("    taps", "    k.positions = k.positions[1:] * 2\n    taps"),))),
            "H != W",
            "one number of windows is used for both axes: the image is taken to be square",
            "H2 = (H + 2*P - D*(R-1) - 1)//S + 1 and W2 = (W + 2*P - D*(S-1) - 1)//S + 1",
        ),
        Mistake(
            "loop-ends-early",
            both(
                (_made("merged(columns[..., :-1, :-1])"), _made("merged(np.pad(columns[..., :-1, :-1], [(0, 0)] * (columns.ndim - 2) + [(0, 1)] * 2))")),
                (_read(f"np.where(last(k), 0, {_COLUMNS})"),),
            ),
            "always",
            "the loop ends one window too early: range(0, H - R, S) never reaches the last one",
            "range(0, H - R + 1, S)",
        ),
    )  # fmt: skip


FAMILIES = (
    Family({"out": unfolded, "dx": folded}, _mistakes("out", "dx"), prepare, ("Unfold",)),
    Family({"out": folded, "dx": unfolded}, _mistakes("dx", "out"), prepare, ("Fold",)),
)
