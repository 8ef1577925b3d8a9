"""Connectionist temporal classification as loops, in the probabilities themselves. P[t][c] the probabilities of the
frames, E the labels with blanks around each; see ops/loss_ctc.py for the recurrence in logarithms. They are Decimals,
which a product of many frames does not take to 0."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any


def extended(labels: list[int], blank: int) -> list[int]:
    E = [blank]
    for label in labels:
        E += [label, blank]
    return E


def beginnings(P: list[list[Any]], E: list[int], blank: int) -> list[list[Any]]:
    """A[t][s]: the probability of all beginnings that stand at place s of E in frame t"""
    A: list[list[Any]] = [[Decimal(0) for _ in E] for _ in P]
    for t in range(len(P)):
        for s in range(len(E)):
            if t == 0:
                A[t][s] = P[0][E[s]] if s < 2 else 0
                continue
            ways = A[t - 1][s]
            if s >= 1:
                ways += A[t - 1][s - 1]
            if s >= 2 and E[s] != blank and E[s] != E[s - 2]:
                ways += A[t - 1][s - 2]
            A[t][s] = P[t][E[s]] * ways
    return A


def ctc(X: list[list[Any]], labels: list[int], blank: int) -> Any:
    """L = -log of the sum over all alignments, X[t][c] = log P[t][c]"""
    P = [[Decimal(float(x)).exp() for x in row] for row in X]
    ways = sum(beginnings(P, extended(labels, blank), blank)[-1][-2:])
    return -float(ways.ln()) if ways > 0 else math.inf


def ctc_slopes(X: list[list[Any]], labels: list[int], blank: int) -> list[list[Any]]:
    """dX[t][c] = P[t][c] - the part of all alignments that have class c in frame t"""
    P = [[Decimal(float(x)).exp() for x in row] for row in X]
    E = extended(labels, blank)
    A, B = beginnings(P, E, blank), beginnings(P[::-1], E[::-1], blank)[::-1]
    ways = sum(A[-1][-2:])
    if ways == 0:  # no alignment fits
        return [[math.nan for _ in row] for row in P]
    D = [[p for p in row] for row in P]
    for t in range(len(P)):
        for s in range(len(E)):
            D[t][E[s]] -= A[t][s] * B[t][len(E) - 1 - s] / P[t][E[s]] / ways  # the frame itself is in A and in B
    return [[float(slope) for slope in row] for row in D]
