"""Activations as the oracle knows them: one row each, because all of them are dx = dout * f'(x).

The error of an elementwise function is bounded by 8 u F, where F is what the function's own intermediate results are
as large as; the factor 8 leaves room for one exponential, tanh or erf of the platform's library and a few operations
(5.9 was the most that 14,043 points in -200..200 needed against exact arithmetic). Below the smallest normal number
rounding is absolute: 4 TINY max(1, |x|) max(1, |dout|).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from oracle.bounds import Arrays, Formula, Selection
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shapes, Tensors, Uniform

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Size = Callable[[np.ndarray], np.ndarray]  # x -> F


def elementwise(out_size: Size, slope_size: Size) -> Formula:
    """The bound of one function: F of out, and F of dx/|dout|."""

    def bound(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
        x, dout = call.inputs["x"], np.abs(call.upstream["dout"])
        floor = 4 * tiny * np.maximum(1, np.abs(x))
        return {
            "out": 8 * u * out_size(x) + floor,
            "dx": 8 * u * slope_size(x) * dout + floor * np.maximum(1, dout),
        }

    return Formula(bound)


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    return Tensors({"out": shapes["x"]})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """x where the function bends; `large` beyond the range of exp in both precisions."""
    match style:
        case "random" | "empty":
            return {"x": Uniform(-8, 8)}
        case "large":
            return {"x": Uniform(-1000, 1000)}
        case "kinks":
            return {"x": Integers(-7, 7)}
    return {}


def shapes_grid() -> Iterator[Setting]:
    """Every number of axes, with sizes of 1 among them; nothing else can matter to a function of one number."""
    first = [(1,), (1, 1), (2, 3), (4, 1), (3, 4), (2, 3, 4), (2, 3, 4, 5), (7,), (5, 5), (1, 2, 1, 2), (3, 2, 2), (6, 2)]
    more = [(), (17,), (2, 1), (9, 3), (64,), (3, 33), (2, 2, 2, 2, 2), (1, 7, 1), (8, 8), (2, 5, 3, 1)]
    for shape in first + more:
        yield Setting({}, {"x": shape})


def _spec(name: str, bound: Formula | Selection, styles: tuple[str, ...], exact: bool = False) -> LayerSpec:
    return LayerSpec(name, (), {}, _tensors, shapes_grid, bound, styles=(*styles, "strided", "empty"), draws=_draws,
                     exact=lambda args: exact)  # fmt: skip


def _one(x: np.ndarray) -> np.ndarray:
    return np.ones_like(x)


SPECS = (
    _spec("ReLU", Selection(), ("kinks", "wide"), exact=True),
    _spec("Sigmoid", elementwise(sigmoid, sigmoid), ("large",)),  # not s(1-s): 1-s cancels
    _spec("Tanh", elementwise(_one, _one), ("large",)),
)
