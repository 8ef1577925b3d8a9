"""Embedding as loops. I indices, W one row of D numbers for each index, O output, dO upstream gradient."""

from __future__ import annotations

import numpy as np


def embedding(I: np.ndarray, W: np.ndarray) -> np.ndarray:
    """O[n,d] = W[I[n],d]"""
    O = np.zeros((*I.shape, W.shape[1]), W.dtype)
    for n in np.ndindex(I.shape):
        for d in range(W.shape[1]):
            O[(*n, d)] = W[I[n], d]
    return O


def embedding_gradient(
    dO: np.ndarray, I: np.ndarray, W: np.ndarray, padding_idx: int | None, by_frequency: bool
) -> np.ndarray:
    """dW[I[n],d] += dO[n,d], divided by the number of n with this index if by_frequency; nothing for padding_idx"""
    dW = np.zeros_like(W)
    for n in np.ndindex(I.shape):
        if padding_idx is not None and I[n] == padding_idx % len(W):
            continue
        for d in range(W.shape[1]):
            dW[I[n], d] += dO[(*n, d)]
    for v in range(len(W)):
        times = sum(1 for n in np.ndindex(I.shape) if I[n] == v)
        if by_frequency and times:
            for d in range(W.shape[1]):
                dW[v, d] = dW[v, d] / times
    return dW
