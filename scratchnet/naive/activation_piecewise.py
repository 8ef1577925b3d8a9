"""Activations made of straight lines, on one number i: f and its slope f'."""

from __future__ import annotations

from collections.abc import Callable


def relu(i: float) -> float:
    return 0.0 if i <= 0 else i


def relu_slope(i: float) -> float:
    return 0.0 if i <= 0 else 1.0


def leaky_relu(i: float, negative_slope: float) -> float:
    return i if i > 0 else negative_slope * i


def leaky_relu_slope(i: float, negative_slope: float) -> float:
    return 1.0 if i > 0 else negative_slope


def hardtanh(i: float, min_val: float, max_val: float) -> float:
    return min_val if i <= min_val else max_val if i >= max_val else i


def hardtanh_slope(i: float, min_val: float, max_val: float) -> float:
    return 1.0 if min_val < i < max_val else 0.0


def relu6(i: float) -> float:
    return hardtanh(i, 0.0, 6.0)


def relu6_slope(i: float) -> float:
    return hardtanh_slope(i, 0.0, 6.0)


def hardsigmoid(i: float) -> float:
    return relu6(i + 3) / 6


def hardsigmoid_slope(i: float) -> float:
    return 1 / 6 if -3 < i < 3 else 0.0


def hardswish(i: float) -> float:
    return i * hardsigmoid(i)


def hardswish_slope(i: float) -> float:
    return 0.0 if i <= -3 else 1.0 if i >= 3 else (2 * i + 3) / 6


def hardshrink(i: float, lambd: float) -> float:
    return 0.0 if -lambd <= i <= lambd else i


def softshrink(i: float, lambd: float) -> float:
    return i - lambd if i > lambd else i + lambd if i < -lambd else 0.0


def shrink_slope(i: float, lambd: float) -> float:
    return 0.0 if -lambd <= i <= lambd else 1.0


def threshold(i: float, threshold: float, value: float) -> float:
    return value if i <= threshold else i


def threshold_slope(i: float, threshold: float, value: float) -> float:
    return 0.0 if i <= threshold else 1.0


FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "ReLU": (relu, relu_slope),
    "LeakyReLU": (leaky_relu, leaky_relu_slope),
    "ReLU6": (relu6, relu6_slope),
    "Hardtanh": (hardtanh, hardtanh_slope),
    "Hardsigmoid": (hardsigmoid, hardsigmoid_slope),
    "Hardswish": (hardswish, hardswish_slope),
    "Hardshrink": (hardshrink, shrink_slope),
    "Softshrink": (softshrink, shrink_slope),
    "Threshold": (threshold, threshold_slope),
}
