"""Activations made of exponentials, each with its gradient below it. A gradient gets x and out, and uses whichever
makes its formula short; FUNCTIONS lists the pairs by torch.nn's names. Settings are keywords of both.

No exponential overflows: each is taken of a number that is not positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scratchnet.ops.erf import erfc


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), which is exp(x) / (1 + exp(x)): the one whose exponential cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = f(x) (1 - f(x))"""
    return dout * out * (1 - out)


def tanh(x: np.ndarray) -> np.ndarray:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))"""
    return np.tanh(x)


def tanh_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 - f(x)^2"""
    return dout * (1 - out * out)


def tanhshrink(x: np.ndarray) -> np.ndarray:
    """x - tanh(x)"""
    return x - np.tanh(x)


def tanhshrink_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 - (1 - tanh(x)^2) = tanh(x)^2"""
    return dout * np.tanh(x) ** 2


def softsign(x: np.ndarray) -> np.ndarray:
    """x / (1 + |x|)"""
    return x / (1 + np.abs(x))


def softsign_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 / (1 + |x|)^2"""
    return dout / (1 + np.abs(x)) ** 2


def elu(x: np.ndarray, alpha: float) -> np.ndarray:
    """x where x > 0, else alpha (exp(x) - 1)"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, alpha: float) -> np.ndarray:
    """f'(x) = 1 where x > 0, else alpha exp(x); at 0 alpha."""
    return dout * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))


def celu(x: np.ndarray, alpha: float) -> np.ndarray:
    """x where x > 0, else alpha (exp(x / alpha) - 1): an elu without a kink"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def celu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, alpha: float) -> np.ndarray:
    """f'(x) = 1 where x > 0, else exp(x / alpha)"""
    return dout * np.where(x > 0, 1, np.exp(np.minimum(x, 0) / alpha))


# With these two numbers the mean 0 and the variance 1 of the activations stay as they are from layer to layer.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x: np.ndarray) -> np.ndarray:
    """SELU_SCALE * elu(x, SELU_ALPHA)"""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = SELU_SCALE times that of the elu"""
    return SELU_SCALE * elu_gradient(dout, x, out, SELU_ALPHA)


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    """x Phi(x), Phi the normal distribution function (1 + erf(x / sqrt(2))) / 2 = erfc(-x / sqrt(2)) / 2.

    approximate="tanh": Phi(x) is about (1 + tanh(y)) / 2 with y = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(_gelu_argument(x)))
    return 0.5 * x * erfc(-x / math.sqrt(2))


def gelu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, approximate: str) -> np.ndarray:
    """f'(x) = Phi(x) + x phi(x), phi = Phi' the normal density exp(-x^2 / 2) / sqrt(2 pi)

    approximate="tanh": (1 + tanh(y)) / 2 + x (1 - tanh(y)^2) y' / 2 with y' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2).
    """
    if approximate == "tanh":
        t = np.tanh(_gelu_argument(x))
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return dout * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return dout * (0.5 * erfc(-x / math.sqrt(2)) + x * density)


def _gelu_argument(x: np.ndarray) -> np.ndarray:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def silu(x: np.ndarray) -> np.ndarray:
    """x sigmoid(x)"""
    return x * sigmoid(x)


def silu_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = s + x s (1 - s), s = sigmoid(x)"""
    s = sigmoid(x)
    return dout * (s * (1 + x * (1 - s)))


def softplus(x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold, as the two differ by less than rounding there."""
    z = beta * x
    return np.where(z > threshold, x, np.logaddexp(0, z) / beta)


def softplus_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """f'(x) = sigmoid(beta x); 1 where beta x > threshold"""
    z = beta * x
    return np.where(z > threshold, dout, dout * sigmoid(z))


def logsigmoid(x: np.ndarray) -> np.ndarray:
    """log(sigmoid(x)) = -log(1 + exp(-x))"""
    return -np.logaddexp(0, -x)


def logsigmoid_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = 1 - sigmoid(x) = sigmoid(-x)"""
    return dout * sigmoid(-x)


def mish(x: np.ndarray) -> np.ndarray:
    """x tanh(log(1 + exp(x)))"""
    return x * np.tanh(np.logaddexp(0, x))


def mish_gradient(dout: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """f'(x) = t + x (1 - t^2) sigmoid(x), t = tanh(log(1 + exp(x)))"""
    t = np.tanh(np.logaddexp(0, x))
    return dout * (t + x * (1 - t * t) * sigmoid(x))


FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "Sigmoid": (sigmoid, sigmoid_gradient),
    "Tanh": (tanh, tanh_gradient),
    "Tanhshrink": (tanhshrink, tanhshrink_gradient),
    "Softsign": (softsign, softsign_gradient),
    "ELU": (elu, elu_gradient),
    "CELU": (celu, celu_gradient),
    "SELU": (selu, selu_gradient),
    "GELU": (gelu, gelu_gradient),
    "SiLU": (silu, silu_gradient),
    "Softplus": (softplus, softplus_gradient),
    "LogSigmoid": (logsigmoid, logsigmoid_gradient),
    "Mish": (mish, mish_gradient),
}
