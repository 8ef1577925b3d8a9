"""Upsample, UpsamplingNearest2d and UpsamplingBilinear2d as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
from oracle.layers.spec import Args, LayerSpec, Setting, Shape, Shapes, Tensors, expect, per_axis, spread

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

AXES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}
FIXED: dict[str, Args] = {
    "Upsample": {},
    "UpsamplingNearest2d": {"mode": "nearest"},
    "UpsamplingBilinear2d": {"mode": "bilinear", "align_corners": True},
}


def settings_of(args: Args) -> dict[str, Any]:
    return {"mode": "nearest", "align_corners": None, "recompute_scale_factor": None, **args}


def axes_of(args: Args, sizes: Shape) -> list[tuple[int, int, float]]:
    """(size, output size, input steps per output step) of each axis, align_corners aside."""
    if args["size"] is not None:
        outs = per_axis(args["size"], len(sizes))
        expect(min(outs) >= 1, f"size={args['size']}: at least 1 expected")
        return [(i, o, i / o) for i, o in zip(sizes, outs, strict=True)]
    factors = args["scale_factor"]
    factors = factors if isinstance(factors, tuple) else (factors,) * len(sizes)
    expect(len(factors) == len(sizes), f"scale_factor={factors}: one number or {len(sizes)} of them expected")
    expect(all(0 < factor < math.inf for factor in factors), f"scale_factor={factors}: positive numbers expected")
    outs = tuple(math.floor(i * factor) for i, factor in zip(sizes, factors, strict=True))
    expect(min(outs) >= 1, f"scale_factor={factors}: the output size would be 0")
    recompute = args["recompute_scale_factor"]
    return [(i, o, i / o if recompute else 1 / f) for i, o, f in zip(sizes, outs, factors, strict=True)]


def _tensors(fixed: Args, args: Args, shapes: Shapes) -> Tensors:
    x, args = shapes["x"], settings_of({**args, **fixed})
    mode = args["mode"]
    expect(mode in AXES, f"mode={mode}: one of {', '.join(AXES)} expected")
    expect(len(x) - 2 in (AXES[mode] if not fixed else (2,)), f"mode={mode} does not take x of {len(x)} axes")
    expect(min(x[1:]) >= 1, f"x has shape {x}: only the batch may be empty")
    expect((args["size"] is None) != (args["scale_factor"] is None), "one of size and scale_factor expected, not both")
    expect(mode != "nearest" or args["align_corners"] is None, "align_corners has no meaning with mode=nearest")
    expect(not (args["recompute_scale_factor"] and args["size"]), "recompute_scale_factor needs a scale_factor")
    axes = axes_of(args, x[2:])
    expect(mode != "nearest" or all(_certain(*axis) for axis in axes),
           "torch's own layers disagree on the nearest pixel of such sizes: it rounds the ratio to float32, or takes "
           "another ratio where the output is as large as the input, or twice")  # fmt: skip
    return Tensors({"out": (*x[:2], *(out for _, out, _ in axes))})


def _certain(size: int, out: int, ratio: float) -> bool:
    """Whether float32 and float64, a product with the ratio and a quotient, and torch's short cuts for equal and for
    double sizes all find the same pixels."""
    o = np.arange(out)
    exact = o * size // out if ratio == size / out else np.floor(o * ratio)
    single = np.floor(o.astype(np.float32) * np.float32(ratio))
    same = all(np.array_equal(exact, other) for other in (single, np.floor(o * ratio), np.floor(o / (1 / ratio))))
    short = {size: o, 2 * size: o // 2}.get(out, exact)
    return same and np.array_equal(np.minimum(exact, size - 1), short)


# ---- the bound


def _matrices(args: Args, size: int, out: int, ratio: float, u: float) -> tuple[np.ndarray, np.ndarray]:
    """(absolute weights, how far rounding may take each of them) of one axis, both (out, size).

    The coordinate s takes at most six roundings of numbers up to ratio*(o + 1/2) + 1. A linear weight follows it with
    slope 1, a cubic one with slope 1.35 at most, and a pixel next to those that are taken may come in where s is
    next to a whole number. 1 - part rounds twice; Keys's polynomials take 8 roundings of terms that add to at most 36.
    """
    weights, errors = np.zeros((out, size)), np.zeros((out, size))
    cubic, corners = args["mode"] == "bicubic", bool(args["align_corners"])
    for o in range(out):
        if args["mode"] == "nearest":
            weights[o, min(math.floor(o * ratio), size - 1)] = 1  # certain, see above
            continue
        step = ((size - 1) / (out - 1) if out > 1 else 0.0) if corners else ratio
        s = o * step if corners else (o + 0.5) * step - 0.5
        s = s if cubic else max(s, 0.0)
        off = gamma(6, u) * (step * (o + 0.5) + 1)
        left, reach = math.floor(s), 2 if cubic else 1
        for i in range(left - reach, left + reach + 2):
            place = min(max(i, 0), size - 1)
            weights[o, place] += abs(_keys(abs(s - i))) if cubic else max(0.0, 1 - abs(s - i))
            errors[o, place] += 1.35 * off + gamma(8, u) * 36 if cubic else off + 2 * u
    return weights, errors


def _keys(t: float, a: float = -0.75) -> float:
    if t > 2:
        return 0.0
    return (a + 2) * t**3 - (a + 3) * t**2 + 1 if t <= 1 else a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a


def _apply(matrices: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    for axis, matrix in enumerate(matrices, start=2):
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def _bound(fixed: Args, case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """Weights W that are off by at most E on each axis, and gamma_m for the sums: |W + E| |x| - |W| |x| + gamma_m |W +
    E| |x|, and the same with the transposes for dx. m: the products and sums of all taps, and of one more factor an
    axis; in dx of all outputs that a pixel gives to."""
    args = settings_of({**call.settings, **fixed})
    x, dout = np.abs(call.inputs["x"]), np.abs(call.upstream["dout"])
    pairs = [_matrices(args, *axis, u) for axis in axes_of(args, x.shape[2:])]
    plain, wide = [w for w, _ in pairs], [w + e for w, e in pairs]
    exact = args["mode"] == "nearest"
    taps, given = (math.prod(max((w != 0).sum(axis).max(), 1) for w in wide) for axis in (1, 0))
    more = 2 * len(pairs)

    def bound(
        weights: list[np.ndarray], weights_and_errors: list[np.ndarray], values: np.ndarray, m: int
    ) -> np.ndarray:
        largest = _apply(weights_and_errors, values)
        return largest - _apply(weights, values) + gamma(m, u) * largest

    return {
        "out": bound(plain, wide, x, 0 if exact else taps + more),
        "dx": bound([w.T for w in plain], [w.T for w in wide], dout, given if exact else given + more),
    }


def _copies(case: Case) -> int:
    """How many outputs one pixel may give to."""
    sizes = zip(case.shapes["x"][2:], case.tensors.outputs["out"][2:], strict=True)
    return math.prod(-(-out // size) + 1 for size, out in sizes)


# ---- the grids


def _grid(fixed: Args) -> Iterator[Setting]:
    def make(mode: str, lead: Shape, sizes: Shape, how: tuple[str, Any], corners: bool | None = None,
             again: bool | None = None) -> Setting | None:  # fmt: skip
        axes = len(sizes)
        if fixed and (mode != fixed["mode"] or corners != fixed.get("align_corners") or again):
            return None
        if mode not in AXES or axes not in AXES[mode]:
            return None
        name, value = how
        if isinstance(value, tuple):
            value = value[:axes]
        args = {name: value}
        if not fixed:
            args |= {"mode": mode, "align_corners": corners, "recompute_scale_factor": again}
        try:
            _tensors(fixed, {"size": None, "scale_factor": None, **args}, {"x": (*lead, *sizes)})
        except ValueError:
            return None
        return Setting(args, {"x": (*lead, *sizes)})

    double, size, uneven = ("scale_factor", 2.0), ("size", 5), ("size", (4, 7, 3))
    modes = [fixed["mode"]] if fixed else ["nearest", "bilinear", "linear", "bicubic", "trilinear"]
    corners = fixed.get("align_corners") if fixed else None
    hows = ((double, corners), (uneven, True), (size, corners or False), (("scale_factor", 1.5), corners))
    first = [
        make(mode, (2, 2), (3, 2, 4)[: AXES[mode][-2:][0]], how, None if mode == "nearest" else aligned)
        for how, aligned in hows
        for mode in modes
    ]
    axes: dict[str, Any] = {
        "mode": modes,
        "lead": [(1, 1), (2, 3), (3, 1)],
        "sizes": [(3,), (5,), (1,), (3, 4), (2, 2), (1, 5), (5, 3), (2, 3, 2), (1, 2, 3)],
        "how": [double, size, uneven, ("scale_factor", 3.0), ("size", 1), ("scale_factor", (2.0, 1.5, 1.0)),
                ("scale_factor", 0.5), ("size", 2), ("scale_factor", 1.7), ("size", (3, 1, 4)), ("scale_factor", 2.5)],
        "corners": [None, True, False],
        "again": [None, None, True, False],
    }  # fmt: skip
    yield from spread(axes, 50 if fixed else 140, make, [setting for setting in first if setting is not None])


def _spec(name: str) -> LayerSpec:
    fixed = FIXED[name]
    defaults: dict[str, Any] = {"size": None, "scale_factor": None}
    if not fixed:
        defaults |= {"mode": "nearest", "align_corners": None, "recompute_scale_factor": None}
    return LayerSpec(name, (), defaults, partial(_tensors, fixed), partial(_grid, fixed),
                     Formula(partial(_bound, fixed), _copies), styles=("strided", "empty"),
                     exact=lambda args: settings_of({**args, **fixed})["mode"] == "nearest")  # fmt: skip


SPECS = tuple(map(_spec, FIXED))
