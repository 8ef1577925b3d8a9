"""Losses of the distance d = x - target between two arrays of one shape, one loss for each element.

Each function stands with its gradients below it: `share` is the upstream gradient of each loss, and there is one
gradient for each input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def l1(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """|d|"""
    return np.abs(x - target)


def l1_gradients(share: np.ndarray, x: np.ndarray, target: np.ndarray) -> Pair:
    """dx = sign(d), 0 where d = 0;   dtarget = -dx"""
    dx = share * np.sign(x - target)
    return dx, -dx


def smooth_l1(x: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2"""
    d = np.abs(x - target)
    if beta == 0:
        return d
    return np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def smooth_l1_gradients(share: np.ndarray, x: np.ndarray, target: np.ndarray, beta: float) -> Pair:
    """dx = d / beta where |d| < beta, else sign(d);   dtarget = -dx"""
    if beta == 0:
        return l1_gradients(share, x, target)
    d = x - target
    dx = share * np.where(np.abs(d) < beta, d / beta, np.sign(d))
    return dx, -dx


def huber(x: np.ndarray, target: np.ndarray, delta: float) -> np.ndarray:
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)"""
    d = np.abs(x - target)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def huber_gradients(share: np.ndarray, x: np.ndarray, target: np.ndarray, delta: float) -> Pair:
    """dx = d, no lower than -delta and no higher than delta;   dtarget = -dx"""
    dx = share * np.clip(x - target, -delta, delta)
    return dx, -dx


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "L1Loss": (l1, l1_gradients),
    "SmoothL1Loss": (smooth_l1, smooth_l1_gradients),
    "HuberLoss": (huber, huber_gradients),
}
