"""Flatten and Identity as the oracle knows them: nothing is computed, every answer is exact."""

from __future__ import annotations

import math
from collections.abc import Iterator

from oracle.bounds import Selection
from oracle.layers.activation import shapes_grid
from oracle.layers.spec import Args, LayerSpec, Setting, Shapes, Tensors, expect


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


SPECS = (
    LayerSpec("Flatten", (), {"start_dim": 1, "end_dim": -1}, _flat, _grid, Selection(), styles=("strided", "empty")),
    LayerSpec("Identity", (), {}, lambda args, shapes: Tensors({"out": shapes["x"]}), shapes_grid, Selection(),
              styles=("strided", "empty")),
)  # fmt: skip
