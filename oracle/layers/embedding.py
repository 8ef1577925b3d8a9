"""Embedding as the oracle knows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from oracle.bounds import SumsOfProducts
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, expect, spread

if TYPE_CHECKING:
    from oracle.cases import Case


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    rows, size, padding = args["num_embeddings"], args["embedding_dim"], args["padding_idx"]
    expect(min(rows, size) >= 1, f"num_embeddings={rows}, embedding_dim={size}: at least 1 expected")
    expect(padding is None or -rows <= padding < rows, f"padding_idx={padding}: one of the {rows} rows expected")
    return Tensors({"out": (*shapes["x"], size)}, {"weight": (rows, size)})


def _lengths(case: Case) -> dict[str, int]:
    """out is copied; dweight sums one term for each place of x, at most all of them in one row, and scale_grad_by_freq
    divides each term or their sum (a reciprocal and a product: 2 roundings)."""
    return {"out": 0, "dweight": math.prod(case.shapes["x"]) + 2}


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    return {"x": Integers(0, args["num_embeddings"] - 1, index=True)}


def _grid() -> Iterator[Setting]:
    def setting(
        rows: int, size: int, x: Shape, padding: int | None = None, by_frequency: bool = False
    ) -> Setting | None:
        if padding is not None and not -rows <= padding < rows:
            return None
        args = {"num_embeddings": rows, "embedding_dim": size, "padding_idx": padding}
        return Setting(args | {"scale_grad_by_freq": by_frequency}, {"x": x})

    dozen = [
        setting(1, 1, (1,)), setting(2, 3, (5,)), setting(3, 2, (4,)), setting(2, 2, (3, 4)), setting(4, 3, (2, 5)),
        setting(2, 3, (6,), 0), setting(3, 2, (2, 4), 1), setting(3, 3, (7,), -1), setting(2, 2, (5,), None, True),
        setting(3, 4, (2, 4), None, True), setting(2, 3, (6,), 1, True), setting(5, 2, (2, 3, 2)),
    ]  # fmt: skip
    axes: dict[str, list] = {
        "rows": [2, 1, 3, 5, 10, 33],
        "size": [3, 1, 2, 8],
        "x": [(5,), (1,), (2, 3), (3, 1, 2), (), (8, 4), (64,)],
        "padding": [None, 0, None, 1, -1, -2],
        "by_frequency": [False, True],
    }
    yield from spread(axes, 18, setting, [entry for entry in dozen if entry])


SPECS = (
    LayerSpec("Embedding", ("num_embeddings", "embedding_dim"), {"padding_idx": None, "scale_grad_by_freq": False},
              _tensors, _grid, SumsOfProducts(_lengths), styles=("strided", "empty"), draws=_draws,
              exact=lambda args: not args["scale_grad_by_freq"]),
)  # fmt: skip
