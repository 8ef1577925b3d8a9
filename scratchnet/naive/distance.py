"""Distances as loops: I and J the two inputs, vectors along their last axis, O output, E the small number of each."""

from __future__ import annotations

import math

import numpy as np


def cosine_similarity(I: np.ndarray, J: np.ndarray, E: float) -> np.ndarray:
    """O[n] = sum over i of I[n,i] * J[n,i] / (max(|I[n]|, E) * max(|J[n]|, E))"""
    O = np.zeros(I.shape[:-1], I.dtype)
    for n in np.ndindex(O.shape):
        scale = max(_norm(I[n]), E) * max(_norm(J[n]), E)
        for i in range(I.shape[-1]):
            O[n] += I[(*n, i)] * J[(*n, i)] / scale
    return O


def cosine_similarity_gradients(
    dO: np.ndarray, I: np.ndarray, J: np.ndarray, E: float
) -> tuple[np.ndarray, np.ndarray]:
    """dI[n,i] = dO[n] * (J[n,i] / (max(|I|, E) * max(|J|, E)) - O[n] * I[n,i] / (|I| * max(|I|, E))); dJ alike"""
    O = cosine_similarity(I, J, E)
    dI, dJ = np.zeros_like(I), np.zeros_like(J)
    for n in np.ndindex(O.shape):
        norm_I, norm_J = _norm(I[n]), _norm(J[n])
        scale = max(norm_I, E) * max(norm_J, E)
        for i in range(I.shape[-1]):
            dI[(*n, i)] = dO[n] * J[(*n, i)] / scale
            dJ[(*n, i)] = dO[n] * I[(*n, i)] / scale
            if norm_I != 0:
                dI[(*n, i)] -= dO[n] * O[n] * I[(*n, i)] / (norm_I * max(norm_I, E))
            if norm_J != 0:
                dJ[(*n, i)] -= dO[n] * O[n] * J[(*n, i)] / (norm_J * max(norm_J, E))
    return dI, dJ


def pairwise_distance(I: np.ndarray, J: np.ndarray, p: float, E: float) -> np.ndarray:
    """O[n] = (sum over i of |I[n,i] - J[n,i] + E|^p)^(1/p);   the largest of them for p = infinity"""
    O = np.zeros(I.shape[:-1], I.dtype)
    for n in np.ndindex(O.shape):
        sizes = [abs(i - j + E) for i, j in zip(I[n], J[n], strict=True)]
        O[n] = max(sizes) if p == math.inf else sum(size**p for size in sizes) ** (1 / p)
    return O


def pairwise_distance_gradients(
    dO: np.ndarray, I: np.ndarray, J: np.ndarray, p: float, E: float
) -> tuple[np.ndarray, np.ndarray]:
    """dI[n,i] = dO[n] * sign(D) * (|D| / O[n])^(p-1), D = I[n,i] - J[n,i] + E;   dJ = -dI"""
    O = pairwise_distance(I, J, p, E)
    dI = np.zeros_like(I)
    for n in np.ndindex(O.shape):
        D = [i - j + E for i, j in zip(I[n], J[n], strict=True)]
        largest = sum(abs(d) == O[n] for d in D)
        for i, d in enumerate(D):
            if d == 0 or O[n] == 0:
                continue
            share = ((abs(d) == O[n]) / largest) if p == math.inf else (abs(d) / O[n]) ** (p - 1)
            dI[(*n, i)] = dO[n] * (1 if d > 0 else -1) * share
    return dI, -dI


def _norm(vector: np.ndarray) -> float:
    return math.sqrt(sum(value * value for value in vector))
