"""How far rounding alone may take an activation: the size F of its intermediate results, for out and for dx/|dout|.

The error of an elementwise function is bounded by 8 u F, where F is what the function's own intermediate results are
as large as; the factor 8 leaves room for one exponential, tanh or erf of the platform's library and a few operations
(5.9 was the most that 14,043 points in -200..200 needed against exact arithmetic). Below the smallest normal number
rounding is absolute: 4 TINY max(1, |x|) max(1, |dout|).

Where a formula subtracts from 1 what rounds to 1, the 1 is the size: 1 - s, 1 - tanh^2, exp(x) - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import U_REFERENCE, Arrays, Formula, U

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Size = Callable[..., np.ndarray]  # (x, **settings) -> F


def elementwise(out_size: Size, slope_size: Size) -> Formula:
    """The bound of one function: F of out, and F of dx/|dout|."""

    def bound(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
        x, dout = call.inputs["x"], np.abs(call.upstream["dout"])
        floor = 4 * tiny * np.maximum(1, np.abs(x))
        return {
            "out": 8 * u * out_size(x, **case.settings) + floor,
            "dx": 8 * u * slope_size(x, **case.settings) * dout + floor * np.maximum(1, dout),
        }

    return Formula(bound)


def one(x: np.ndarray, **settings: Any) -> np.ndarray:
    return np.ones_like(x)


def size(x: np.ndarray, **settings: Any) -> np.ndarray:
    return np.abs(x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def phi(x: np.ndarray) -> np.ndarray:
    """the normal density"""
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# ---- straight lines. What only moves values, or puts a setting in their place, rounds nothing but the setting.


def _off(setting: float, u: float) -> float:
    """How far the setting itself is rounded in the dtype with unit roundoff u."""
    if u <= U_REFERENCE:
        return 0.0
    return abs(float(np.float32(setting)) - setting) if u == U["float32"] else u * abs(setting)


def _undecided(x: np.ndarray, kink: float, u: float) -> np.ndarray:
    """Where x lies between the kink and the rounded kink, so that it counts to either side."""
    off = _off(kink, u)
    return np.abs(x - kink) <= off if off else np.zeros(x.shape, bool)


def moved(kinks: Callable[..., tuple[float, ...]], values: Callable[..., tuple[float, ...]]) -> Formula:
    """out is x or one of `values`, dx is dout or 0, and which of them changes at `kinks`; both of the settings."""

    def bound(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
        x, dout, out = call.inputs["x"], np.abs(call.upstream["dout"]), expected["out"]
        of_out, of_dx = np.zeros(x.shape), np.zeros(x.shape)
        for value in values(**case.settings):
            of_out += np.where(out == value, _off(value, u), 0)
        for kink in kinks(**case.settings):
            jump = max(np.abs(kink - value) for value in values(**case.settings))
            of_out += np.where(_undecided(x, kink, u), jump + _off(kink, u), 0)
            of_dx += np.where(_undecided(x, kink, u), dout, 0)
        return {"out": of_out, "dx": of_dx}

    return Formula(bound)


def softshrink(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """x - lambd or x + lambd: one rounding, and that of lambd; dx is dout or 0."""
    x, lambd = call.inputs["x"], case.settings["lambd"]
    kink = _undecided(x, lambd, u) | _undecided(x, -lambd, u)
    shrunk = u * np.abs(expected["out"]) + (1 + u) * _off(lambd, u)
    return {
        "out": np.where((np.abs(x) > lambd) | kink, shrunk, 0),
        "dx": np.where(kink, np.abs(call.upstream["dout"]), 0),
    }


def leaky(x: np.ndarray, negative_slope: float) -> np.ndarray:
    return np.where(x > 0, 0, np.abs(negative_slope * x))


def leaky_slope(x: np.ndarray, negative_slope: float) -> np.ndarray:
    return np.where(x > 0, 0, abs(negative_slope))


# torch's gradient of Hardsigmoid has 1/6, that of CELU has alpha, in float32 even where all else is float64.
SIXTH_OFF = float(np.float32(1 / 6)) - 1 / 6


def hardsigmoid(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """(x + 3) / 6; the reference's slope is off by SIXTH_OFF."""
    x, dout = call.inputs["x"], np.abs(call.upstream["dout"])
    inside, own = np.abs(x) < 3, SIXTH_OFF if u <= U_REFERENCE else 0
    return {
        "out": np.where(inside, 8 * u * (np.abs(x) + 3) / 6, 0),
        "dx": np.where(inside, dout * (8 * u / 6 + own), 0) + 4 * tiny * np.maximum(1, dout),
    }


def hardswish(x: np.ndarray) -> np.ndarray:
    """x * 6 / 6 rounds too, above 3"""
    return np.where(x > -3, np.abs(x) * np.minimum((np.abs(x) + 3) / 6, 1), 0)


def hardswish_slope(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, (2 * np.abs(x) + 3) / 6, 0)


# ---- exponentials


def elu(x: np.ndarray, alpha: float) -> np.ndarray:
    """alpha exp(x) - alpha"""
    return np.where(x > 0, 0, abs(alpha))


def selu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, 1.06 * x, 1.76)


def selu_slope(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, 1.06, 1.76)


