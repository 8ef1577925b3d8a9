"""AdaptiveAvgPool1d to 3d and AdaptiveMaxPool1d to 3d as the oracle knows them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.pooling import distinct
from oracle.layers.spec import (
    Args,
    LayerSpec,
    Setting,
    Shape,
    Shapes,
    Tensors,
    expect,
    spread,
)

if TYPE_CHECKING:
    from oracle.cases import Case


def _sizes(ndim: int, output_size: Any, sizes: Shape) -> Shape:
    """The output sizes; None, as one of several, keeps that of the input."""
    expect(output_size not in (None, (None,)), "output_size=None alone: torch takes it for one axis of several only")
    wanted = output_size if isinstance(output_size, tuple) else (output_size,) * ndim
    expect(len(wanted) == ndim, f"output_size={output_size!r}: one integer or {ndim} of them expected")
    found = tuple(size if want is None else want for want, size in zip(wanted, sizes, strict=True))
    expect(all(type(size) is int and size >= 1 for size in found), f"output_size={output_size!r}: at least 1 expected")
    return found


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x = shapes["x"]
    expect(len(x) in (ndim + 1, ndim + 2), f"x has {len(x)} axes, {ndim + 1} or {ndim + 2} expected")
    expect(min(x[-ndim - 1 :]) >= 1, f"x has shape {x}: only the batch may be empty")
    out = (*x[:-ndim], *_sizes(ndim, args["output_size"], x[-ndim:]))
    return Tensors({"out": out, "indices": out} if args.get("return_indices") else {"out": out})


def _windows(size: int, out: int) -> list[range]:
    return [range(y * size // out, -(-(y + 1) * size // out)) for y in range(out)]


def _places(case: Case) -> tuple[int, int]:
    """(places in the largest window, how many windows may share one place)"""
    out = case.tensors.outputs["out"]
    ndim = int(case.spec.name[-2])
    largest, shared = 1, 1
    for size, o in zip(case.shapes["x"][-ndim:], out[-ndim:], strict=True):
        windows = _windows(size, o)
        largest *= max(map(len, windows))
        shared *= max(sum(i in window for window in windows) for i in range(size))
    return largest, shared


def _avg_lengths(case: Case) -> dict[str, int]:
    """out: a sum over the window, and the division (as one, or as a product with 1/places: two roundings); dx: the same
    over the windows that share a place."""
    largest, shared = _places(case)
    return {"out": largest + 1, "dx": shared + 1}


def _max_lengths(case: Case) -> dict[str, int]:
    """out and indices are selected, nothing rounds; dx adds the gradients of the windows that share a maximum."""
    shared = _places(case)[1]
    return {"out": 0, "indices": 0, "dx": shared if shared > 1 else 0}


def _grid(ndim: int, indices: bool) -> Iterator[Setting]:
    def make(out: Any, size: Shape, lead: Shape, return_indices: bool = False) -> Setting | None:
        args = {"output_size": out} | ({"return_indices": return_indices} if indices else {})
        setting = Setting(args, {"x": (*lead, *size)})
        try:
            _tensors(ndim, args, setting.shapes)
        except ValueError:
            return None
        return setting

    small, big = {1: ((5,), (7,)), 2: ((5, 4), (4, 7)), 3: ((3, 4, 2), (4, 3, 5))}[ndim]
    uneven, kept = (3, 2, 1)[:ndim] if ndim > 1 else (3,), (None, 2, 2)[:ndim] if ndim > 1 else 2
    first = [
        make(1, (2,) * ndim, (1, 1)), make(2, (4,) * ndim, (1, 1)), make(2, (4,) * ndim, (2, 3)),
        make(1, small, (2, 2)), make(2, small, (2, 2), True), make(3, big, (2, 3), True), make(3, small, (3, 2)),
        make(uneven, big, (2, 2)), make(4, big, (1, 2)), make(6, small, (2, 2)), make(kept, big, (2, 2)),
        make(2, small, (3,), True),
        make(2, small, (2, 2)), make(3, big, (2, 3)), make(2, small, (3,)),  # for those who offer no indices
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "out": [1, 2, 3, 5, uneven, uneven[::-1], kept, 4],
        "size": [(1,) * ndim, (2,) * ndim, (3,) * ndim, small, big, (6,) * ndim],
        "lead": [(1, 1), (2, 3), (3, 2), (2,)],
        "return_indices": [False, True] if indices else [False],
    }
    yield from spread(axes, {1: 40, 2: 50, 3: 25}[ndim], make, [setting for setting in first if setting is not None])


SPECS = (
    *(
        LayerSpec(f"AdaptiveAvgPool{ndim}d", ("output_size",), {}, partial(_tensors, ndim), partial(_grid, ndim, False),
                  SumsOfProducts(_avg_lengths), styles=("strided", "empty"), exact=lambda args: False)
        for ndim in (1, 2, 3)
    ),
    *(
        LayerSpec(f"AdaptiveMaxPool{ndim}d", ("output_size",), {"return_indices": False}, partial(_tensors, ndim),
                  partial(_grid, ndim, True), SumsOfProducts(_max_lengths, keep=("x",)),
                  styles=("ties", "strided", "empty"), draws=distinct)
        for ndim in (1, 2, 3)
    ),
)  # fmt: skip
