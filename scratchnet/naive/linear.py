"""Linear and Bilinear as loops, in the letters of the course note: I input (J the second one), O output, W weights,
B bias, dO upstream gradient."""

from __future__ import annotations

import numpy as np


def linear(I: np.ndarray, W: np.ndarray, B: np.ndarray | None) -> np.ndarray:
    """O[n,o] = B[o] + sum over i of I[n,i] * W[o,i]"""
    O = np.zeros((*I.shape[:-1], len(W)), I.dtype)
    for *n, o in np.ndindex(O.shape):
        O[(*n, o)] = 0 if B is None else B[o]
        for i in range(I.shape[-1]):
            O[(*n, o)] += I[(*n, i)] * W[o, i]
    return O


def linear_gradients(dO: np.ndarray, I: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dI[n,i] += dO[n,o] * W[o,i];   dW[o,i] += dO[n,o] * I[n,i];   dB[o] += dO[n,o]"""
    dI, dW, dB = np.zeros_like(I), np.zeros_like(W), np.zeros(len(W), W.dtype)
    for *n, o in np.ndindex(dO.shape):
        dB[o] += dO[(*n, o)]
        for i in range(I.shape[-1]):
            dI[(*n, i)] += dO[(*n, o)] * W[o, i]
            dW[o, i] += dO[(*n, o)] * I[(*n, i)]
    return dI, dW, dB


def bilinear(I: np.ndarray, J: np.ndarray, W: np.ndarray, B: np.ndarray | None) -> np.ndarray:
    """O[n,o] = B[o] + sum over i,j of I[n,i] * W[o,i,j] * J[n,j]"""
    O = np.zeros((*I.shape[:-1], len(W)), I.dtype)
    for *n, o in np.ndindex(O.shape):
        O[(*n, o)] = 0 if B is None else B[o]
        for i, j in np.ndindex(W.shape[1:]):
            O[(*n, o)] += I[(*n, i)] * W[o, i, j] * J[(*n, j)]
    return O


def bilinear_gradients(dO: np.ndarray, I: np.ndarray, J: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, ...]:
    """dI[n,i] += dO[n,o] * W[o,i,j] * J[n,j];   dJ[n,j] += dO[n,o] * I[n,i] * W[o,i,j];
    dW[o,i,j] += dO[n,o] * I[n,i] * J[n,j];   dB[o] += dO[n,o]"""
    dI, dJ, dW, dB = np.zeros_like(I), np.zeros_like(J), np.zeros_like(W), np.zeros(len(W), W.dtype)
    for *n, o in np.ndindex(dO.shape):
        dB[o] += dO[(*n, o)]
        for i, j in np.ndindex(W.shape[1:]):
            dI[(*n, i)] += dO[(*n, o)] * W[o, i, j] * J[(*n, j)]
            dJ[(*n, j)] += dO[(*n, o)] * I[(*n, i)] * W[o, i, j]
            dW[o, i, j] += dO[(*n, o)] * I[(*n, i)] * J[(*n, j)]
    return dI, dJ, dW, dB
