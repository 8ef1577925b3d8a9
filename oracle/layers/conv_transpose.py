"""ConvTranspose1d, ConvTranspose2d, ConvTranspose3d as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.conv import CHANNELS
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect, per_axis, spread

if TYPE_CHECKING:
    from oracle.cases import Case


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x, channels, filters, groups = shapes["x"], args["in_channels"], args["out_channels"], args["groups"]
    kernel, stride, dilation = (per_axis(args[name], ndim) for name in ("kernel_size", "stride", "dilation"))
    padding, extra = (per_axis(args[name], ndim) for name in ("padding", "output_padding"))
    expect(len(x) == ndim + 2, f"x has {len(x)} axes, {ndim + 2} expected: batch, channels and {ndim} of size")
    expect(min(channels, filters, groups, *kernel, *stride, *dilation, *x[1:]) >= 1, "every setting must be at least 1")
    expect(min(*padding, *extra) >= 0, "padding and output_padding: at least 0 expected")
    expect(x[1] == channels, f"x has {x[1]} channels, in_channels={channels}")
    expect(channels % groups == 0 == filters % groups, f"groups={groups} must divide both {channels} and {filters}")
    expect(all(map(_chooses, extra, stride, dilation)), "output_padding must be smaller than stride or dilation")
    axes = zip(x[2:], kernel, stride, padding, extra, dilation, strict=True)
    sizes = tuple((h - 1) * s - 2 * p + d * (f - 1) + e + 1 for h, f, s, p, e, d in axes)
    expect(min(sizes) >= 1, f"the output size would be {'x'.join(map(str, sizes))}: padding cuts everything off; "
           "(H - 1)S - 2P + D(F-1) + output_padding + 1 must be at least 1")  # fmt: skip
    parameters = {"weight": (channels, filters // groups, *kernel)} | ({"bias": (filters,)} if args["bias"] else {})
    return Tensors({"out": (x[0], filters, *sizes)}, parameters)


def _chooses(extra: int, stride: int, dilation: int) -> bool:
    return extra < max(stride, dilation)


def _lengths(case: Case) -> dict[str, int]:
    """out: at most one product for each channel of the group and kernel position, and the bias; dx: one for each filter
    of the group and kernel position; dweight: one for each image and input position; dbias: output position."""
    channels, filters, *kernel = case.tensors.parameters["weight"]
    images, _, *positions = case.shapes["x"]
    taps = math.prod(kernel)
    return {
        "out": channels // case.settings["groups"] * taps + 1,
        "dx": filters * taps,
        "dweight": max(images * math.prod(positions), 1),
        "dbias": max(images * math.prod(case.tensors.outputs["out"][2:]), 1),
    }


def _build(ndim: int, channels: tuple[int, int, int], k: Any, s: Any, p: Any, d: Any, e: Any, size: Shape, n: int,
           bias: bool) -> Setting | None:  # fmt: skip
    c, filters, groups = channels
    args = {"in_channels": c, "out_channels": filters, "kernel_size": k, "stride": s, "padding": p, "output_padding": e,
            "groups": groups, "bias": bias, "dilation": d}  # fmt: skip
    setting = Setting(args, {"x": (n, c, *size)})
    try:
        _tensors(ndim, args, setting.shapes)
    except ValueError:
        return None
    return setting


def _grid(ndim: int) -> Iterator[Setting]:
    """The first dozen: each setting alone, then with others; after it the boundaries, then the spread."""
    make = partial(_build, ndim)
    odd, uneven = {1: (3,), 2: (3, 2), 3: (1, 3, 2)}[ndim], {1: (2,), 2: (1, 2), 3: (2, 1, 1)}[ndim]
    small, big = {1: ((4,), (5,)), 2: ((3, 4), (4, 2)), 3: ((2, 3, 2), (3, 2, 2))}[ndim]
    first = [
        make((1, 1, 1), 1, 1, 0, 1, 0, (1,) * ndim, 1, True),
        make((1, 1, 1), 2, 1, 0, 1, 0, small, 1, True),
        make((2, 3, 1), 3, 1, 1, 1, 0, small, 2, True),
        make((3, 2, 1), 3, 2, 1, 1, 0, small, 2, True),
        make((2, 3, 1), 2, 2, 0, 1, 0, big, 3, True),
        make((2, 3, 1), 3, 2, 1, 1, 1, small, 2, True),
        make((3, 2, 1), 2, 3, 0, 1, 2, big, 2, True),
        make((4, 4, 2), 3, 1, 1, 2, 0, small, 2, True),
        make((3, 4, 1), odd, uneven, 0, 1, 0, big, 2, True),
        make((4, 6, 2), odd, 2, 1, 1, 1, small, 2, True),
        make((2, 2, 1), odd, 2, (0,) * (ndim - 1) + (1,), uneven, uneven if max(uneven) < 2 else 1, big, 2, False),
        make((2, 3, 1), 2, 1, 0, 3, 2, small, 2, True),
    ]
    boundaries = [
        make(channels, k, s, p, d, e, size, 2, True)
        for channels in [(1, 1, 1), (2, 4, 2)]
        for k, s, p, d, e, size in [
            (1, 1, 0, 1, 0, big), (1, 3, 0, 1, 0, big), (1, 3, 0, 1, 2, small),  # a kernel of one: values between zeros
            (3, 1, 2, 1, 0, big), (2, 1, 1, 1, 0, small),                        # the padding cuts to the least
            (3, 4, 0, 1, 3, (1,) * ndim), (2, 2, 0, 4, 3, small),                # output_padding as large as it may be
        ]
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "k": [1, 2, 3, odd],
        "s": [1, 2, 3, uneven],
        "p": [0, 1, 2, (0,) * (ndim - 1) + (1,)],
        "d": [1, 1, 2, uneven],
        "e": [0, 0, 1, (0,) * (ndim - 1) + (1,)],
        "channels": CHANNELS,
        "size": [small, big, (1,) * ndim, (2,) * ndim],
        "n": [1, 2, 3],
        "bias": [True, True, False],
    }
    known = [setting for setting in first + boundaries if setting is not None]
    yield from spread(axes, {1: 70, 2: 120, 3: 40}[ndim], make, known)


SPECS = tuple(
    LayerSpec(
        f"ConvTranspose{ndim}d",
        ("in_channels", "out_channels", "kernel_size"),
        {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "bias": True, "dilation": 1},
        partial(_tensors, ndim),
        partial(_grid, ndim),
        SumsOfProducts(_lengths, products={"out": ("x", "weight"), "dx": ("dout", "weight"), "dweight": ("x", "dout")}),
        styles=("wide", "strided", "empty"),
    )
    for ndim in (1, 2, 3)
)
