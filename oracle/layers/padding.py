"""The padding layers as the oracle knows them: values are moved, and gradients of one value's copies are added."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Bound, Formula, SumsOfProducts
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect, per_axis, spread

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Widths = list[tuple[int, int]]


def _widths(ndim: int, padding: Any) -> Widths:
    """(before, after) on each axis, the first axis first; torch begins with the last."""
    sides = per_axis(padding, 2 * ndim)
    return list(zip(sides[::2], sides[1::2]))[::-1]


def _tensors(kind: str, ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x, widths = shapes["x"], _widths(ndim, args["padding"])
    if kind in ("Zero", "Constant"):
        expect(len(x) >= ndim, f"x has shape {x}, at least {ndim} axes expected")
    else:
        expect(len(x) in (ndim + 1, ndim + 2), f"x has {len(x)} axes, {ndim + 1} or {ndim + 2} expected")
        expect(min(x[-ndim - 1 :]) >= 1, f"x has shape {x}: only the batch may be empty")
    for size, (before, after) in zip(x[-ndim:], widths, strict=True):
        kept = size + min(before, 0) + min(after, 0)
        expect(kept >= 1, f"padding ({before}, {after}) leaves nothing of size {size}")
        if kind == "Reflection":
            expect(max(before, after) < size, f"padding ({before}, {after}) must be below the size {size}")
        if kind == "Circular":  # beyond what a crop leaves torch reads values that it has not written yet
            expect(max(before, after) <= kept, f"padding ({before}, {after}) goes more than once round {kept}")
    return Tensors({"out": (*x[:-ndim], *(b + size + a for size, (b, a) in zip(x[-ndim:], widths, strict=True)))})


def _lengths(kind: str, ndim: int, case: Case) -> dict[str, int]:
    """out is moved, nothing rounds; dx adds the gradients of all copies of a value, of its own and of each border that
    repeats it (replication: of its outermost value, as often as the border is wide)."""
    copies = 1
    for before, after in _widths(ndim, case.settings["padding"]):
        one, other = max(before, 0), max(after, 0)
        copies *= 1 + (one + other if kind == "Replication" else min(one, 1) + min(other, 1))
    return {"out": 0, "dx": copies if copies > 1 else 0}


def _rounded_value(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """Only the value itself is rounded, to the dtype of the input."""
    value = case.settings.get("value", 0.0)
    off = abs(float(np.dtype(case.dtype).type(value)) - value)
    return {"out": np.where(expected["out"] == value, off, 0.0), "dx": np.zeros(expected["dx"].shape)}


def _whole_value(args: Args) -> bool:
    return float(np.float32(args.get("value", 0.0))) == args.get("value", 0.0)


def _grid(kind: str, ndim: int) -> Iterator[Setting]:
    def make(padding: Any, size: Shape, lead: Shape, value: float = 3.5) -> Setting | None:
        args = {"padding": padding} | ({"value": value} if kind == "Constant" else {})
        try:
            _tensors(kind, ndim, args, {"x": (*lead, *size)})
        except ValueError:
            return None
        return Setting(args, {"x": (*lead, *size)})

    small, big = {1: ((4,), (5,)), 2: ((3, 4), (5, 3)), 3: ((3, 4, 2), (2, 3, 4))}[ndim]
    sides = (1, 2, 0, 1, 1, 0)[: 2 * ndim]
    wide = (2, 3, 2, 1, 1, 1)[: 2 * ndim]
    crops = [(-1, 2, 1, 0, 0, 1)[: 2 * ndim], (1, -1, -1, 1, 0, 0)[: 2 * ndim], (-1, -1, 0, -1, 1, 0)[: 2 * ndim]]
    sizes = [small, big, (4,) * ndim, (3,) * ndim, (2,) * ndim]
    first = [
        make(1, (2,) * ndim, (1, 1)), make(1, small, (1, 1), 1.0), make(1, small, (2, 3)), make(sides, big, (2, 3)),
        make(sides, small, (2, 2), -2.0), make(sides[::-1], big, (3, 1)), make(2, (4,) * ndim, (2, 2)),
        make(wide, (4,) * ndim, (2, 3)), make((1,) + (0,) * (2 * ndim - 1), small, (2, 2)),
        make((0,) * (2 * ndim - 1) + (1,), big, (2, 2)), make(crops[0], big, (2, 2)), make(1, small, (3,)),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "padding": [1, 2, sides, sides[::-1], wide, *crops, 0, -1, 3, (0, 1) * ndim],
        "size": [*sizes, (1,) * ndim],
        "lead": [(1, 1), (2, 3), (3, 2), (2,)],
        "value": [0.0, -1.0, 0.5, 100.0] if kind == "Constant" else [0.0],
    }
    if kind in ("Zero", "Constant"):
        axes["lead"] += [(), (2, 1, 2)]
    yield from spread(axes, {1: 24, 2: 36, 3: 18}[ndim], make, [setting for setting in first if setting is not None])


def _spec(kind: str, ndim: int) -> LayerSpec:
    copied = kind not in ("Zero", "Constant")
    bound: Bound = SumsOfProducts(partial(_lengths, kind, ndim)) if copied else Formula(_rounded_value)
    required = ("padding", "value") if kind == "Constant" else ("padding",)
    return LayerSpec(f"{kind}Pad{ndim}d", required, {}, partial(_tensors, kind, ndim), partial(_grid, kind, ndim),
                     bound, styles=("wide", "strided", "empty"), exact=_whole_value)  # fmt: skip


SPECS = tuple(
    _spec(kind, ndim) for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular") for ndim in (1, 2, 3)
)
