"""Losses of the distance o - t between two numbers: L, and its slopes for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Slopes = tuple[float, float]


def l1(o: float, t: float) -> float:
    return abs(o - t)


def l1_slopes(o: float, t: float) -> Slopes:
    s = 1 if o > t else -1 if o < t else 0
    return s, -s


def smooth_l1(o: float, t: float, beta: float) -> float:
    d = abs(o - t)
    return d * d / (2 * beta) if d < beta else d - beta / 2


def smooth_l1_slopes(o: float, t: float, beta: float) -> Slopes:
    if abs(o - t) >= beta:
        return l1_slopes(o, t)
    return (o - t) / beta, (t - o) / beta


def huber(o: float, t: float, delta: float) -> float:
    d = abs(o - t)
    return d * d / 2 if d <= delta else delta * (d - delta / 2)


def huber_slopes(o: float, t: float, delta: float) -> Slopes:
    s = min(max(o - t, -delta), delta)
    return s, -s


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "L1Loss": (l1, l1_slopes),
    "SmoothL1Loss": (smooth_l1, smooth_l1_slopes),
    "HuberLoss": (huber, huber_slopes),
}
