"""Activations as loops: f and its slope f' on one number. I input, O output, dO upstream gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def activation(I: np.ndarray, name: str, **settings: Any) -> np.ndarray:
    """O[n] = f(I[n]); `name` is a key of FUNCTIONS."""
    f, _ = FUNCTIONS[name]
    O = np.zeros_like(I)
    for n in np.ndindex(I.shape):
        O[n] = f(float(I[n]), **settings)
    return O


def activation_gradient(dO: np.ndarray, I: np.ndarray, name: str, **settings: Any) -> np.ndarray:
    """dI[n] = dO[n] * f'(I[n])"""
    _, slope = FUNCTIONS[name]
    dI = np.zeros_like(I)
    for n in np.ndindex(I.shape):
        dI[n] = dO[n] * slope(float(I[n]), **settings)
    return dI


def relu(i: float) -> float:
    return 0.0 if i <= 0 else i


def relu_slope(i: float) -> float:
    return 0.0 if i <= 0 else 1.0


def sigmoid(i: float) -> float:
    return 1 / (1 + math.exp(-i)) if i >= 0 else math.exp(i) / (1 + math.exp(i))


def sigmoid_slope(i: float) -> float:
    return sigmoid(i) * (1 - sigmoid(i))


def tanh(i: float) -> float:
    return math.tanh(i)


def tanh_slope(i: float) -> float:
    return 1 - math.tanh(i) ** 2


FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "ReLU": (relu, relu_slope),
    "Sigmoid": (sigmoid, sigmoid_slope),
    "Tanh": (tanh, tanh_slope),
}
