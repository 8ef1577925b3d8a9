"""The losses that ask for a margin, as the oracle knows them.

Where z of max(0, z) is 0 but for its rounding, the loss is there or not, and its gradient too: see running_error.step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.layers.loss_likelihood import sigmoid, softplus
from oracle.layers.loss_shared import REDUCTIONS, Number, alike, alike_grid, reduced, reduction_of, smallest
from oracle.layers.spec import Args, Choice, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, Uniform, expect
from oracle.running_error import Running, expand, step, total, where

if TYPE_CHECKING:
    from oracle.cases import Case

Result = tuple[Number, Mapping[str, Any]]
LABEL = Choice((1.0, -1.0), index=True)


def _take(x: Number, index: np.ndarray) -> Number:
    """x at `index` along the last axis"""
    return Running(np.take_along_axis(x.value, index, -1), x.u, x.tiny)


# ---- class numbers


def _multi_margin(x: Number, target: np.ndarray, p: int, margin: Number, weight: Number | None) -> Result:
    index, C = target[..., None], x.value.shape[-1]
    other = np.arange(C) != index
    z = margin - _take(x, index) + x
    excess: Number = np.maximum(z, 0)
    w = 1 if weight is None else weight[target]
    losses = w * total(where(other, excess if p == 1 else excess * excess, 0), -1) / C
    slope = where(other, step(z, 0) if p == 1 else 2 * excess, 0)
    slope = where(other, slope, total(slope, -1, keepdims=True))
    return losses, {"x": (slope if weight is None else expand(weight[target], -1) * slope) / C}


def _multi_label_margin(x: Number, target: np.ndarray) -> Result:
    C = x.value.shape[-1]
    listed = np.logical_and.accumulate(target >= 0, axis=-1)
    index = np.where(listed, target, 0)
    is_class = (index[..., :, None] == np.arange(C)) & listed[..., :, None]  # [..., j, c]: t_j is c
    counts = listed[..., :, None] & ~is_class.any(axis=-2)[..., None, :]
    z = 1 - expand(_take(x, index), -1) + expand(x, -2)
    losses = total(total(where(counts, np.maximum(z, 0), 0), -1), -1) / C
    hits = where(counts, step(z, 0), 0)
    wanted = expand(total(hits, -1), -1) * is_class.astype(float)
    return losses, {"x": (total(hits, -2) - total(wanted, -2)) / C}


def _multi_label_soft_margin(x: Number, target: Number, weight: Number | None) -> Result:
    """-x may be had as log(1 - s) - log s"""
    C, w = x.value.shape[-1], 1 if weight is None else weight
    losses = total(w * ((1 - target) * x + softplus(-x)), -1) / C
    return losses, {"x": w * (sigmoid(x) - target) / C, "target": w * (softplus(-x) - softplus(x)) / C}


# ---- labels 1 and -1


def _soft_margin(x: Number, target: np.ndarray) -> Result:
    return softplus(-target * x), {"x": sigmoid(-target * x)}


def _hinge_embedding(x: Number, target: np.ndarray, margin: Number) -> Result:
    z = margin - x
    return where(target == 1, x, np.maximum(z, 0)), {"x": where(target == 1, 1, step(z, 1))}


def _margin_ranking(x: Number, x2: Number, target: np.ndarray, margin: Number) -> Result:
    z: Number = -target * (x - x2) + margin
    return np.maximum(z, 0), {"x": step(z, 1), "x2": step(z, 1)}


def _cosine_embedding(x: Number, x2: Number, target: np.ndarray, margin: Number) -> Result:
    square, square2 = total(x * x, -1) + smallest(x), total(x2 * x2, -1) + smallest(x)
    length: Number = np.sqrt(square * square2)
    cos = total(x * x2, -1) / length
    counts = expand(where(target == 1, Running(1, x.u, x.tiny), step(cos - margin, 1)), -1)

    def slope(own: Number, other: Number, square: Number) -> Number:
        return counts * (other / expand(length, -1) - expand(cos / square, -1) * own)

    losses = where(target == 1, 1 - cos, np.maximum(cos - margin, 0))
    return losses, {"x": slope(x, x2, square), "x2": slope(x2, x, square2)}


# ---- triplets


def _distance(v: Number, p: Any) -> tuple[Number, Number]:
    """(norm of v over the last axis, its derivatives): sign(v) (|v| / norm)^(p - 1)

    Where rounding decides the sign of v, or which v is the largest, either is right.
    """
    size = abs(v)
    sign = Running(np.sign(v.value), v.u, v.tiny, np.where(size.value <= v.error, 2.0, 0.0))
    if p == math.inf:
        norm: Number = Running(size.value.max(-1), v.u, v.tiny, size.error.max(-1))
        largest = size.value == norm.value[..., None]
        apart = norm.value[..., None] - size.value <= 2 * norm.error[..., None]
        unsure = apart & (apart.sum(-1, keepdims=True) > 1) & (norm.error[..., None] > 0)
        part = Running(largest / largest.sum(-1, keepdims=True), v.u, v.tiny, np.where(unsure, 1.0, 0.0))
        return norm, sign * part
    if p == 1:
        return total(size, -1), sign
    powers: Number = total(size * size if p == 2 else np.power(size, p), -1)
    norm = np.sqrt(powers) if p == 2 else np.power(powers, 1 / p)
    ratio = size / expand(norm, -1)
    return norm, sign * (ratio if p == 2 else np.power(ratio, p - 1))


def _triplet(x: Number, positive: Number, negative: Number, margin: Number, p: float, eps: Number,
             swap: bool) -> Result:  # fmt: skip
    (near, g_near), (far, g_far) = _distance(x - positive + eps, p), _distance(x - negative + eps, p)
    first: Number = Running(np.ones(far.value.shape), x.u, x.tiny)  # the part of |x - n|, the rest is that of |p - n|
    least, rest, g_cross = far, 0 * first, 0 * g_far
    if swap:
        cross, g_cross = _distance(positive - negative + eps, p)
        least, gap = np.minimum(far, cross), far.value - cross.value
        part = np.where(gap == 0, 0.5, gap < 0)
        first = Running(part, x.u, x.tiny, np.where(np.abs(gap) <= far.error + cross.error, 1.0, 0.0))
        rest = 1 - first
    z: Number = near - least + margin
    counts = expand(step(z, 1), -1)
    first, rest = expand(first, -1), expand(rest, -1)
    return np.maximum(z, 0), {
        "x": counts * (g_near - first * g_far),
        "positive": counts * (g_near + rest * g_cross),
        "negative": counts * (first * g_far + rest * g_cross),
    }


def _triplet_with_distance(x: Number, positive: Number, negative: Number, distance_function: None, margin: Number,
                           swap: bool) -> Result:  # fmt: skip
    return _triplet(x, positive, negative, margin, 2, Running(1e-6, x.u, x.tiny, x.u * 1e-6), swap)


# ---- what they are given


def _labels(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """`kinks`: in steps of 1/2, so that margins are met."""
    if style == "kinks":
        return {"target": LABEL, "x": Integers(-4, 4, 0.5), **({"x2": Integers(-4, 4, 0.5)} if "x2" in shapes else {})}
    return {"target": LABEL}


def _classes(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    last = max(shapes["x"][-1] - 1, 0)
    target: dict[str, Draw] = {"target": Integers(0, last, index=True), "weight": Uniform(0.25, 3)}
    return target | ({"x": Integers(-4, 4, 0.5)} if style == "kinks" else {})


def _class_lists(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    return {"target": Integers(-1, max(shapes["x"][-1] - 1, 0), index=True)}


def _scores(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    target: Draw = Choice((0.0, 1.0)) if style == "integer" else Uniform(0, 1)
    scores: dict[str, Draw] = {"random": Uniform(-6, 6), "large": Uniform(-1000, 1000)}
    x: dict[str, Draw] = {"x": scores[style]} if style in scores else {}
    return {"target": target, "weight": Uniform(0.25, 3), **x}


def _near(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Whole numbers so small that margins decide: at large distances most triplets have a loss with any margin."""
    return dict.fromkeys(_TRIPLET, Integers(-2, 2)) if style in ("integer", "strided") else {}


