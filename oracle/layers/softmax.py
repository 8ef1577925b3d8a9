"""Softmax, Softmin, Softmax2d and LogSoftmax as the oracle knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
from oracle.layers.spec import Args, Draw, LayerSpec, Setting, Shapes, Tensors, Uniform, expect

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call


@dataclass(frozen=True)
class Rounding:
    """What rounding does to a softmax over `axis` of C numbers, with unit roundoff u.

    z = |x - max|, lse = log sum exp, H = sum p z. An exponential of z has the relative error u z from its argument and
    a few u of its own; the sum over C adds gamma_C, and the errors of its terms average to u H:
        E    absolute error of log p    8u(|log p| + 1) + u(|x| + |lse|) + gamma_C + u H
        rho  relative error of p        8u + u z + gamma_C + u H + E
    E stands in rho because p may be computed as exp(x - lse).
    """

    p: np.ndarray
    log_p: np.ndarray
    E: np.ndarray
    rho: np.ndarray
    gamma: float

    @classmethod
    def of(cls, x: np.ndarray, axis: int, u: float) -> Rounding:
        top = x.max(axis, keepdims=True, initial=-np.inf)
        z = top - x
        total = np.exp(-z).sum(axis, keepdims=True)
        log_p = -z - np.log(total)
        p = np.exp(log_p)
        count = gamma(x.shape[axis], u)
        spread = u * (p * z).sum(axis, keepdims=True)
        error = 8 * u * (np.abs(log_p) + 1) + u * (np.abs(x) + np.abs(top + np.log(total))) + count + spread
        return cls(p, log_p, error, 8 * u + u * z + count + spread + error, count)


def _softmax(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """dx = p (dout - S), of Softmin its negative; S = sum p dout is off by sum p |dout| (rho + gamma_C), p by rho."""
    axis, dout = case.settings.get("dim", -3), np.abs(call.upstream["dout"])
    r = Rounding.of(-call.inputs["x"] if case.spec.name == "Softmin" else call.inputs["x"], axis, u)
    S = np.abs((r.p * call.upstream["dout"]).sum(axis, keepdims=True))
    dS = (r.p * dout * (r.rho + r.gamma)).sum(axis, keepdims=True)
    return {
        "out": r.p * r.rho + 4 * tiny,
        "dx": r.p * ((r.rho + 8 * u) * (dout + S) + dS) + 4 * tiny * (dout + S),
    }


def _log_softmax(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """dx = dout - p * sum dout, which may be had as the sum over a row of the Jacobian: gamma_C of all its terms."""
    axis, dout = case.settings["dim"], np.abs(call.upstream["dout"])
    r = Rounding.of(call.inputs["x"], axis, u)
    total = np.abs(call.upstream["dout"].sum(axis, keepdims=True))
    absolute = dout.sum(axis, keepdims=True)
    sums = r.gamma * (dout + r.p * absolute)
    return {
        "out": r.E,
        "dx": 8 * u * (dout + r.p * total) + sums + r.p * r.rho * total + 4 * tiny * (1 + absolute),
    }


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    x, dim = shapes["x"], args["dim"]
    expect(type(dim) is int and -len(x) <= dim < len(x), f"dim={dim}: x of shape {x} has no such axis")
    return Tensors({"out": x})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    match style:
        case "random" | "empty":
            return {"x": Uniform(-4, 4)}
        case "large":
            return {"x": Uniform(-500, 500)}
        case "offset":
            return {"x": Uniform(1000, 1004)}
    return {}


def _grid() -> Iterator[Setting]:
    first = [((1, 1), 1), ((1, 2), 1), ((2, 3), 1), ((3, 2), 1), ((3, 3), 1), ((4, 5), 1), ((2, 3), 0), ((3, 4), -1),
             ((5, 2), 0), ((2, 10), 1), ((2, 3, 4), 1), ((4, 3), 1)]  # fmt: skip
    more = [((3,), 0), ((2, 3, 4), 0), ((2, 3, 4), 2), ((2, 3, 4), -2), ((2, 4, 3, 2), 1), ((2, 4, 3, 2), 3),
            ((1, 1000), 1), ((7, 1), 1), ((1, 7), 0), ((64, 10), 1), ((5, 33), -1), ((2, 2, 2, 2, 2), 2)]  # fmt: skip
    for shape, dim in first + more:
        yield Setting({"dim": dim}, {"x": shape})


def _images(args: Args, shapes: Shapes) -> Tensors:
    expect(len(shapes["x"]) in (3, 4), f"x has shape {shapes['x']}: (N, C, H, W) or (C, H, W) expected")
    return Tensors({"out": shapes["x"]})


def _image_grid() -> Iterator[Setting]:
    for shape in [(1, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 1), (2, 3, 2, 2), (1, 2, 3, 1), (2, 4, 3, 2), (3, 2, 2, 3),
                  (4, 3, 2), (3, 1, 4), (2, 10, 1, 2), (1, 5, 4, 4), (2, 2, 2), (1, 100, 1, 1), (4, 4, 4, 4),
                  (5, 1, 2), (2, 3, 7, 5)]:  # fmt: skip
        yield Setting({}, {"x": shape})


def _spec(name: str, formula: Callable[..., dict[str, np.ndarray]]) -> LayerSpec:
    return LayerSpec(name, ("dim",), {}, _tensors, _grid, Formula(formula),
                     styles=("large", "offset", "strided", "empty"), draws=_draws,
                     exact=lambda args: False)  # fmt: skip


SPECS = (
    _spec("Softmax", _softmax),
    _spec("LogSoftmax", _log_softmax),
    _spec("Softmin", _softmax),
    LayerSpec("Softmax2d", (), {}, _images, _image_grid, Formula(_softmax),
              styles=("large", "offset", "strided", "empty"), draws=_draws, exact=lambda args: False),
)  # fmt: skip