def celu(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """alpha (exp(z) - 1), z = x / alpha rounded: exp(z) is off by u |z| as well. dx/dout = exp(z), which may be had as
    out / alpha + 1. The reference computes it with alpha in float32: that is off by exp(z) (1 + |z|) times the
    relative rounding of alpha.
    """
    x, dout, alpha = call.inputs["x"], np.abs(call.upstream["dout"]), case.settings["alpha"]
    z = np.minimum(x, 0) / alpha
    changed = np.exp(z) * (1 + np.abs(z))
    F = np.where(x > 0, 0, 1 + changed)
    own = _off(alpha, U["float32"]) / abs(alpha) if u <= U_REFERENCE else 0
    floor = 4 * tiny * np.maximum(1, np.abs(x))
    return {
        "out": 8 * u * abs(alpha) * F + floor,
        "dx": dout * (8 * u * F + np.where(x > 0, 0, own * changed)) + floor * np.maximum(1, dout),
    }


# Beyond |y| = 20 tanh(y) is 1 to the last digit of both precisions, and 1 - tanh(y)^2 is 0 without an error.
_FLAT = 20


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    return np.abs(x)


def gelu_slope(x: np.ndarray, approximate: str) -> np.ndarray:
    """Phi + x phi, phi off by u x^2 / 2 from its argument; with "tanh" (1 + t) / 2 + x (1 - t^2) y' / 2, t = tanh(y),
    where 1 - t^2 is off by u from the 1, and by 2 |y| (1 - t^2) u from y."""
    if approximate == "none":
        return 1 + np.abs(x) * phi(x) * (1 + x * x / 2)
    k = math.sqrt(2 / math.pi)
    y, dy = k * (x + 0.044715 * x**3), k * (1 + 3 * 0.044715 * x * x)
    t = np.tanh(y)
    return 1 + np.where(np.abs(y) < _FLAT, np.abs(x) * dy / 2 * (1 + 2 * np.abs(y) * (1 - t * t)), 0)


def silu(x: np.ndarray) -> np.ndarray:
    return np.abs(x) * sigmoid(x)


def silu_slope(x: np.ndarray) -> np.ndarray:
    return sigmoid(x) * (1 + np.abs(x))


def logsigmoid(x: np.ndarray) -> np.ndarray:
    """log of 1 + exp(-x): the 1 is rounded"""
    return 1 + np.logaddexp(0, -x)


def mish_slope(x: np.ndarray) -> np.ndarray:
    """t + x (1 - t^2) s, where 1 - t^2 is off by u from the 1 (see _FLAT: log(1 + exp(x)) is about x there)"""
    return 1 + np.where(x < _FLAT, np.abs(x) * sigmoid(x), 0)


def softplus(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """z = beta x, one rounding: out = log(1 + exp(z)) / beta has the size (1 + softplus(z)) / beta, as the 1 is
    rounded, dx/dout = sigmoid(z) that of s (1 + |z|), the second from z.

    torch gives x and 1 where z > threshold, off by what exp(-z) leaves. Where that is less than exp(-20), the
    threshold's default, a subject without it is the more accurate one. Where z is the threshold to the last digit,
    either side is right.
    """
    x, dout = call.inputs["x"], np.abs(call.upstream["dout"])
    beta, threshold = case.settings["beta"], case.settings["threshold"]
    z = beta * x
    s, linear = sigmoid(z), np.log1p(np.exp(-np.abs(z)))
    free = (z > max(threshold, 20)) | (np.abs(z - threshold) <= 4 * u * abs(threshold)) & (_off(beta, u) > 0)
    floor = 4 * tiny * np.maximum(1, np.abs(x))
    return {
        "out": (8 * u * (1 + np.logaddexp(0, z)) + np.where(free, linear, 0)) / abs(beta) + floor,
        "dx": dout * (8 * u * s * (1 + np.abs(z)) + np.where(free, 1 - s, 0)) + floor * np.maximum(1, dout),
    }


def rrelu(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """One product with the slope; in evaluation the slope is a sum of two settings, all three rounded."""
    x, dout = call.inputs["x"], np.abs(call.upstream["dout"])
    slope = np.abs(expected["slopes"])
    size = max(abs(case.settings["lower"]), abs(case.settings["upper"]))
    off = 0 if case.training else 3 * u * size
    share = np.where(x > 0, 0, u * slope + (1 + u) * off)
    return {"out": share * np.abs(x) + 4 * tiny, "dx": share * dout + 4 * tiny, "slopes": np.full(x.shape, off)}


def glu(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """out = a s, da = dout s, db = dout a s (1 - s): 1 - s cancels, so that db has the size of dout a s."""
    a, b = np.split(call.inputs["x"], 2, case.settings["dim"])
    dout, s = np.abs(call.upstream["dout"]), sigmoid(b)
    out = 8 * u * np.abs(a) * s + 4 * tiny * np.maximum(1, np.abs(a))
    da = 8 * u * dout * s + 4 * tiny * np.maximum(1, dout)
    db = dout * 8 * u * np.abs(a) * s + 4 * tiny * np.maximum(1, dout) * np.maximum(1, np.abs(a))
    return {"out": out, "dx": np.concatenate([da, db], case.settings["dim"])}
