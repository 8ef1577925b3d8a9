"""MaxUnpool1d to 3d as the oracle knows them: values are put somewhere, every answer is exact.

The places are drawn different from each other: of several values for one place torch promises none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from oracle.bounds import Selection
from oracle.layers.spec import (
    Args,
    Draw,
    LayerSpec,
    Places,
    Setting,
    Shape,
    Shapes,
    Tensors,
    expect,
    per_axis,
    spread,
)


def _sizes(ndim: int, args: Args, sizes: Shape) -> Shape:
    kernel = per_axis(args["kernel_size"], ndim)
    stride = kernel if args["stride"] is None else per_axis(args["stride"], ndim)
    padding = per_axis(args["padding"], ndim)
    expect(min(*kernel, *stride) >= 1 and min(padding) >= 0, "kernel_size and stride: at least 1")
    expect(all(2 * p <= f for p, f in zip(padding, kernel, strict=True)), "padding must be at most half of kernel_size")
    return tuple((h - 1) * s - 2 * p + f for h, f, s, p in zip(sizes, kernel, stride, padding, strict=True))


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x, indices = shapes["x"], shapes["indices"]
    expect(len(x) in (ndim + 1, ndim + 2), f"x has {len(x)} axes, {ndim + 1} or {ndim + 2} expected")
    expect(indices == x, f"indices have shape {indices}, that of x {x} expected")
    expect(min(x[-ndim - 1 :]) >= 1, f"x has shape {x}: only the batch may be empty")
    sizes = _sizes(ndim, args, x[-ndim:])
    expect(min(sizes) >= 1, "the output size would be 0: (H - 1)S - 2P + F must be at least 1")
    expect(math.prod(sizes) >= math.prod(x[-ndim:]), f"an image of {sizes} has no different places for x of shape {x}")
    return Tensors({"out": (*x[:-ndim], *sizes)})


def _draws(ndim: int, args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    return {"indices": Places(math.prod(_sizes(ndim, args, shapes["x"][-ndim:])), ndim)}


def _grid(ndim: int) -> Iterator[Setting]:
    def make(k: Any, s: Any, p: Any, size: Shape, lead: Shape) -> Setting | None:
        args, x = {"kernel_size": k, "stride": s, "padding": p}, (*lead, *size)
        try:
            _tensors(ndim, args, {"x": x, "indices": x})
        except ValueError:
            return None
        return Setting(args, {"x": x, "indices": x})

    small, big = {1: ((3,), (4,)), 2: ((2, 3), (4, 2)), 3: ((1, 2, 3), (2, 3, 2))}[ndim]
    uneven = {1: (3,), 2: (3, 2), 3: (1, 2, 3)}[ndim]
    first = [
        make(2, None, 0, (1,) * ndim, (1, 1)), make(2, None, 0, small, (1, 1)), make(2, None, 0, small, (2, 3)),
        make(3, None, 0, big, (2, 2)), make(3, 2, 1, big, (2, 2)), make(2, 1, 0, small, (2, 2)),
        make(uneven, None, 0, small, (2, 2)), make(2, 3, 0, big, (2, 2)), make(3, 2, 0, small, (3, 1)),
        make(2, 2, 1, big, (2, 2)), make(uneven, 2, 0, big, (2, 2)), make(2, None, 0, big, (3,)),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "k": [1, 2, 3, uneven, 4],
        "s": [None, 1, 2, 3, uneven],
        "p": [0, 1, 0, (0,) * (ndim - 1) + (1,), 2],
        "size": [(1,) * ndim, (2,) * ndim, small, big],
        "lead": [(1, 1), (2, 3), (3, 2), (2,)],
    }
    yield from spread(axes, {1: 30, 2: 40, 3: 20}[ndim], make, [setting for setting in first if setting is not None])


SPECS = tuple(
    LayerSpec(f"MaxUnpool{ndim}d", ("kernel_size",), {"stride": None, "padding": 0}, partial(_tensors, ndim),
              partial(_grid, ndim), Selection(), inputs=("x", "indices"), styles=("wide", "strided", "empty"),
              draws=partial(_draws, ndim))
    for ndim in (1, 2, 3)
)  # fmt: skip
