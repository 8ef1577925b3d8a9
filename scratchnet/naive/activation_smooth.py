"""Activations made of exponentials, on one number i: f and its slope f'."""

from __future__ import annotations

import math
from collections.abc import Callable

ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946  # of selu


def sigmoid(i: float) -> float:
    return 1 / (1 + math.exp(-i)) if i >= 0 else math.exp(i) / (1 + math.exp(i))


def sigmoid_slope(i: float) -> float:
    return sigmoid(i) * (1 - sigmoid(i))


def tanh(i: float) -> float:
    return math.tanh(i)


def tanh_slope(i: float) -> float:
    return 1 - math.tanh(i) ** 2


def tanhshrink(i: float) -> float:
    return i - math.tanh(i)


def tanhshrink_slope(i: float) -> float:
    return math.tanh(i) ** 2


def softsign(i: float) -> float:
    return i / (1 + abs(i))


def softsign_slope(i: float) -> float:
    return 1 / (1 + abs(i)) ** 2


def elu(i: float, alpha: float) -> float:
    return i if i > 0 else alpha * math.expm1(i)


def elu_slope(i: float, alpha: float) -> float:
    return 1.0 if i > 0 else alpha * math.exp(i)


def celu(i: float, alpha: float) -> float:
    return i if i > 0 else alpha * math.expm1(i / alpha)


def celu_slope(i: float, alpha: float) -> float:
    return 1.0 if i > 0 else math.exp(i / alpha)


def selu(i: float) -> float:
    return SCALE * elu(i, ALPHA)


def selu_slope(i: float) -> float:
    return SCALE * elu_slope(i, ALPHA)


def gelu(i: float, approximate: str) -> float:
    if approximate == "tanh":
        return i * (1 + math.tanh(math.sqrt(2 / math.pi) * (i + 0.044715 * i**3))) / 2
    return i * math.erfc(-i / math.sqrt(2)) / 2


def gelu_slope(i: float, approximate: str) -> float:
    if approximate == "tanh":
        t = math.tanh(math.sqrt(2 / math.pi) * (i + 0.044715 * i**3))
        return (1 + t) / 2 + i / 2 * (1 - t**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * i**2)
    return math.erfc(-i / math.sqrt(2)) / 2 + i * math.exp(-(i**2) / 2) / math.sqrt(2 * math.pi)


def silu(i: float) -> float:
    return i * sigmoid(i)


def silu_slope(i: float) -> float:
    return sigmoid(i) + i * sigmoid_slope(i)


def softplus(i: float, beta: float, threshold: float) -> float:
    return i if beta * i > threshold else _log_1_plus_exp(beta * i) / beta


def softplus_slope(i: float, beta: float, threshold: float) -> float:
    return 1.0 if beta * i > threshold else sigmoid(beta * i)


def logsigmoid(i: float) -> float:
    return -_log_1_plus_exp(-i)


def logsigmoid_slope(i: float) -> float:
    return sigmoid(-i)


def mish(i: float) -> float:
    return i * math.tanh(_log_1_plus_exp(i))


def mish_slope(i: float) -> float:
    t = math.tanh(_log_1_plus_exp(i))
    return t + i * (1 - t**2) * sigmoid(i)


def _log_1_plus_exp(i: float) -> float:
    """log(1 + exp(i)); for i > 0 as i + log(exp(-i) + 1), so that no exponential overflows"""
    return max(i, 0.0) + math.log1p(math.exp(-abs(i)))


FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "Sigmoid": (sigmoid, sigmoid_slope),
    "Tanh": (tanh, tanh_slope),
    "Tanhshrink": (tanhshrink, tanhshrink_slope),
    "Softsign": (softsign, softsign_slope),
    "ELU": (elu, elu_slope),
    "CELU": (celu, celu_slope),
    "SELU": (selu, selu_slope),
    "GELU": (gelu, gelu_slope),
    "SiLU": (silu, silu_slope),
    "Softplus": (softplus, softplus_slope),
    "LogSigmoid": (logsigmoid, logsigmoid_slope),
    "Mish": (mish, mish_slope),
}
