"""Flatten, Unflatten, Identity and the shuffles as the oracle knows them: values are moved, every answer is exact."""

from __future__ import annotations

import math
from collections.abc import Iterator

from oracle.bounds import Selection
from oracle.layers.activation import shapes_grid
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect


def _flat(args: Args, shapes: Shapes) -> Tensors:
    x, axes = shapes["x"], len(shapes["x"])
    dims = [args["start_dim"], args["end_dim"]]
    expect(axes > 0 and all(-axes <= dim < axes for dim in dims), f"x of shape {x} has no axes {dims[0]} to {dims[1]}")
    start, end = (dim % axes for dim in dims)
    expect(start <= end, f"start_dim={dims[0]} comes after end_dim={dims[1]}")
    return Tensors({"out": (*x[:start], math.prod(x[start : end + 1]), *x[end + 1 :])})


def _grid() -> Iterator[Setting]:
    shapes = [(2, 3, 4, 5), (2, 3, 4), (4, 2, 2, 3), (1, 1, 1, 1), (2, 3), (3, 1, 2)]
    ranges = [(1, -1), (0, -1), (0, 1), (1, 2), (-2, -1), (2, 3), (0, 0)]
    for shape in shapes:
        for dims in ranges:
            args = {"start_dim": dims[0], "end_dim": dims[1]}
            try:
                _flat(args, {"x": shape})
            except ValueError:
                continue
            yield Setting(args, {"x": shape})


def _unflat(args: Args, shapes: Shapes) -> Tensors:
    x, dim, sizes = shapes["x"], args["dim"], args["unflattened_size"]
    expect(type(dim) is int and -len(x) <= dim < len(x), f"x of shape {x} has no axis dim={dim}")
    expect(isinstance(sizes, tuple) and all(type(size) is int for size in sizes), "unflattened_size: a tuple expected")
    dim %= len(x)
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0:
        sizes = tuple(x[dim] // known if size == -1 else size for size in sizes)
    expect(min(sizes) >= 0 and math.prod(sizes) == x[dim], f"{sizes} must multiply up to {x[dim]}")
    return Tensors({"out": (*x[:dim], *sizes, *x[dim + 1 :])})


def _unflat_grid() -> Iterator[Setting]:
    for x, dim, sizes in [
        ((1, 1), 1, (1, 1)), ((2, 6), 1, (2, 3)), ((2, 6), 1, (3, 2)), ((6, 2), 0, (2, 3)), ((3, 8), -1, (2, 2, 2)),
        ((2, 6, 3), 1, (3, 2)), ((2, 12), 1, (3, -1)), ((2, 12), 1, (-1, 3)), ((4, 3, 2), 0, (2, 2)),
        ((2, 3, 4), -1, (2, 2)), ((2, 3, 4), -2, (3, 1)), ((12,), 0, (3, 4)), ((2, 4), 1, (4,)),
        ((2, 24), 1, (2, 3, 4)), ((2, 3, 6), 2, (1, 6)), ((6, 2, 2, 3), 0, (-1, 2)), ((3, 5), 1, (-1,)),
        ((2, 16, 2), 1, (2, 2, 4)),
        ((5, 10, 1), 1, (5, 2)), ((2, 1, 3), 1, (1, 1, 1)), ((3, 4, 2, 2), 1, (2, -1)), ((2, 2, 2, 4), 3, (2, 2)),
    ]:  # fmt: skip
        yield Setting({"dim": dim, "unflattened_size": sizes}, {"x": x})


def _pixels(args: Args, shapes: Shapes) -> Tensors:
    x, r = shapes["x"], args["upscale_factor"]
    expect(type(r) is int and r >= 1, f"upscale_factor={r}: at least 1 expected")
    expect(len(x) >= 3 and x[-3] % (r * r) == 0, f"x has shape {x}: (..., C*{r * r}, H, W) expected")
    return Tensors({"out": (*x[:-3], x[-3] // (r * r), x[-2] * r, x[-1] * r)})


def _channels(args: Args, shapes: Shapes) -> Tensors:
    x, r = shapes["x"], args["downscale_factor"]
    expect(type(r) is int and r >= 1, f"downscale_factor={r}: at least 1 expected")
    expect(len(x) >= 3 and x[-1] % r == 0 == x[-2] % r, f"x has shape {x}: (..., C, H*{r}, W*{r}) expected")
    return Tensors({"out": (*x[:-3], x[-3] * r * r, x[-2] // r, x[-1] // r)})


def _pixels_grid(name: str) -> Iterator[Setting]:
    """The same images both ways: (lead, channels, pixels before and after, factor)."""
    for r in (2, 3, 1, 4):
        for lead, c, h, w in [((1,), 1, 1, 1), ((2,), 1, 2, 3), ((2,), 3, 2, 2), ((2,), 2, 3, 1), ((), 2, 2, 3),
                              ((3,), 2, 1, 2), ((2, 2), 1, 2, 1)]:  # fmt: skip
            x: Shape = (*lead, c * r * r, h, w) if name == "upscale_factor" else (*lead, c, h * r, w * r)
            yield Setting({name: r}, {"x": x})


def _shuffled(args: Args, shapes: Shapes) -> Tensors:
    x, groups = shapes["x"], args["groups"]
    expect(type(groups) is int and groups >= 1, f"groups={groups}: at least 1 expected")
    expect(len(x) >= 3 and x[1] % groups == 0, f"x has shape {x}: (N, C, ...) with C divisible by {groups} expected")
    return Tensors({"out": x})


def _shuffled_grid() -> Iterator[Setting]:
    for rest in ((2, 2), (3,), (2, 3), (1, 2, 2)):
        for n, groups, each in [(1, 2, 3), (2, 3, 2), (2, 2, 2), (2, 1, 3), (2, 4, 1), (3, 4, 3), (1, 5, 2)]:
            yield Setting({"groups": groups}, {"x": (n, groups * each, *rest)})


MOVED = ("wide", "strided", "empty")
FILLED = ("wide", "strided")  # torch 2.13 has no gradient of an empty batch there

SPECS = (
    LayerSpec("Flatten", (), {"start_dim": 1, "end_dim": -1}, _flat, _grid, Selection(), styles=("strided", "empty")),
    LayerSpec("Identity", (), {}, lambda args, shapes: Tensors({"out": shapes["x"]}), shapes_grid, Selection(),
              styles=("strided", "empty")),
    LayerSpec("Unflatten", ("dim", "unflattened_size"), {}, _unflat, _unflat_grid, Selection(), styles=MOVED),
    LayerSpec("PixelShuffle", ("upscale_factor",), {}, _pixels, lambda: _pixels_grid("upscale_factor"), Selection(),
              styles=FILLED),
    LayerSpec("PixelUnshuffle", ("downscale_factor",), {}, _channels, lambda: _pixels_grid("downscale_factor"),
              Selection(), styles=FILLED),
    LayerSpec("ChannelShuffle", ("groups",), {}, _shuffled, _shuffled_grid, Selection(), styles=MOVED),
)  # fmt: skip