def _rows(names: tuple[str, ...], per_row: str, args: Args, shapes: Shapes) -> Tensors:
    """Rows of one shape, one loss each; `per_row` has one entry for each row, where there is such an input."""
    x = shapes["x"]
    expect(len(x) >= 1 and x[-1] >= 1, f"x {x}: (..., D) with D >= 1 expected")
    for name in names:
        wanted = x[:-1] if name == per_row else x
        expect(shapes[name] == wanted, f"{name} {shapes[name]}: {wanted} expected")
    weight = {"weight": x[-1:]} if args.get("weight") else {}
    return Tensors({"out": x[:-1] if reduction_of(args) == "none" else ()}, {}, weight)


def _two_axes(names: tuple[str, ...], per_row: str, args: Args, shapes: Shapes) -> Tensors:
    expect(len(shapes["x"]) in (1, 2), f"x {shapes['x']}: (N, C) or (C,) expected")
    expect(args.get("p", 1) in (1, 2), f"p={args.get('p')}: 1 or 2 expected")
    return _rows(names, per_row, args, shapes)


_FIRST: list[Shape] = [(1, 2), (2, 3), (3, 2), (4, 3), (1, 1), (2, 5), (3, 3), (5, 10), (2, 2), (3, 4), (6, 3), (7, 5)]
_MORE: list[Shape] = [(3,), (7,), (1,), (64, 10), (1, 100), (2, 8), (4, 4)]


