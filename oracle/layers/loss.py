"""Losses as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
from oracle.layers.softmax import Rounding
from oracle.layers.spec import Args, Choice, Draw, Integers, LayerSpec, Setting, Shapes, Tensors, Uniform, expect

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

REDUCTIONS = ("mean", "sum", "none")


# ---- squared errors


def _alike(args: Args, shapes: Shapes) -> Tensors:
    x, target, reduction = shapes["x"], shapes["target"], args.get("reduction", "sum")
    expect(x == target, f"x has shape {x}, target {target}: they must be the same, nothing is broadcast")
    expect(reduction in REDUCTIONS, f"reduction={reduction}: one of {', '.join(REDUCTIONS)} expected")
    return Tensors({"out": x if reduction == "none" else ()})


def _squares(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """d = x - target has one rounding, d*d and the factor two more each, the sum over m elements m - 1: all terms are
    positive, so the relative error of out is at most gamma_(m+5), and of each gradient gamma_5."""
    out, m = expected["out"], call.inputs["x"].size
    terms = 1 if out.shape else max(m, 1)
    return {"out": gamma(terms + 5, u) * np.abs(out) + 4 * tiny} | {
        name: gamma(5, u) * np.abs(expected[name]) + 4 * tiny for name in ("dx", "dtarget")
    }



def _pair_grid(reductions: tuple[str, ...]) -> Iterator[Setting]:
    """A dozen shapes, most of them with the first reduction and each other one twice; then every shape with each."""
    first = [(1,), (2,), (4,), (2, 2), (3, 2), (4, 1), (2, 4), (8,), (2, 3), (4, 4), (5, 2), (2, 2, 2)]
    more = [(), (7,), (3, 3), (2, 3, 4), (2, 3, 2, 2), (33,), (1, 1), (6, 5), (64, 10)]
    head = list(zip(first, (*reductions[:1] * 6, *reductions[::-1] * 2, *reductions[:1] * 6)))
    for shape, reduction in dict.fromkeys([*head, *((shape, r) for r in reductions for shape in first + more)]):
        args = {"reduction": reduction} if len(reductions) > 1 else {}
        yield Setting(args, {"x": shape, "target": shape})


# ---- class numbers: cross entropy and negative log-likelihood


def _classes(args: Args, shapes: Shapes) -> Tensors:
    x, target = shapes["x"], shapes["target"]
    expect(len(x) >= 1, "x needs an axis of classes")
    expect(args["reduction"] in REDUCTIONS, f"reduction={args['reduction']}: one of {', '.join(REDUCTIONS)} expected")
    expect(0 <= args["label_smoothing"] <= 1, f"label_smoothing={args['label_smoothing']}: between 0 and 1 expected")
    each = x[:1][1:] if len(x) == 1 else (x[0], *x[2:])
    expect(target in (each, x), f"target has shape {target}: {each} (class numbers) or {x} (probabilities) expected")
    return Tensors({"out": each if args["reduction"] == "none" else ()}, {}, _weight(args, x))


def _weight(args: Args, x: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    expect(args["weight"] in (None, True), f"weight={args['weight']}: true (drawn) or none expected")
    return {"weight": (x[0] if len(x) == 1 else x[1],)} if args["weight"] else {}


def _cross_entropy(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """out = -(sum over n, c of t[n,c] log p[n,c]) / D, with the smoothed and weighted target t and D = N, 1 or the
    weights of the targets that are not ignored. log p is off by E (see softmax.Rounding), the sums by gamma of their
    lengths. Its gradient is dout (p T - t) / D with T = sum of t, and -dout (1 - smoothing) w log p / D for a target of
    probabilities.
    """
    x, target, settings = call.inputs["x"], call.inputs["target"], case.settings
    axis = 0 if x.ndim == 1 else 1
    r = Rounding.of(x, axis, u)
    t, divisor, w = _weighted(x, target, call.buffers.get("weight"), axis, settings)
    dout = np.abs(call.upstream["dout"])
    each = np.expand_dims(dout, axis) if settings["reduction"] == "none" else dout
    count = max(x.size // max(x.shape[axis], 1), 1) if settings["reduction"] != "none" else 1
    sums = 8 * u + gamma(x.shape[axis], u) + gamma(count, u)
    error = (t * r.E + sums * t * np.abs(r.log_p)).sum(axis)
    T = t.sum(axis, keepdims=True)
    bounds = {
        "out": (error if settings["reduction"] == "none" else error.sum()) / divisor + 4 * tiny,
        "dx": each / divisor * (r.p * r.rho * T + sums * (r.p * T + t)) + 4 * tiny * np.maximum(1, each),
    }
    if target.dtype.kind == "f":
        bounds["dtarget"] = each / divisor * w * (r.E + sums * np.abs(r.log_p)) + 4 * tiny * np.maximum(1, each)
    return bounds | {name: np.zeros(array.shape) for name, array in call.buffers.items()}


def _weighted(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, axis: int, settings: Mapping[str, Any]
) -> tuple[np.ndarray, float, np.ndarray]:
    """(target as probabilities, smoothed and weighted; divisor; weight along the axis of the classes)."""
    classes, smoothing = x.shape[axis], settings["label_smoothing"]
    images = max(x.size // max(classes, 1), 1)
    weight = np.ones(classes) if weight is None else weight
    w = weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    if target.dtype.kind == "f":
        t, kept = target, images
    else:
        valid = target != settings["ignore_index"]
        t = np.moveaxis(np.eye(classes)[np.where(valid, target, 0)] * valid[..., None], -1, axis)
        kept = float((weight[np.where(valid, target, 0)] * valid).sum())
    t = t * (1 - smoothing) + smoothing / classes * (1 if target.dtype.kind == "f" else t.sum(axis, keepdims=True))
    return w * t, kept if settings["reduction"] == "mean" else 1, w


def _nll(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """out = -(sum over n of w[t] x[n,t]) / D, D the sum of the weights w[t] that count: one rounding for each product,
    gamma_N for each of the two sums, one for the quotient. dx is -dout w[t] / D at t, and 0 elsewhere."""
    x, target, settings = call.inputs["x"], call.inputs["target"], {**case.settings, "label_smoothing": 0.0}
    axis = 0 if x.ndim == 1 else 1
    t, divisor, _ = _weighted(x, target, call.buffers.get("weight"), axis, settings)
    each = np.abs(t * x).sum(axis)
    mean = gamma(target.size, u) if settings["reduction"] == "mean" else 0
    share = np.abs(call.upstream["dout"]) / divisor
    if settings["reduction"] == "none":
        out, share = gamma(2, u) * each, np.expand_dims(share, axis)
    else:
        out = (gamma(target.size + 3, u) + mean) * each.sum() / divisor
    return {"out": out + 4 * tiny, "dx": np.where(t != 0, t * share * (gamma(3, u) + mean) + 4 * tiny, 0)} | {
        name: np.zeros(array.shape) for name, array in call.buffers.items()
    }


def _nll_tensors(args: Args, shapes: Shapes) -> Tensors:
    expect(shapes["target"] != shapes["x"] or not shapes["x"], "target: class numbers, one axis less than x")
    return _classes({**args, "label_smoothing": 0.0}, shapes)


def _nll_grid() -> Iterator[Setting]:
    settings: list[dict[str, Any]] = [{}, {"ignore_index": 1}, {"weight": True}, {"weight": True, "ignore_index": 0}]
    shapes = [(1, 2), (2, 3), (3, 2), (1, 1), (2, 5), (4, 3), (3, 3), (5, 10), (2, 2), (3, 4), (6, 3), (7, 5),
              (3,), (2, 3, 4), (2, 4, 3, 2), (64, 10), (1, 100)]  # fmt: skip
    for place, (shape, reduction) in enumerate(product(shapes, REDUCTIONS)):
        for args in (settings[place % 4], settings[(place + 2) % 4]) if len(shape) != 1 else ({}, {"weight": True}):
            each = () if len(shape) == 1 else (shape[0], *shape[2:])
            yield Setting({**args, "reduction": reduction}, {"x": shape, "target": each})


def _class_draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    x = shapes["x"]
    classes = x[0] if len(x) == 1 else x[1]
    target: Draw = Uniform(0, 1) if shapes["target"] == x else Integers(0, max(classes - 1, 0), index=True)
    values: dict[str, Draw] = {"random": Uniform(-4, 4), "empty": Uniform(-4, 4), "large": Uniform(-500, 500),
                               "offset": Uniform(1000, 1004)}  # fmt: skip
    weight: Draw = Choice((0.0, 1.0, 2.0, 0.5)) if style in ("integer", "strided") else Uniform(0.25, 3)
    return {"target": target, "weight": weight} | ({"x": values[style]} if style in values else {})


_HEAD: tuple[tuple[tuple[int, ...], bool, dict[str, Any]], ...] = (  # shape, probabilities as targets, arguments
    ((1, 2), False, {}),
    ((2, 3), False, {}),
    ((3, 3), False, {}),
    ((4, 3), True, {}),
    ((3, 2), False, {"reduction": "none"}),
    ((6, 3), False, {"ignore_index": 1}),
    ((2, 2), False, {}),
    ((3, 4), True, {"label_smoothing": 0.1}),
    ((4, 3), False, {"reduction": "sum", "label_smoothing": 0.1}),
    ((7, 3), False, {"ignore_index": 1}),
    ((2, 5), True, {"label_smoothing": 0.1}),
    ((5, 10), False, {"reduction": "none"}),
)


def _class_grid() -> Iterator[Setting]:
    shapes = [(1, 2), (2, 3), (3, 2), (1, 1), (2, 5), (4, 3), (3, 3), (5, 10), (2, 2), (3, 4), (6, 3), (7, 5),
              (3,), (2, 3, 4), (2, 4, 3, 2), (64, 10), (1, 100)]  # fmt: skip
    seen = []
    for shape, probabilities, args in (*_HEAD, *_every(shapes)):
        if (shape, probabilities, args) not in seen:
            seen.append((shape, probabilities, args))
            each = () if len(shape) == 1 else (shape[0], *shape[2:])
            yield Setting(args, {"x": shape, "target": shape if probabilities else each})


def _every(shapes: list[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], bool, dict[str, Any]]]:
    for reduction, smoothing, probabilities, shape in product(REDUCTIONS, (0.0, 0.1), (False, True), shapes):
        args: dict[str, Any] = {} if reduction == "mean" else {"reduction": reduction}
        if smoothing:
            args["label_smoothing"] = smoothing
        elif len(shape) > 2 and not probabilities:
            args["ignore_index"] = 1
        yield shape, probabilities, args
        if shape in ((3, 4), (7, 5), (3,), (2, 4, 3, 2)):
            yield shape, probabilities, {"weight": True, **args}


SPECS = (
    LayerSpec("HalfSquaredError", (), {}, _alike, lambda: _pair_grid(("sum",)),
              Formula(_squares, lambda case: 4 * math.prod(case.shapes["x"])), inputs=("x", "target"),
              styles=("strided",), twin=lambda torch: _half_squared_error(torch)),
    LayerSpec("MSELoss", (), {"reduction": "mean"}, _alike, lambda: _pair_grid(REDUCTIONS),
              Formula(_squares, lambda case: 4 * math.prod(case.shapes["x"])), inputs=("x", "target"),
              styles=("strided",), exact=lambda args: args["reduction"] != "mean"),
    LayerSpec("CrossEntropyLoss", (),
              {"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}, _classes,
              _class_grid, Formula(_cross_entropy), inputs=("x", "target"), styles=("large", "offset", "strided"),
              draws=_class_draws, exact=lambda args: False),
    LayerSpec("NLLLoss", (), {"weight": None, "ignore_index": -100, "reduction": "mean"}, _nll_tensors, _nll_grid,
              Formula(_nll, lambda case: 16 * math.prod(case.shapes["x"])), inputs=("x", "target"),
              styles=("strided",), draws=_class_draws, exact=lambda args: args["reduction"] != "mean"),
)  # fmt: skip


def _half_squared_error(torch: Any) -> type:
    """The note's 1/2 (O - Ot)^2, summed; torch has half of it."""

    class HalfSquaredError(torch.nn.MSELoss):
        def __init__(self) -> None:
            super().__init__(reduction="sum")

        def forward(self, x: Any, target: Any) -> Any:
            return 0.5 * super().forward(x, target)

    return HalfSquaredError
