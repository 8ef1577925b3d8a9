"""BCELoss, BCEWithLogitsLoss, KLDivLoss, PoissonNLLLoss and GaussianNLLLoss as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from oracle.layers.loss_shared import (
    FIRST,
    MORE,
    REDUCTIONS,
    Number,
    alike,
    alike_grid,
    reduced,
    reduction_of,
    smallest,
)
from oracle.layers.spec import Args, Choice, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, Uniform, expect
from oracle.running_error import Running, where

NAMES = ("x", "target")
Result = tuple[Number, Mapping[str, Any]]


def softplus(x: Number) -> Number:
    """log(1 + exp(x)), with the rounding of the 1"""
    return np.log(1 + np.exp(-abs(x))) + np.maximum(x, 0)


def sigmoid(x: Number) -> Number:
    e = np.exp(-abs(x))
    return where(x.value >= 0, 1 / (1 + e), e / (1 + e))


def _bce(x: Number, target: Number, weight: Number) -> Result:
    """1 - x is exact where x is 1/2 or more (Sterbenz), and rounded before its logarithm is taken elsewhere. The slope
    is as often written as two quotients, (1 - t)/(1 - x) - t/x, which cancel: the larger error of both forms counts."""
    rest = where(x.value >= 0.5, Running(1 - x.value, x.u, x.tiny), 1 - x)
    log_x, log_rest = _log(x), _log(rest)
    out = -(target * np.maximum(log_x, -100) + (1 - target) * np.maximum(log_rest, -100))
    slope = (x - target) / np.maximum(x * rest, smallest(x))
    quotients = (1 - target) / rest - target / x
    inside = (x * rest).value > smallest(x).value
    error = np.where(inside, np.maximum(slope.error, quotients.error), slope.error)
    slope = Running(slope.value, x.u, x.tiny, error)
    return _weighted(weight, out, {"x": slope, "target": log_rest - log_x})


def _log(x: Number) -> Number:
    """Of a 0 that no rounding has touched it is -inf, which is no error."""
    log = np.log(x)
    return Running(log.value, x.u, x.tiny, np.where((x.value == 0) & (x.error == 0), 0, log.error))


def _bce_with_logits(x: Number, target: Number, weight: Number, pos_weight: Number) -> Result:
    P = 1 if pos_weight is None else pos_weight
    factor = P * target + 1 - target
    slopes = {"x": factor * sigmoid(x) - P * target, "target": P * softplus(-x) - softplus(x)}
    return _weighted(weight, (1 - target) * x + factor * softplus(-x), slopes)


def _weighted(weight: Number, out: Number, slopes: Mapping[str, Number]) -> Result:
    if weight is None:
        return out, slopes
    return weight * out, {name: weight * slope for name, slope in slopes.items()}


def _kl_div(x: Number, target: Number, log_target: bool) -> Result:
    if log_target:
        t = np.exp(target)
        return t * (target - x), {"x": t, "target": t * (target - x) + t}
    log_t = np.log(target)
    own = where(target.value == 0, 0, target * log_t)
    return own - target * x, {"x": target, "target": log_t + 1 - x}


def _poisson(x: Number, target: Number, log_input: bool, full: bool, eps: Number) -> Result:
    log_m = x if log_input else np.log(x + eps)
    out = (np.exp(x) if log_input else x) - target * log_m
    dx = np.exp(x) - target if log_input else 1 - target / (x + eps)
    dtarget = -log_m
    if full:
        log_t, above = np.log(target), target.value > 1
        stirling = target * log_t - target + 0.5 * np.log(2 * math.pi * target)
        out = out + where(above, stirling, 0)
        dtarget = dtarget + where(above, log_t + 1 - 1 + 0.5 / target, 0)
    return out, {"x": dx, "target": dtarget}


def _gaussian(x: Number, target: Number, var: Number, full: bool, eps: Number) -> Result:
    if var.value.ndim < x.value.ndim:
        var = Running(var.value[..., None], var.u, var.tiny)
    v, d = np.maximum(var, eps), x - target
    out = (np.log(v) + d * d / v) / 2
    if full:
        out = out + 0.5 * math.log(2 * math.pi)
    slope = d / v
    return out, {"x": slope, "target": slope, "var": (1 / v - slope * slope) / 2}


# ---- what they are given


def _probabilities(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """`kinks`: probabilities of exactly 0 and 1, whose logarithms are cut off."""
    probability: Draw = Choice((0.0, 0.25, 0.5, 1.0)) if style == "kinks" else Uniform(0, 1)
    weights = {name: Uniform(0.25, 3) for name in ("weight", "pos_weight")}
    target: Draw = Choice((0.0, 1.0)) if style in ("kinks", "integer") else Uniform(0, 1)
    return {**weights, "x": probability, "target": target}


def _scores(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    scores: dict[str, Draw] = {"random": Uniform(-6, 6), "large": Uniform(-1000, 1000)}
    x: dict[str, Draw] = {"x": scores[style]} if style in scores else {}
    return {**_probabilities(args, shapes, style, bits), "x": Integers(-6, 6), **x}


def _log_probabilities(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    x = Uniform(-6, 0)
    return {"x": x, "target": x if args["log_target"] else Uniform(0.0625, 1)}


def _counts(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """With `full` no count of 0: there torch's gradient of Stirling's term is NaN, though the term is not used."""
    least = 1 if args["full"] else 0
    target: Draw = Integers(least, 9) if style == "integer" else Uniform(least / 8, 9)
    return {"x": Uniform(-3, 3) if args["log_input"] else Uniform(0.125, 9), "target": target}


def _variances(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """`kinks`: some variances below eps."""
    return {"var": Choice((0.0, 0.25, 1.0, 4.0)) if style == "kinks" else Uniform(0.0625, 4)}


def _with_weights(names: tuple[str, ...], args: Args, shapes: Shapes) -> Tensors:
    """A weight has the shape of one row of x."""
    tensors = alike(NAMES, REDUCTIONS, args, shapes)
    for name in names:
        expect(args[name] in (None, True), f"{name}={args[name]}: true (drawn) or none expected")
    return Tensors(tensors.outputs, {}, {name: shapes["x"][-1:] for name in names if args[name]})


def _weight_grid(names: tuple[str, ...]) -> Iterator[Setting]:
    sets: list[Args] = [{}, *({name: True} for name in names)]
    return alike_grid(NAMES, *sets, *([dict.fromkeys(names, True)] if len(names) > 1 else []))


def _kl_tensors(args: Args, shapes: Shapes) -> Tensors:
    expect(args["reduction"] != "batchmean" or len(shapes["x"]) >= 1, "batchmean: x needs an axis of samples")
    return alike(NAMES, (*REDUCTIONS, "batchmean"), args, shapes)


def _kl_grid() -> Iterator[Setting]:
    for setting in alike_grid(NAMES, {}, {"log_target": True}, reductions=("batchmean", "sum", "mean", "none")):
        if setting.shapes["x"] or setting.args["reduction"] != "batchmean":
            yield setting


def _gaussian_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, target, var = shapes["x"], shapes["target"], shapes["var"]
    expect(x == target, f"x {x}, target {target}: one shape expected")
    expect(args["eps"] > 0, f"eps={args['eps']}: a number above 0 expected")
    known = (x, (*x[:-1], 1), x[:-1]) if x else ((),)
    expect(var in known, f"var {var}: {' or '.join(map(str, known))} expected")
    return Tensors({"out": x if reduction_of(args) == "none" else ()})


def _gaussian_grid() -> Iterator[Setting]:
    kinds: list[Callable[[Shape], Shape]] = [lambda x: x, lambda x: (*x[:-1], 1), lambda x: x[:-1]]
    settings: list[Args] = [{}, {"full": True}, {"eps": 0.5}]
    for place, x in enumerate((FIRST + MORE) * 3):
        args = {**settings[place % 3], "reduction": REDUCTIONS[(place + place // 21) % 3]}
        if x or (place + place // 3) % 3 == 0:
            yield Setting(args, {"x": x, "target": x, "var": kinds[(place + place // 3) % 3](x)})


_COUNT_SETTINGS: list[Args] = [{}, {"log_input": False}, {"full": True}, {"log_input": False, "full": True},
                               {"log_input": False, "eps": 0.01}]  # fmt: skip


def _spec(name: str, defaults: Args, losses: Any, tensors: Any, grid: Any, draws: Any, styles: tuple[str, ...] = (),
          inputs: tuple[str, ...] = NAMES) -> LayerSpec:  # fmt: skip
    return LayerSpec(name, (), defaults, tensors, grid, reduced(losses), inputs=inputs, styles=(*styles, "strided"),
                     draws=draws, exact=lambda args: False)  # fmt: skip


SPECS = (
    _spec("BCELoss", {"weight": None, "reduction": "mean"}, _bce, partial(_with_weights, ("weight",)),
          partial(_weight_grid, ("weight",)), _probabilities, ("kinks",)),
    _spec("BCEWithLogitsLoss", {"weight": None, "reduction": "mean", "pos_weight": None}, _bce_with_logits,
          partial(_with_weights, ("weight", "pos_weight")), partial(_weight_grid, ("weight", "pos_weight")), _scores,
          ("large",)),
    _spec("KLDivLoss", {"reduction": "mean", "log_target": False}, _kl_div, _kl_tensors, _kl_grid, _log_probabilities),
    _spec("PoissonNLLLoss", {"log_input": True, "full": False, "eps": 1e-8, "reduction": "mean"}, _poisson,
          partial(alike, NAMES, REDUCTIONS), lambda: alike_grid(NAMES, *_COUNT_SETTINGS), _counts),
    _spec("GaussianNLLLoss", {"full": False, "eps": 1e-6, "reduction": "mean"}, _gaussian, _gaussian_tensors,
          _gaussian_grid, _variances, ("kinks",), (*NAMES, "var")),
)  # fmt: skip
