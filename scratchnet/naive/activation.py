"""Activations as loops: f and its slope f' on one number. I input, O output, dO upstream gradient.

The functions stand in activation_piecewise.py and activation_smooth.py, as in ops; FUNCTIONS has them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.naive import activation_piecewise, activation_smooth
from scratchnet.naive.activation_smooth import sigmoid

FUNCTIONS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    **activation_piecewise.FUNCTIONS,
    **activation_smooth.FUNCTIONS,
}


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


def prelu(I: np.ndarray, W: np.ndarray) -> np.ndarray:
    """O[n] = I[n] where it is positive, else W[c] * I[n], c the channel of place n (0 where there is one W for all)"""
    O = np.zeros_like(I)
    for n in np.ndindex(I.shape):
        O[n] = I[n] if I[n] > 0 else W[_channel(n, W)] * I[n]
    return O


def prelu_gradients(dO: np.ndarray, I: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dI[n] = dO[n] where I[n] > 0, else W[c] * dO[n];   dW[c] = sum of dO[n] * I[n] over the places with I[n] <= 0"""
    dI, dW = np.zeros_like(I), np.zeros_like(W)
    for n in np.ndindex(I.shape):
        c = _channel(n, W)
        if I[n] > 0:
            dI[n] = dO[n]
        else:
            dI[n] = W[c] * dO[n]
            dW[c] += dO[n] * I[n]
    return dI, dW


def _channel(n: tuple[int, ...], W: np.ndarray) -> int:
    return 0 if len(W) == 1 else n[1]


def rrelu(I: np.ndarray, A: np.ndarray) -> np.ndarray:
    """O[n] = I[n] where it is positive, else A[n] * I[n], A[n] the slope that was drawn for it"""
    O = np.zeros_like(I)
    for n in np.ndindex(I.shape):
        O[n] = I[n] if I[n] > 0 else A[n] * I[n]
    return O


def rrelu_gradient(dO: np.ndarray, I: np.ndarray, A: np.ndarray) -> np.ndarray:
    """dI[n] = dO[n] where I[n] > 0, else A[n] * dO[n]"""
    dI = np.zeros_like(I)
    for n in np.ndindex(I.shape):
        dI[n] = dO[n] if I[n] > 0 else A[n] * dO[n]
    return dI


def glu(I: np.ndarray, axis: int) -> np.ndarray:
    """O[i] = I[i] * sigmoid(I[half + i]), i along `axis`, which has 2 * half places"""
    half, axis = I.shape[axis] // 2, axis % I.ndim
    O = np.zeros((*I.shape[:axis], half, *I.shape[axis + 1 :]), I.dtype)
    for n in np.ndindex(O.shape):
        gate = (*n[:axis], half + n[axis], *n[axis + 1 :])
        O[n] = I[n] * sigmoid(float(I[gate]))
    return O


def glu_gradient(dO: np.ndarray, I: np.ndarray, axis: int) -> np.ndarray:
    """dI[i] = dO[i] * sigmoid(I[half + i]),   dI[half + i] = dO[i] * I[i] * sigmoid'(I[half + i])"""
    half, axis = I.shape[axis] // 2, axis % I.ndim
    dI = np.zeros_like(I)
    for n in np.ndindex(dO.shape):
        gate = (*n[:axis], half + n[axis], *n[axis + 1 :])
        s = sigmoid(float(I[gate]))
        dI[n] = dO[n] * s
        dI[gate] = dO[n] * I[n] * s * (1 - s)
    return dI
