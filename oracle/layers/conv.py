"""Conv1d, Conv2d, Conv3d as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import SumsOfProducts
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect, per_axis, spread

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # padding_mode: np.pad's name for it


def padding_of(padding: Any, kernel: Shape, dilation: Shape) -> Shape:
    """Both sides together, per axis."""
    if padding == "same":
        return tuple(d * (f - 1) for f, d in zip(kernel, dilation, strict=True))
    return tuple(2 * p for p in per_axis(0 if padding == "valid" else padding, len(kernel)))


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """floor((H + P - D*(F-1) - 1) / S) + 1, P of both sides together; below 1 where no window fits."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x, channels, filters, groups = shapes["x"], args["in_channels"], args["out_channels"], args["groups"]
    kernel, stride, dilation = (per_axis(args[name], ndim) for name in ("kernel_size", "stride", "dilation"))
    expect(len(x) == ndim + 2, f"x has {len(x)} axes, {ndim + 2} expected: batch, channels and {ndim} of size")
    expect(min(channels, filters, groups, *kernel, *stride, *dilation) >= 1, "every setting must be at least 1")
    expect(x[1] == channels, f"x has {x[1]} channels, in_channels={channels}")
    expect(channels % groups == 0 == filters % groups, f"groups={groups} must divide both {channels} and {filters}")
    expect(args["padding"] != "same" or set(stride) == {1}, "padding=same needs stride=1")
    sizes = tuple(map(output_size, x[2:], kernel, stride, padding_of(args["padding"], kernel, dilation), dilation))
    mode = args["padding_mode"]
    expect(mode in ("zeros", *BORDERS), f"padding_mode={mode}: zeros, reflect, replicate or circular expected")
    widest = [both - both // 2 for both in padding_of(args["padding"], kernel, dilation)]
    room = {"reflect": [h - 1 for h in x[2:]], "circular": x[2:]}.get(mode, widest)
    expect(all(map(int.__le__, widest, room)), f"padding_mode={mode}: the padding is more than the image has")
    expect(min(sizes) >= 1, f"the output size would be {'x'.join(str(max(s, 0)) for s in sizes)}: the kernel "
           f"(with dilation) is larger than the padded input; (H + 2P - D(F-1) - 1)/S + 1 must be >= 1")  # fmt: skip
    parameters = {"weight": (filters, channels // groups, *kernel)} | ({"bias": (filters,)} if args["bias"] else {})
    return Tensors({"out": (x[0], filters, *sizes)}, parameters)


def _lengths(case: Case) -> dict[str, int]:
    """out: one product for each channel of the group and kernel position, and the bias; dx: one for each filter of the
    group and kernel position, at each of its copies; dweight and dbias: one for each image and output position."""
    filters, channels, *kernel = case.tensors.parameters["weight"]
    images, _, *positions = case.tensors.outputs["out"]
    taps, each = math.prod(kernel), max(images * math.prod(positions), 1)
    return {
        "out": channels * taps + 1,
        "dx": filters // case.settings["groups"] * taps * _copies(case),
        "dweight": each,
        "dbias": each,
    }


def _copies(case: Case) -> int:
    """How often one place of the image may come in the padded image: a border that is made of it repeats it."""
    settings, sizes = case.settings, case.shapes["x"][2:]
    if settings["padding_mode"] == "zeros":
        return 1
    kernel, dilation = (per_axis(settings[name], len(sizes)) for name in ("kernel_size", "dilation"))
    borders = [(both // 2, both - both // 2) for both in padding_of(settings["padding"], kernel, dilation)]
    padded = [np.pad(np.arange(h), border, mode=BORDERS[settings["padding_mode"]])  # type: ignore[call-overload]
              for h, border in zip(sizes, borders, strict=True)]  # fmt: skip
    return math.prod(int(np.bincount(places).max()) for places in padded)


class _Convolution(SumsOfProducts):
    def normwise(self, case: Case, call: Call, tensor: str) -> float | None:
        """A transform sees the padded image. With each place in it `copies` times at most, its norm is up to the root
        of that larger; so is the error of dx, where as many elements are added to one."""
        found = super().normwise(case, call, tensor)
        return None if found is None else found * math.sqrt(_copies(case))


def _build(ndim: int, channels: tuple[int, int, int], k: Any, s: Any, p: Any, d: Any, size: Shape, n: int,
           bias: bool, mode: str = "zeros") -> Setting | None:  # fmt: skip
    c, filters, groups = channels
    args = {"in_channels": c, "out_channels": filters, "kernel_size": k, "stride": s, "padding": p, "dilation": d,
            "groups": groups, "bias": bias, "padding_mode": mode}  # fmt: skip
    setting = Setting(args, {"x": (n, c, *size)})
    try:
        _tensors(ndim, args, setting.shapes)
    except ValueError:
        return None
    return setting


CHANNELS = [(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 3, 1), (3, 2, 1), (2, 2, 1), (3, 4, 1),
             (2, 2, 2), (4, 2, 2), (2, 4, 2), (3, 3, 3), (4, 6, 2), (2, 6, 2)]  # fmt: skip


def _conv2d_grid() -> Iterator[Setting]:
    """The first dozen meets every known mistake at least twice; square settings with integer arguments come before
    the others in it, because some implementations take no more. Then every boundary, then the spread. Three of the
    dozen have a padding_mode; their like without one comes next, for those who offer none."""
    make = partial(_build, 2)
    first = [
        make((1, 1, 1), 1, 1, 0, 1, (1, 1), 1, True),
        make((1, 1, 1), 2, 1, 0, 1, (3, 3), 1, True),
        make((2, 3, 1), 3, 1, 1, 1, (5, 5), 2, True),
        make((3, 2, 1), 3, 2, 1, 1, (7, 5), 2, True),
        make((2, 3, 1), 2, 2, 0, 1, (5, 7), 3, True),
        make((2, 2, 1), 2, 1, 2, 1, (4, 5), 2, True, "reflect"),
        make((3, 3, 1), 3, 3, 0, 1, (8, 6), 2, True),
        make((3, 4, 1), (3, 2), 2, 1, 1, (7, 5), 2, True, "replicate"),
        make((2, 3, 1), (1, 3), (1, 2), (0, 1), 1, (4, 7), 3, True),
        make((2, 4, 2), 3, 1, 1, 2, (7, 5), 2, True),
        make((4, 6, 2), (3, 2), (2, 1), (1, 2), (1, 2), (7, 6), 2, True),
        make((2, 2, 1), (2, 3), 1, "same", 1, (5, 4), 2, False, "circular"),
        make((2, 2, 1), 2, 1, 2, 1, (4, 5), 2, True),
        make((3, 4, 1), (3, 2), 2, 1, 1, (7, 5), 2, True),
        make((2, 2, 1), (2, 3), 1, "same", 1, (5, 4), 2, False),
    ]
    boundaries = [
        make(channels, k, s, p, d, size, n, True)
        for channels, (k, s, p, d, size), n in product(
            [(1, 1, 1), (2, 3, 1), (3, 3, 3), (2, 4, 2)],
            [
                (3, 1, 0, 1, (3, 3)), ((2, 3), 1, 0, 1, (2, 3)),      # the kernel covers the input: one output
                (1, 1, 0, 1, (1, 1)), (1, 1, 0, 1, (4, 3)),           # 1x1, the linear layer at each position
                (2, 3, 0, 1, (7, 8)), (1, 2, 0, 1, (5, 4)),           # stride > kernel: inputs that no window sees
                (2, 1, 3, 1, (2, 2)), (1, 1, 2, 1, (3, 2)),           # padding > kernel: windows of nothing but zeros
                (3, 2, 0, 1, (6, 8)), (2, 2, 1, 1, (4, 5)),           # sizes that do not divide
                (3, 1, 0, 2, (5, 6)), (2, 1, 0, 4, (5, 5)),           # dilation to the edge
                (1, 2, 1, 3, (3, 4)), (3, 5, 2, 1, (2, 3)),           # stride beyond the input
                ("3", 1, "same", 1, (4, 5)), ("2", 1, "same", 1, (3, 4)), ("2x3", 1, "same", 2, (4, 5)),
                ("3", 1, "valid", 1, (4, 5)), ("1x4", 1, "same", 3, (2, 6)),
            ],
            [1, 2],
        )
        for k in [k if not isinstance(k, str) else (int(k) if len(k) == 1 else (int(k[0]), int(k[2])))]
    ]  # fmt: skip
    bordered = [
        make(channels, k, s, p, d, size, 2, True, mode)
        for (channels, k, s, p, d, size), mode in product(
            [
                ((2, 3, 1), 3, 1, 1, 1, (4, 5)), ((2, 2, 1), 3, 2, 2, 1, (3, 4)),
                ((2, 4, 2), (1, 3), 1, (0, 2), 1, (3, 3)),
                ((1, 2, 1), 2, 1, "same", 2, (5, 4)), ((1, 1, 1), 1, 2, (2, 1), 1, (3, 2)),
                ((1, 1, 1), 3, 1, 3, 1, (1, 1)), ((2, 1, 1), 2, 1, 3, 1, (3, 3)),  # replicate; the whole image around
            ],
            BORDERS,
        )
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "k": [1, 2, 3, (1, 3), (3, 1), (3, 2), (2, 3), (1, 2), (4, 3), (2, 2), 4],
        "p": [0, 1, 2, (0, 1), (1, 0), (2, 1), (1, 3), "same", "valid", 3],
        "s": [1, 2, 3, (1, 2), (2, 1), (3, 2)],
        "d": [1, 1, 2, (1, 2), (2, 1), 3],
        "channels": CHANNELS,
        "size": [(1, 1), (3, 3), (4, 4), (5, 5), (4, 5), (5, 4), (7, 5), (6, 7), (1, 6), (2, 3)],
        "n": [1, 2, 3],
        "bias": [True, True, True, False],
    }
    known: Iterable[Setting] = (setting for setting in first + boundaries + bordered if setting is not None)
    yield from spread(axes, 3000, make, known)


def _other_grid(ndim: int) -> Iterator[Setting]:
    """Conv1d and Conv3d are the same code: their own axes, and a few hundred settings."""
    make = partial(_build, ndim)
    uneven: dict[int, tuple[Shape, Shape, Shape]] = {1: ((2,), (3,), (2,)), 3: ((2, 1, 3), (3, 1, 2), (1, 2, 3))}
    odd, tall, deep = uneven[ndim]
    size = {1: [(1,), (3,), (4,), (5,), (7,), (9,)], 3: [(1, 1, 1), (2, 3, 4), (3, 3, 3), (4, 2, 3), (3, 4, 2)]}[ndim]
    images: dict[int, list[Shape]] = {1: [(7,), (6,), (5,)], 3: [(3, 4, 3), (4, 3, 3), (3, 3, 4)]}
    typical = images[ndim]
    first = [
        make((1, 1, 1), 1, 1, 0, 1, (1,) * ndim, 1, True),
        make((1, 1, 1), 2, 1, 0, 1, typical[0], 1, True),
        make((2, 3, 1), 3, 1, 1, 1, typical[0], 2, True),
        make((3, 2, 1), 3, 2, 1, 1, typical[1], 2, True),
        make((2, 3, 1), 2, 2, 0, 1, typical[2], 3, True),
        make((2, 2, 1), 2, 1, 2, 1, typical[1], 2, True, "reflect"),
        make((3, 3, 1), 3, 3, 0, 1, typical[0], 2, True),
        make((3, 4, 1), odd, 2, 1, 1, typical[0], 2, True, "replicate"),
        make((2, 3, 1), tall, 1, 0, 1, typical[2], 3, True),
        make((2, 4, 2), 2, 1, 1, 2, typical[0], 2, True),
        make((4, 6, 2), deep, 1, {1: 1, 3: 2}[ndim], (2,) * ndim, typical[1], 2, True),
        make((2, 2, 1), {1: 3, 3: (3, 2, 1)}[ndim], 1, "same", 1, typical[2], 2, False, "circular"),
        make((2, 2, 1), 2, 1, 2, 1, typical[1], 2, True),
        make((3, 4, 1), odd, 2, 1, 1, typical[0], 2, True),
        make((2, 2, 1), {1: 3, 3: (3, 2, 1)}[ndim], 1, "same", 1, typical[2], 2, False),
        *(make((2, 3, 1), k, s, p, d, typical[0], 2, True, mode)
          for (k, s, p, d), mode in product([(3, 1, 1, 1), (2, 2, 2, 1), (2, 1, "same", 2)], BORDERS)),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "k": [1, 2, 3, odd],
        "p": [0, 1, 2, "same", (1,) * ndim, "valid"],
        "s": [1, 2, 3, (2,) * ndim] if ndim == 1 else [1, 2, (1, 2, 1), 3],
        "d": [1, 1, 2, (2,) * ndim] if ndim == 1 else [1, 1, 2, (1, 1, 2)],
        "channels": CHANNELS,
        "size": size,
        "n": [1, 2, 3],
        "bias": [True, True, False],
    }
    yield from spread(axes, {1: 400, 3: 200}[ndim], make, [setting for setting in first if setting is not None])


_GRIDS: dict[int, Callable[[], Iterator[Setting]]] = {
    1: partial(_other_grid, 1), 2: _conv2d_grid, 3: partial(_other_grid, 3),
}  # fmt: skip

SPECS = tuple(
    LayerSpec(
        f"Conv{ndim}d",
        ("in_channels", "out_channels", "kernel_size"),
        {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros"},
        partial(_tensors, ndim),
        _GRIDS[ndim],
        _Convolution(_lengths, products={"out": ("x", "weight"), "dx": ("dout", "weight"), "dweight": ("x", "dout")}),
        styles=("wide", "strided", "empty"),
    )
    for ndim in (1, 2, 3)
)
