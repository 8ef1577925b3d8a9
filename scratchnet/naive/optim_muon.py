"""Muon as it acts on one matrix, W[a][b]: the momentum is made orthogonal before it is used. See optim.py beside this
file."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

Matrix = list[list[float]]


def muon(
    W: Matrix, G: Sequence[Matrix], lr: float, decay: float, mu: float, nesterov: bool,
    coefficients: tuple[float, float, float], eps: float, steps: int, adjust: str | None,
) -> dict[str, Any]:  # fmt: skip
    """B = mu B + (1 - mu) g;   W = (1 - lr decay) W - lr * scale * orthogonal(B, or mu B + (1 - mu) g with nesterov)"""
    A, B = len(W), len(W[0])
    scale = 0.2 * sqrt(max(A, B)) if adjust == "match_rms_adamw" else sqrt(max(1, A / B))
    W, M = [list(row) for row in W], [[0.0] * B for _ in range(A)]
    for g in G:
        M = _mixed(mu, M, g)
        direction = orthogonal(_mixed(mu, M, g) if nesterov else M, coefficients, steps, eps)
        for a in range(A):
            for b in range(B):
                W[a][b] = (1 - lr * decay) * W[a][b] - lr * scale * direction[a][b]
    return {"weight": W, "momentum_buffer": M}


def orthogonal(X: Matrix, coefficients: tuple[float, float, float], steps: int, eps: float) -> Matrix:
    """X = X / |X|, then so many times X = (a + b XX' + c (XX')^2) X, which brings each singular value near 1"""
    a, b, c = coefficients
    turned = len(X) > len(X[0])
    if turned:
        X = _transposed(X)
    size = max(sqrt(sum(x * x for row in X for x in row)), eps)
    X = [[x / size for x in row] for row in X]
    for _ in range(steps):
        P = product(X, _transposed(X))
        Q = product(P, P)
        Y = [[b * p + c * q for p, q in zip(*rows)] for rows in zip(P, Q)]
        X = [[a * x + y for x, y in zip(*rows)] for rows in zip(X, product(Y, X))]
    return _transposed(X) if turned else X


def product(X: Matrix, Y: Matrix) -> Matrix:
    """Z[i][j] = sum over k of X[i][k] * Y[k][j]"""
    return [[sum(X[i][k] * Y[k][j] for k in range(len(Y))) for j in range(len(Y[0]))] for i in range(len(X))]


def _mixed(mu: float, M: Matrix, g: Matrix) -> Matrix:
    return [[mu * m + (1 - mu) * x for m, x in zip(*rows)] for rows in zip(M, g)]


def _transposed(X: Matrix) -> Matrix:
    return [list(column) for column in zip(*X)]
