"""Unfold and Fold as the oracle knows them: values are moved, and added where windows overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.conv import output_size
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect, per_axis, spread

if TYPE_CHECKING:
    from oracle.cases import Case


def _positions(args: Args, sizes: Shape) -> Shape:
    kernel, stride, padding, dilation = (
        per_axis(args[name], 2) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    expect(min(*kernel, *stride, *dilation) >= 1 and min(padding) >= 0, "kernel_size, stride, dilation: at least 1")
    found = tuple(map(output_size, sizes, kernel, stride, (2 * p for p in padding), dilation))
    expect(min(found) >= 1, "no window fits: (H + 2P - D(F-1) - 1)/S + 1 must be at least 1")
    return found


def _unfolded(args: Args, shapes: Shapes) -> Tensors:
    x = shapes["x"]
    expect(len(x) in (3, 4) and min(x[-3:]) >= 1, f"x has shape {x}: (N, C, H, W) or (C, H, W) expected")
    rows = x[-3] * math.prod(per_axis(args["kernel_size"], 2))
    return Tensors({"out": (*x[:-3], rows, math.prod(_positions(args, x[-2:])))})


def _folded(args: Args, shapes: Shapes) -> Tensors:
    x, sizes = shapes["x"], per_axis(args["output_size"], 2)
    taps = math.prod(per_axis(args["kernel_size"], 2))
    expect(min(sizes) >= 1, "output_size: at least 1 expected")
    columns = math.prod(_positions(args, sizes))
    expect(len(x) in (2, 3) and x[-1] == columns and x[-2] > 0 and x[-2] % taps == 0,
           f"x has shape {x}: (N, C*{taps}, {columns}) or (C*{taps}, {columns}) expected")  # fmt: skip
    return Tensors({"out": (*x[:-2], x[-2] // taps, *sizes)})


def _overlap(case: Case, sizes: Shape) -> int:
    """How many windows may share one place; 0 where none do, and nothing is added."""
    overlap = math.prod(map(min, per_axis(case.settings["kernel_size"], 2), _positions(case.settings, sizes)))
    return overlap if overlap > 1 else 0


def _unfold_lengths(case: Case) -> dict[str, int]:
    """out is moved, nothing rounds; dx adds the gradients of the windows that share a place."""
    return {"out": 0, "dx": _overlap(case, case.shapes["x"][-2:])}


def _fold_lengths(case: Case) -> dict[str, int]:
    return {"out": _overlap(case, per_axis(case.settings["output_size"], 2)), "dx": 0}


def _build(fold: bool, k: Any, s: Any, p: Any, d: Any, size: Shape, lead: Shape) -> Setting | None:
    args: dict[str, Any] = {"kernel_size": k, "dilation": d, "padding": p, "stride": s}
    x: Shape = (*lead, *size)
    try:
        if fold:
            columns = math.prod(_positions(args, size))
            x = (*lead[:-1], lead[-1] * math.prod(per_axis(k, 2)), columns)
            args = {"output_size": size[0] if size[0] == size[1] else size, **args}
        else:
            _unfolded(args, {"x": x})
    except ValueError:
        return None
    return Setting(args, {"x": x})


def _grid(fold: bool) -> Iterator[Setting]:
    def make(k: Any, s: Any, p: Any, d: Any, size: Shape, lead: Shape) -> Setting | None:
        return _build(fold, k, s, p, d, size, lead)

    first = [
        make(1, 1, 0, 1, (1, 1), (1, 1)), make(2, 1, 0, 1, (3, 3), (1, 1)), make(2, 2, 0, 1, (4, 4), (2, 3)),
        make(3, 1, 1, 1, (4, 4), (2, 2)), make(2, 1, 0, 2, (5, 5), (2, 2)), make(3, 2, 1, 1, (7, 5), (2, 2)),
        make((3, 2), 1, 0, 1, (5, 4), (2, 3)), make((1, 3), (1, 2), (0, 1), 1, (4, 7), (3, 2)),
        make((2, 3), (2, 1), (1, 0), (1, 2), (5, 6), (2, 2)), make(2, 3, 0, 1, (7, 8), (1, 2)),
        make(2, 1, 1, 1, (3, 4), (2,)), make(1, 2, 2, 1, (3, 2), (2, 2)),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "k": [1, 2, 3, (3, 2), (1, 3), (2, 1)],
        "s": [1, 2, 3, (1, 2), (2, 1)],
        "p": [0, 1, 2, (0, 1), (2, 1)],
        "d": [1, 1, 2, (1, 2)],
        "size": [(1, 1), (3, 3), (4, 5), (5, 4), (6, 3), (5, 5)],
        "lead": [(1, 1), (2, 3), (3, 2), (2,), (1, 4)],
    }
    yield from spread(axes, 80, make, [setting for setting in first if setting is not None])


_DEFAULTS = {"dilation": 1, "padding": 0, "stride": 1}

SPECS = (
    LayerSpec("Unfold", ("kernel_size",), _DEFAULTS, _unfolded, lambda: _grid(False), SumsOfProducts(_unfold_lengths),
              styles=("wide", "strided", "empty")),
    LayerSpec("Fold", ("output_size", "kernel_size"), _DEFAULTS, _folded, lambda: _grid(True),
              SumsOfProducts(_fold_lengths), styles=("wide", "strided", "empty")),
)  # fmt: skip
