"""Normalisation as loops. I input, O output, W weight, B bias, M mean, V variance, E the eps under the root; i is one
place (a tuple) of I. `group(i)` names the group whose mean and variance the place i shares, `entry(i)` the entry of W
and B that it meets:

    batch     group(n, c, *y) = c               entry = c
    layer     group(*a, *y)   = a               entry = y
    group     group(n, c, *y) = n, c // (C/G)   entry = c
    instance  group(n, c, *y) = n, c            entry = c
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Key = Callable[[tuple[int, ...]], tuple[int, ...]]
Statistics = dict[tuple[int, ...], Any]


def members(I: np.ndarray, group: Key) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """The places of every group."""
    places: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for i in np.ndindex(I.shape):
        places.setdefault(group(i), []).append(i)
    return places


def statistics(I: np.ndarray, group: Key) -> tuple[Statistics, Statistics]:
    """M[k] = (sum of I[i]) / m,   V[k] = (sum of (I[i] - M[k])^2) / m, over the m places i of the group k"""
    M, V = {}, {}
    for k, places in members(I, group).items():
        M[k] = sum(I[i] for i in places) / len(places)
        V[k] = sum((I[i] - M[k]) ** 2 for i in places) / len(places)
    return M, V


def normalize(
    I: np.ndarray,
    M: Statistics,
    V: Statistics,
    W: np.ndarray | None,
    B: np.ndarray | None,
    E: float,
    group: Key,
    entry: Key,
) -> np.ndarray:
    """O[i] = (I[i] - M) / sqrt(V + E) * W + B"""
    O = np.zeros_like(I)
    for i in np.ndindex(I.shape):
        k = group(i)
        O[i] = (I[i] - M[k]) / math.sqrt(V[k] + E)
        if W is not None:
            O[i] *= W[entry(i)]
        if B is not None:
            O[i] += B[entry(i)]
    return O


def affine_gradients(
    dO: np.ndarray, I: np.ndarray, M: Statistics, V: Statistics, W: np.ndarray, E: float, group: Key, entry: Key
) -> tuple[np.ndarray, np.ndarray]:
    """dW += dO[i] * (I[i] - M) / sqrt(V + E),   dB += dO[i]"""
    dW, dB = np.zeros_like(W), np.zeros_like(W)
    for i in np.ndindex(I.shape):
        k = group(i)
        dW[entry(i)] += dO[i] * (I[i] - M[k]) / math.sqrt(V[k] + E)
        dB[entry(i)] += dO[i]
    return dW, dB


def normalize_gradient(
    dO: np.ndarray,
    I: np.ndarray,
    M: Statistics,
    V: Statistics,
    W: np.ndarray | None,
    E: float,
    group: Key,
    entry: Key,
) -> np.ndarray:
    """I[i] reaches the output on three paths: by itself, through V and through M. With g[i] = dO[i] * W:

    dV    = sum of g[i] (I[i] - M) * -1/2 (V + E)^(-3/2)
    dM    = sum of -g[i] / sqrt(V + E)                          (through V nothing: sum of I[i] - M is 0)
    dI[i] = g[i] / sqrt(V + E)  +  dV * 2 (I[i] - M) / m  +  dM / m
    """
    dI = fixed_gradient(dO, V, W, E, group, entry)  # g[i] / sqrt(V + E)
    for k, places in members(I, group).items():
        m = len(places)
        dV = sum(dI[i] * (I[i] - M[k]) for i in places) * -0.5 / (V[k] + E)
        dM = -sum(dI[i] for i in places)
        for i in places:
            dI[i] += dV * 2 * (I[i] - M[k]) / m + dM / m
    return dI


def fixed_gradient(dO: np.ndarray, V: Statistics, W: np.ndarray | None, E: float, group: Key, entry: Key) -> np.ndarray:
    """dI[i] = dO[i] * W / sqrt(V + E), where M and V do not come from I"""
    dI = np.zeros_like(dO)
    for i in np.ndindex(dO.shape):
        dI[i] = dO[i] * (1 if W is None else W[entry(i)]) / math.sqrt(V[group(i)] + E)
    return dI


def running(R: np.ndarray, new: np.ndarray, momentum: float) -> np.ndarray:
    """R[c] = (1 - momentum) * R[c] + momentum * new[c]"""
    moved = np.zeros_like(R)
    for c in range(len(R)):
        moved[c] = (1 - momentum) * R[c] + momentum * new[c]
    return moved


def rms_norm(I: np.ndarray, W: np.ndarray | None, E: float, group: Key, entry: Key) -> np.ndarray:
    """O[i] = I[i] / sqrt(mean of I^2 + E) * W"""
    return normalize(I, _zeros(I, group), _squares(I, group), W, None, E, group, entry)


def rms_norm_gradients(
    dO: np.ndarray, I: np.ndarray, W: np.ndarray | None, E: float, group: Key, entry: Key
) -> tuple[np.ndarray, np.ndarray | None]:
    """Two paths, with V = mean of I^2:   dI[i] = g[i] / sqrt(V + E)  +  dV * 2 I[i] / m"""
    M, V = _zeros(I, group), _squares(I, group)
    dI = fixed_gradient(dO, V, W, E, group, entry)
    for k, places in members(I, group).items():
        dV = sum(dI[i] * I[i] for i in places) * -0.5 / (V[k] + E)
        for i in places:
            dI[i] += dV * 2 * I[i] / len(places)
    return dI, None if W is None else affine_gradients(dO, I, M, V, W, E, group, entry)[0]


def local_response_norm(I: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """O[n,c,y] = I[n,c,y] / S[n,c,y]^beta,   S = k + alpha/size * sum of I[n,j,y]^2 over the window of c"""
    O = np.zeros_like(I)
    for n, c, *y in np.ndindex(I.shape):
        O[(n, c, *y)] = I[(n, c, *y)] / _S(I, n, c, y, size, alpha, k) ** beta
    return O


def local_response_norm_gradient(
    dO: np.ndarray, I: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> np.ndarray:
    """dI[c] += dO[c] S[c]^-beta, and for each j in the window of c:
    dI[j] += dO[c] * I[c] * -beta S[c]^(-beta-1) * 2 alpha/size I[j]"""
    dI = np.zeros_like(I)
    for n, c, *y in np.ndindex(I.shape):
        S = _S(I, n, c, y, size, alpha, k)
        dI[(n, c, *y)] += dO[(n, c, *y)] * S**-beta
        for j in _window(c, I.shape[1], size):
            dS = dO[(n, c, *y)] * I[(n, c, *y)] * -beta * S ** (-beta - 1)
            dI[(n, j, *y)] += dS * 2 * alpha / size * I[(n, j, *y)]
    return dI


def _zeros(I: np.ndarray, group: Key) -> Statistics:
    return dict.fromkeys(members(I, group), 0)


def _squares(I: np.ndarray, group: Key) -> Statistics:
    return {k: sum(I[i] ** 2 for i in places) / len(places) for k, places in members(I, group).items()}


def _window(c: int, C: int, size: int) -> range:
    """The channels c - size//2 to c + (size-1)//2 that exist."""
    return range(max(c - size // 2, 0), min(c + (size - 1) // 2, C - 1) + 1)


def _S(I: np.ndarray, n: int, c: int, y: list[int], size: int, alpha: float, k: float) -> Any:
    return k + alpha / size * sum(I[(n, j, *y)] ** 2 for j in _window(c, I.shape[1], size))
