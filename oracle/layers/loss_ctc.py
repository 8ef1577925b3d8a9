"""CTCLoss as the oracle knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
from oracle.layers.loss_shared import REDUCTIONS, reduction_of
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shapes, Tensors, Uniform, expect

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Rounded = tuple[np.ndarray, np.ndarray]  # logarithms, and how far rounding may have taken them


def _log_add(a: Rounded, b: Rounded, u: float) -> Rounded:
    """log(exp a + exp b), had as the larger plus log(1 + exp(-|a - b|)): the errors of a and b come with weights that
    sum to 1; the exponential, the 1 and the logarithm are rounded, and the sum."""
    value = np.logaddexp(a[0], b[0])
    error = np.maximum(np.where(a[0] > -np.inf, a[1], 0), np.where(b[0] > -np.inf, b[1], 0))
    return value, error + np.where(value > -np.inf, 8 * u * (1 + np.abs(value)), 0)


def _beginnings(x: np.ndarray, e: np.ndarray, blank: int, u: float) -> Rounded:
    """alpha of one sequence; each frame adds its own logarithm, with one rounding."""
    alpha, error = np.full((len(x), len(e)), -np.inf), np.zeros((len(x), len(e)))
    alpha[0, :2] = x[0, e[:2]]
    skips = np.append([False, False], (e[2:] != blank) & (e[2:] != e[:-2]))[: len(e)]

    def moved(row: Rounded, by: int) -> Rounded:
        value, off = (np.append(np.full(by, fill), part)[: len(e)] for fill, part in zip((-np.inf, 0.0), row))
        return (np.where(skips, value, -np.inf), off) if by == 2 else (value, off)

    for t in range(1, len(x)):
        before = alpha[t - 1], error[t - 1]
        value, off = _log_add(_log_add(before, moved(before, 1), u), moved(before, 2), u)
        alpha[t] = value + x[t, e]
        error[t] = np.where(alpha[t] > -np.inf, off + u * np.abs(alpha[t]), 0)
    return alpha, error


def _ctc(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """Running error analysis of the recurrence. dx = dout (exp x - exp(w + L - x)), w the logarithm of the sum of
    alpha + beta over the places of a class: the exponent is off by the errors of w and L, and by the roundings of its
    sums."""
    settings, dout = case.settings, np.abs(call.upstream["dout"])
    x = call.inputs["x"] if call.inputs["x"].ndim == 3 else call.inputs["x"][:, None]
    N, mean = x.shape[1], settings["reduction"] == "mean"
    target, frames, lengths = (np.asarray(call.inputs[name]) for name in ("target", "input_lengths", "target_lengths"))
    target, frames, lengths = target.reshape(N, -1), frames.reshape(N), lengths.reshape(N)
    of_loss, losses, dx = np.zeros(N), np.zeros(N), np.zeros(x.shape)
    for n in range(N):
        own, e = x[: frames[n], n], np.full(2 * lengths[n] + 1, settings["blank"])
        e[1::2] = target[n, : lengths[n]]
        alpha, a_error = _beginnings(own, e, settings["blank"], u)
        beta, b_error = (part[::-1, ::-1] for part in _beginnings(own[::-1], e[::-1], settings["blank"], u))
        L, error = alpha[-1, -1], a_error[-1, -1]
        if len(e) > 1:
            L, error = _log_add((L, error), (alpha[-1, -2], a_error[-1, -2]), u)
        if np.isinf(L):
            continue  # inf, or 0 with zero_infinity: nothing rounds
        D = max(lengths[n], 1) if mean else 1
        losses[n], of_loss[n] = np.abs(L) / D, error / D
        w, w_error = np.full(own.shape, -np.inf), np.zeros(own.shape)
        for s, c in enumerate(e):
            joint = alpha[:, s] + beta[:, s]
            off = a_error[:, s] + b_error[:, s] + u * np.abs(joint)
            w[:, c], w_error[:, c] = _log_add((w[:, c], w_error[:, c]), (joint, off), u)
        there = w > -np.inf
        part = np.exp(np.where(there, w - L - own, -np.inf))
        exponent = np.where(there, w_error + error + 3 * u * (np.abs(w) + np.abs(L) + np.abs(own)), 0)
        share = (dout[n] if dout.ndim else dout) / D / (N if mean else 1)
        dx[: frames[n], n] = share * (8 * u * np.exp(own) + part * (np.expm1(exponent) + 12 * u)) + 4 * tiny
    if settings["reduction"] == "none":
        out = of_loss
    else:
        out = (of_loss.sum() + gamma(N + 2, u) * losses.sum()) / (N if mean else 1)
    return {"out": np.reshape(out, expected["out"].shape), "dx": dx.reshape(call.inputs["x"].shape)}


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    x, target = shapes["x"], shapes["target"]
    expect(len(x) in (2, 3) and min(x) >= 1, f"x {x}: (T, N, C) or (T, C) expected")
    batch = x[1:-1]
    expect(x[-1] >= 2, f"x {x}: two classes or more expected")
    expect(args["blank"] in (0, x[-1] - 1), f"blank={args['blank']}: the first or the last of {x[-1]} classes expected")
    expect(len(target) == len(x) - 1 and target[:-1] == batch, f"target {target}: {(*batch, 'S')} expected")
    for name in ("input_lengths", "target_lengths"):
        expect(shapes[name] == batch, f"{name} {shapes[name]}: {batch} expected")
    return Tensors({"out": batch if reduction_of(args) == "none" else ()})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Logarithms of any numbers below 1: that each frame sums to 1 is not needed. No label is the blank; a sequence
    without a batch has all of its labels, as torch takes a target of one axis for labels one after the other."""
    T, C, S = shapes["x"][0], shapes["x"][-1], shapes["target"][-1]
    labels = Integers(1, C - 1, index=True) if args["blank"] == 0 else Integers(0, C - 2, index=True)
    return {
        "x": Uniform(-400 if style == "large" else -4, 0),
        "target": labels,
        "input_lengths": Integers(max(T - 1, 1), T, index=True),
        "target_lengths": Integers(min(1, S) if len(shapes["x"]) == 3 else S, S, index=True),
    }


