"""Recurrent layers as loops, one layer in one direction.

X input (T,N,I), O output (T,N,P), H and C the state before the first step; W, U the weights of input and state, B, V
their biases, P LSTM's projection; s the sigmoid. d... are gradients. A step makes two sums for each gate k and feature:

    A[n,k] = B[k] + sum over i of X[t,n,i] * W[k,i]        R[n,k] = V[k] + sum over j of H[n,j] * U[k,j]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def s(x: Any) -> Any:
    """1 / (1 + exp(-x)), with an exponential that does not overflow"""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))


def affine(X: np.ndarray, W: np.ndarray, B: np.ndarray | None) -> np.ndarray:
    """A[n,k] = B[k] + sum over i of X[n,i] * W[k,i]"""
    A = np.zeros((len(X), len(W)), X.dtype)
    for n, k in np.ndindex(A.shape):
        A[n, k] = 0 if B is None else B[k]
        for i in range(X.shape[1]):
            A[n, k] += X[n, i] * W[k, i]
    return A


def rnn_step(A: Any, R: Any, H: Any, C: Any, relu: bool) -> tuple[Any, Any]:
    """h = tanh(A + R), or max(A + R, 0); the numbers of one n and one feature"""
    x = A[0] + R[0]
    return (max(x, 0) if relu else math.tanh(x)), C


def rnn_step_gradients(dH: Any, dC: Any, A: Any, R: Any, H: Any, C: Any, relu: bool) -> tuple:
    """dA = dR = dH * (1 - h^2), or dH where A + R > 0"""
    h, _ = rnn_step(A, R, H, C, relu)
    dx = (dH if h > 0 else 0 * dH) if relu else dH * (1 - h * h)
    return [dx], [dx], 0 * dH, dC


def gru_step(A: Any, R: Any, H: Any, C: Any) -> tuple[Any, Any]:
    """r = s(A0 + R0), z = s(A1 + R1), n = tanh(A2 + r * R2), h = (1 - z) * n + z * H"""
    r, z = s(A[0] + R[0]), s(A[1] + R[1])
    n = math.tanh(A[2] + r * R[2])
    return (1 - z) * n + z * H, C


def gru_step_gradients(dH: Any, dC: Any, A: Any, R: Any, H: Any, C: Any) -> tuple:
    """by the chain rule through n, then r and z; dH * z reaches H directly"""
    r, z = s(A[0] + R[0]), s(A[1] + R[1])
    n = math.tanh(A[2] + r * R[2])
    dn = dH * (1 - z) * (1 - n * n)
    dr = dn * R[2] * r * (1 - r)
    dz = dH * (H - n) * z * (1 - z)
    return [dr, dz, dn], [dr, dz, dn * r], dH * z, dC


def lstm_step(A: Any, R: Any, H: Any, C: Any) -> tuple[Any, Any]:
    """i = s(x0), f = s(x1), g = tanh(x2), o = s(x3) of x = A + R;  c = f * C + i * g, h = o * tanh(c)"""
    i, f, g, o = s(A[0] + R[0]), s(A[1] + R[1]), math.tanh(A[2] + R[2]), s(A[3] + R[3])
    c = f * C + i * g
    return o * math.tanh(c), c


def lstm_step_gradients(dH: Any, dC: Any, A: Any, R: Any, H: Any, C: Any) -> tuple:
    """c is reached by the next step and by h; dc * f reaches C"""
    i, f, g, o = s(A[0] + R[0]), s(A[1] + R[1]), math.tanh(A[2] + R[2]), s(A[3] + R[3])
    tanh_c = math.tanh(f * C + i * g)
    dc = dC + dH * o * (1 - tanh_c * tanh_c)
    dx = [dc * g * i * (1 - i), dc * C * f * (1 - f), dc * i * (1 - g * g), dH * tanh_c * o * (1 - o)]
    return dx, dx, 0 * dH, dc * f


def recurrence(
    X: np.ndarray, H: np.ndarray, C: np.ndarray, weights: tuple, step: Any, reverse: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    """-> O, the state after the last step, and what each step began with; with `reverse` the last step comes first"""
    W, U, B, V, P = weights
    O = np.zeros((*X.shape[:2], U.shape[1]), X.dtype)
    tape = []
    for t in range(len(X))[::-1] if reverse else range(len(X)):
        A, R = affine(X[t], W, B), affine(H, U, V)
        tape.append((t, A, R, H, C))
        M, C = np.zeros_like(C), C.copy()
        features = C.shape[1]
        for n, j in np.ndindex(C.shape):
            before = H[n, j] if P is None else 0  # a projected H is shorter, and LSTM's step does not read it
            M[n, j], C[n, j] = step(A[n, j::features], R[n, j::features], before, C[n, j])
        H = M if P is None else affine(M, P, None)
        O[t] = H
    return O, H, C, tape


def recurrence_gradients(
    dO: np.ndarray, dH: np.ndarray, dC: np.ndarray, X: np.ndarray, tape: list, weights: tuple, step: Any, gradients: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple]:
    """-> dX, dH, dC of the state before the first step, and (dW, dU, dB, dV, dP): from the last step to the first"""
    W, U, _, _, P = weights
    dX, dW, dU = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U)
    dB, dV, dP = np.zeros(len(W), W.dtype), np.zeros(len(W), W.dtype), None if P is None else np.zeros_like(P)
    dH, dC = dH.copy(), dC.copy()
    for t, A, R, H, C in reversed(tape):
        features, dM = C.shape[1], np.zeros_like(C)
        dH = dH + dO[t]
        for n, j in np.ndindex(C.shape):
            if P is None:
                dM[n, j] = dH[n, j]
                continue
            m, _ = step(A[n, j::features], R[n, j::features], 0, C[n, j])
            for p in range(len(P)):
                dM[n, j] += dH[n, p] * P[p, j]
                dP[p, j] += dH[n, p] * m  # type: ignore[index]
        dA, dR, before = np.zeros_like(A), np.zeros_like(R), np.zeros_like(H)
        for n, j in np.ndindex(C.shape):
            old = H[n, j] if P is None else 0
            found = gradients(dM[n, j], dC[n, j], A[n, j::features], R[n, j::features], old, C[n, j])
            dA[n, j::features], dR[n, j::features], direct, dC[n, j] = found
            if P is None:
                before[n, j] = direct
        for n, k in np.ndindex(A.shape):
            dB[k] += dA[n, k]
            dV[k] += dR[n, k]
            for i in range(X.shape[2]):
                dX[t, n, i] += dA[n, k] * W[k, i]
                dW[k, i] += dA[n, k] * X[t, n, i]
            for j in range(H.shape[1]):
                before[n, j] += dR[n, k] * U[k, j]
                dU[k, j] += dR[n, k] * H[n, j]
        dH = before
    return dX, dH, dC, (dW, dU, dB, dV, dP)
