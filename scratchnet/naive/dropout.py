"""Dropout as loops. I input, O output, dO upstream gradient, M mask in the shape of I: 1 kept, 0 dropped."""

from __future__ import annotations

import math

import numpy as np

T = -1.7580993408473766  # what alpha dropout puts in the place of a dropped value


def dropout(I: np.ndarray, M: np.ndarray, p: float) -> np.ndarray:
    """O[i] = I[i] / (1 - p) where M[i] is 1, else 0"""
    O = np.zeros_like(I)
    for i in np.ndindex(I.shape):
        if M[i] == 1:
            O[i] = I[i] / (1 - p)
    return O


def dropout_gradient(dO: np.ndarray, M: np.ndarray, p: float) -> np.ndarray:
    """dI[i] = dO[i] / (1 - p) where M[i] is 1, else 0"""
    return dropout(dO, M, p)


def alpha_dropout(I: np.ndarray, M: np.ndarray, p: float) -> np.ndarray:
    """O[i] = A * (I[i] or T) - A * T * p,   A = 1 / sqrt((1 - p)(1 + p T^2));   0 where p is 1"""
    O = np.zeros_like(I)
    for i in np.ndindex(I.shape):
        if p < 1:
            O[i] = _A(p) * (I[i] if M[i] == 1 else T) - _A(p) * T * p
    return O


def alpha_dropout_gradient(dO: np.ndarray, M: np.ndarray, p: float) -> np.ndarray:
    """dI[i] = A * dO[i] where M[i] is 1, else 0"""
    dI = np.zeros_like(dO)
    for i in np.ndindex(dO.shape):
        if M[i] == 1:
            dI[i] = _A(p) * dO[i]
    return dI


def _A(p: float) -> float:
    return 1 / math.sqrt((1 - p) * (1 + p * T**2))