def _grid() -> Iterator[Setting]:
    """T frames, N sequences, C classes, S labels at most; where T < 2 S some sequences have no alignment. In the first
    dozen these have a reduction of none, under which an infinite loss leaves the others as they are."""
    sizes = [(4, 2, 3, 2), (5, 2, 4, 2), (3, 2, 3, 3), (6, 3, 3, 2), (6, 2, 5, 3), (4, 4, 3, 4), (9, 2, 6, 4),
             (8, 2, 3, 3), (4, 3, 3, 3), (7, 4, 4, 3), (12, 3, 5, 5), (3, 3, 4, 3), (2, 1, 2, 1), (4, 3, 3, 1),
             (1, 2, 3, 1), (20, 2, 10, 8), (5, 1, 2, 2)]  # fmt: skip
    settings: list[Args] = [{}, {"zero_infinity": True}, {"blank": -1}]
    turns = zip([*sizes] * 4, cycle(REDUCTIONS), cycle((*settings, {"blank": -1, "zero_infinity": True})))
    for place, ((T, N, C, S), reduction, args) in enumerate(turns):
        args = {**args, "reduction": reduction} | ({"blank": C - 1} if "blank" in args else {})
        batch = (N,) if place % 8 != 7 else ()
        shapes = {"x": (T, *batch, C), "target": (*batch, S), "input_lengths": batch, "target_lengths": batch}
        yield Setting(args, shapes)


SPECS = (
    LayerSpec("CTCLoss", (), {"blank": 0, "reduction": "mean", "zero_infinity": False}, _tensors, _grid, Formula(_ctc),
              inputs=("x", "target", "input_lengths", "target_lengths"), styles=("large", "strided"), draws=_draws,
              exact=lambda args: False),
)  # fmt: skip
