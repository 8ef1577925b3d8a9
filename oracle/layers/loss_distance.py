"""L1Loss, SmoothL1Loss and HuberLoss as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.layers.loss_shared import REDUCTIONS, Number, alike, alike_grid, reduced
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shapes, Uniform
from oracle.running_error import Running, where

if TYPE_CHECKING:
    from oracle.cases import Case

NAMES = ("x", "target")


def _both(slope: Any) -> dict[str, Any]:
    return {"x": slope, "target": slope}  # of one size: the sign does not matter


def _l1(x: Number, target: Number) -> tuple[Number, Mapping[str, Any]]:
    return abs(x - target), _both(np.sign(x.value - target.value))


def _smooth_l1(x: Number, target: Number, beta: Number) -> tuple[Number, Mapping[str, Any]]:
    """Both halves meet at beta with one value and one slope: it does not matter which of them rounding takes."""
    if beta.value == 0:
        return _l1(x, target)
    d = x - target
    near = np.abs(d.value) < beta.value
    sign = Running(np.sign(d.value), x.u, x.tiny)
    return where(near, d * d / (2 * beta), abs(d) - beta / 2), _both(where(near, d / beta, sign))


def _huber(x: Number, target: Number, delta: Number) -> tuple[Number, Mapping[str, Any]]:
    d = x - target
    near = np.abs(d.value) <= delta.value
    return where(near, d * d / 2, delta * (abs(d) - delta / 2)), _both(where(near, d, delta * np.ones(d.value.shape)))


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """`kinks`: differences in steps of 1/2, so that 0, beta and delta are met."""
    if style == "kinks":
        return dict.fromkeys(NAMES, Integers(-3, 3, 0.5))
    return {} if style in ("integer", "strided") else dict.fromkeys(NAMES, Uniform(-2, 2))


def _exact(args: Args) -> bool:
    """Sums of products of small integers and a power of 2."""
    settings = [args[name] for name in ("beta", "delta") if name in args]
    return args["reduction"] != "mean" and all(value in (0, 0.5, 1, 2, 4) for value in settings)


def _grid(settings: tuple[Args, ...]) -> Iterator[Setting]:
    return alike_grid(NAMES, *settings)


def _length(case: Case) -> int:
    """Integers may be as large as the sum of their squares times 4 allows."""
    return 16 * math.prod(case.shapes["x"])


def _spec(name: str, losses: Any, defaults: Args, *settings: Args) -> LayerSpec:
    return LayerSpec(name, (), {"reduction": "mean", **defaults}, partial(alike, NAMES, REDUCTIONS),
                     partial(_grid, settings), reduced(losses, _length), inputs=NAMES, styles=("kinks", "strided"),
                     draws=_draws, exact=_exact)  # fmt: skip


SPECS = (
    _spec("L1Loss", _l1, {}, {}),
    _spec("SmoothL1Loss", _smooth_l1, {"beta": 1.0}, *({"beta": beta} for beta in (1.0, 0.0, 0.5, 2.0, 0.3))),
    _spec("HuberLoss", _huber, {"delta": 1.0}, *({"delta": delta} for delta in (1.0, 0.5, 2.0, 0.3))),
)
