"""Linear as the oracle knows it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from oracle.bounds import SumsOfProducts
from oracle.layers.spec import Args, LayerSpec, Setting, Shapes, Tensors, expect, spread

if TYPE_CHECKING:
    from oracle.cases import Case


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    x, inputs, outputs = shapes["x"], args["in_features"], args["out_features"]
    expect(min(inputs, outputs) >= 1, f"in_features={inputs}, out_features={outputs}: at least 1 expected")
    expect(len(x) >= 1 and x[-1] == inputs, f"x has shape {x}, its last size must be in_features={inputs}")
    parameters = {"weight": (outputs, inputs)} | ({"bias": (outputs,)} if args["bias"] else {})
    return Tensors({"out": (*x[:-1], outputs)}, parameters)


def _lengths(case: Case) -> dict[str, int]:
    """out: in_features products and the bias; dx: out_features products; dweight and dbias: one term a row."""
    settings, rows = case.settings, math.prod(case.shapes["x"][:-1])
    return {"out": settings["in_features"] + 1, "dx": settings["out_features"], "dweight": rows, "dbias": rows}


def _grid() -> Iterator[Setting]:
    def setting(lead: tuple[int, ...], i: int, o: int, bias: bool) -> Setting:
        return Setting({"in_features": i, "out_features": o, "bias": bias}, {"x": (*lead, i)})

    first = [
        setting((1,), 1, 1, True), setting((2,), 3, 2, True), setting((3,), 2, 4, True), setting((2,), 3, 3, True),
        setting((5,), 4, 3, True), setting((2,), 1, 3, True), setting((3,), 3, 1, True), setting((3,), 2, 3, False),
        setting((2, 3), 4, 2, True), setting((4,), 5, 2, True), setting((3, 1, 2), 4, 4, True), setting((7,), 6, 5, True),
    ]  # fmt: skip
    axes = {
        "lead": [(1,), (2,), (3,), (5,), (8,), (17,), (2, 3), (3, 1, 2), ()],
        "i": [1, 2, 3, 5, 8, 33, 64],
        "o": [1, 2, 3, 4, 7, 10],
        "bias": [True, False],
    }
    yield from spread(axes, 240, setting, first)


SPECS = (
    LayerSpec("Linear", ("in_features", "out_features"), {"bias": True}, _tensors, _grid, SumsOfProducts(_lengths),
              styles=("wide", "strided", "empty")),
)  # fmt: skip
