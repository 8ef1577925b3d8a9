"""Linear and Bilinear as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shapes, Tensors, expect, spread

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
        setting((2, 3), 4, 2, True), setting((4,), 5, 2, True), setting((3, 1, 2), 4, 4, True),
        setting((7,), 6, 5, True),
    ]  # fmt: skip
    axes: dict[str, Sequence[Any]] = {
        "lead": [(1,), (2,), (3,), (5,), (8,), (17,), (2, 3), (3, 1, 2), ()],
        "i": [1, 2, 3, 5, 8, 33, 64],
        "o": [1, 2, 3, 4, 7, 10],
        "bias": [True, False],
    }
    yield from spread(axes, 240, setting, first)


# ---- Bilinear


def _bilinear_tensors(args: Args, shapes: Shapes) -> Tensors:
    i, j, o, x1, x2 = args["in1_features"], args["in2_features"], args["out_features"], shapes["x1"], shapes["x2"]
    expect(min(i, j, o) >= 1, f"in1_features={i}, in2_features={j}, out_features={o}: at least 1 expected")
    expect(len(x1) >= 1 and x1[-1] == i, f"x1 has shape {x1}, its last size must be in1_features={i}")
    expect(x2 == (*x1[:-1], j), f"x2 has shape {x2}, {(*x1[:-1], j)} expected")
    return Tensors({"out": (*x1[:-1], o)}, {"weight": (o, i, j)} | ({"bias": (o,)} if args["bias"] else {}))


def _bilinear_counts(args: Args, shapes: Shapes) -> dict[str, int]:
    i, j, o, rows = args["in1_features"], args["in2_features"], args["out_features"], math.prod(shapes["x1"][:-1])
    return {"out": i * j, "dx1": o * j, "dx2": i * o, "dweight": rows, "dbias": rows}


def _bilinear_lengths(case: Case) -> dict[str, int]:
    """The number of terms, and for the second product of each and the bias two roundings more."""
    return {name: count + 2 for name, count in _bilinear_counts(case.settings, case.shapes).items()}


def _bilinear_draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Three factors a term: terms * most^3 < 2^bits."""
    if style not in ("integer", "strided"):
        return {}
    terms = max(_bilinear_counts(args, shapes).values()) + 2
    most = max(1, min(9, int((2**bits / terms) ** (1 / 3))))
    return dict.fromkeys(("x1", "x2", "weight", "bias", "dout"), Integers(-most, most))


def _bilinear_grid() -> Iterator[Setting]:
    def setting(lead: tuple[int, ...], i: int, j: int, o: int, bias: bool) -> Setting:
        args = {"in1_features": i, "in2_features": j, "out_features": o, "bias": bias}
        return Setting(args, {"x1": (*lead, i), "x2": (*lead, j)})

    first = [
        setting((1,), 1, 1, 1, True), setting((2,), 2, 3, 4, True), setting((3,), 3, 2, 1, True),
        setting((2,), 3, 3, 3, True), setting((1,), 4, 2, 2, True), setting((3,), 1, 3, 2, True),
        setting((4,), 3, 1, 2, True), setting((2,), 2, 4, 3, False), setting((2, 3), 3, 2, 2, True),
        setting((3, 1, 2), 2, 2, 3, True), setting((5,), 4, 5, 2, True), setting((), 2, 3, 2, True),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "lead": [(1,), (2,), (5,), (9,), (2, 3), (), (2, 1, 2)],
        "i": [1, 2, 3, 6, 12],
        "j": [1, 2, 4, 5, 9],
        "o": [1, 2, 3, 5],
        "bias": [True, False],
    }
    yield from spread(axes, 60, setting, first)


SPECS = (
    LayerSpec("Linear", ("in_features", "out_features"), {"bias": True}, _tensors, _grid, SumsOfProducts(_lengths),
              styles=("wide", "strided", "empty")),
    LayerSpec("Bilinear", ("in1_features", "in2_features", "out_features"), {"bias": True}, _bilinear_tensors,
              _bilinear_grid, SumsOfProducts(_bilinear_lengths), inputs=("x1", "x2"), styles=("strided", "empty"),
              draws=_bilinear_draws),
)  # fmt: skip