def _row_grid(names: tuple[str, ...], per_row: str, more: list[Shape], *settings: Args) -> Iterator[Setting]:
    """A dozen shapes, settings and reductions taking turns; the same at the defaults; then all of both."""

    def make(shape: Shape, reduction: str, args: Args) -> Setting:
        shapes = {name: shape[:-1] if name == per_row else shape for name in names}
        return Setting({**args, "reduction": reduction}, shapes)

    head = zip(_FIRST, cycle(("mean", "mean", "sum", "mean", "none")), cycle(settings))
    for shape, reduction, args in head:
        yield make(shape, reduction, args)
    for shape in _FIRST:
        yield make(shape, "mean", settings[0])
    for shape, reduction, args in zip(_MORE + more + _FIRST, cycle(REDUCTIONS), cycle(settings)):
        yield make(shape, reduction, args)
    for (reduction, args), shape in zip(product(REDUCTIONS, settings), cycle([(3, 5), (4, 6), (2, 7)])):
        yield make(shape, reduction, args)


def _exact(args: Args) -> bool:
    return args["reduction"] != "mean" and args.get("margin", 1) in (0, 0.5, 1, 2)


def _length(case: Case) -> int:
    return 16 * math.prod(case.shapes["x"])


def _labelled(name: str, losses: Any, defaults: Args, names: tuple[str, ...], margins: tuple[float, ...] = (),
              exact: Any = lambda args: False, styles: tuple[str, ...] = ("kinks", "strided"),
              ) -> LayerSpec:  # fmt: skip
    settings = [{"margin": margin} for margin in margins] or [{}]
    return LayerSpec(name, (), {**defaults, "reduction": "mean"}, partial(alike, names, REDUCTIONS),
                     lambda: alike_grid(names, *settings), reduced(losses, _length), inputs=names, styles=styles,
                     draws=_labels, exact=exact)  # fmt: skip


def _of_rows(name: str, losses: Any, defaults: Args, names: tuple[str, ...], per_row: str, *settings: Args,
             tensors: Any = _rows, more: tuple[Shape, ...] = (), draws: Any = lambda *given: {},
             styles: tuple[str, ...] = ("strided",)) -> LayerSpec:  # fmt: skip
    return LayerSpec(name, (), {**defaults, "reduction": "mean"}, partial(tensors, names, per_row),
                     partial(_row_grid, names, per_row, list(more), *settings), reduced(losses), inputs=names,
                     styles=styles, draws=draws, exact=lambda args: False)  # fmt: skip


_PAIR, _TRIPLE, _TRIPLET = ("x", "target"), ("x", "x2", "target"), ("x", "positive", "negative")
_DEEP: tuple[Shape, ...] = ((2, 3, 4), (2, 2, 3, 2))
_MULTI: list[Args] = [{}, {"p": 2}, {"margin": 0.5}, {"weight": True}, {"p": 2, "margin": 2.0, "weight": True},
                      {"margin": 0.3}]  # fmt: skip
_TRIPLETS: list[Args] = [{}, {"swap": True}, {"p": 1.0}, {"p": 3.0, "margin": 0.5}, {"p": math.inf, "swap": True},
                         {"p": 1.5, "margin": 2.0}, {"eps": 0.01, "margin": 0.25}, {"p": 1.0, "swap": True},
                         {"p": math.inf}]  # fmt: skip

SPECS = (
    _of_rows("MultiMarginLoss", _multi_margin, {"p": 1, "margin": 1.0, "weight": None}, _PAIR, "target", *_MULTI,
             tensors=_two_axes, draws=_classes, styles=("kinks", "strided")),
    _of_rows("MultiLabelMarginLoss", _multi_label_margin, {}, _PAIR, "", {}, tensors=_two_axes, draws=_class_lists),
    _of_rows("MultiLabelSoftMarginLoss", _multi_label_soft_margin, {"weight": None}, _PAIR, "", {}, {"weight": True},
             more=_DEEP, draws=_scores, styles=("large", "strided")),
    _labelled("SoftMarginLoss", _soft_margin, {}, _PAIR, styles=("strided",)),
    _labelled("HingeEmbeddingLoss", _hinge_embedding, {"margin": 1.0}, _PAIR, (1.0, 2.0, 0.5, 0.3), _exact),
    _labelled("MarginRankingLoss", _margin_ranking, {"margin": 0.0}, _TRIPLE, (0.0, 1.0, 0.5, 0.3), _exact),
    _of_rows("CosineEmbeddingLoss", _cosine_embedding, {"margin": 0.0}, _TRIPLE, "target", {}, {"margin": 0.5},
             {"margin": -0.3}, tensors=_two_axes, draws=_labels),
    _of_rows("TripletMarginLoss", _triplet, {"margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False}, _TRIPLET, "",
             *_TRIPLETS, more=_DEEP, draws=_near),
    _of_rows("TripletMarginWithDistanceLoss", _triplet_with_distance,
             {"distance_function": None, "margin": 1.0, "swap": False}, _TRIPLET, "", {}, {"swap": True},
             {"margin": 0.5}, {"margin": 2.0, "swap": True}, more=_DEEP, draws=_near),
)  # fmt: skip
