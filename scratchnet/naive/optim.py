"""Optimizers as they act on one number: w goes through the steps that its gradients G = g1, g2, ... ask for.

Each gives w and what it kept, by torch's names. `maximize` is left out: it is the same with -g.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

State = dict[str, float]


def sgd(w: float, G: Iterable[float], lr: float, mu: float, dampening: float, decay: float, nesterov: bool) -> State:
    """v = mu v + (1 - dampening) g, but v = g at first;   w = w - lr v"""
    v = 0.0
    for t, g in enumerate(G, start=1):
        g = g + decay * w
        v = g if t == 1 or mu == 0 else mu * v + (1 - dampening) * g
        w = w - lr * (g + mu * v if nesterov else v)
    return {"weight": w, "momentum_buffer": v}


def adam(
    w: float, G: Iterable[float], lr: float, betas: tuple[float, float], eps: float, decay: float, amsgrad: bool,
    decoupled: bool,
) -> State:  # fmt: skip
    """m, v: running means of g and g^2, corrected for their beginning with 0;   w = w - lr m / (sqrt(v) + eps)"""
    m = v = largest = 0.0
    for t, g in enumerate(G, start=1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = max(largest, v)
        mean = m / (1 - betas[0] ** t)
        square = (largest if amsgrad else v) / (1 - betas[1] ** t)
        w = w - lr * mean / (sqrt(square) + eps)
    return {"weight": w, "exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": largest}


def rmsprop(
    w: float, G: Iterable[float], lr: float, alpha: float, eps: float, decay: float, mu: float, centered: bool
) -> State:
    """v: running mean of g^2, less that of g squared if centered;   w = w - lr b,   b = mu b + g / (sqrt(v) + eps)"""
    v = mean = b = 0.0
    for g in G:
        g = g + decay * w
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        b = mu * b + g / (sqrt(v - mean**2 if centered else v) + eps)
        w = w - lr * b
    return {"weight": w, "square_avg": v, "grad_avg": mean, "momentum_buffer": b}


def adagrad(w: float, G: Iterable[float], lr: float, lr_decay: float, decay: float, v: float, eps: float) -> State:
    """v = v + g^2;   w = w - lr / (1 + (t - 1) lr_decay) * g / (sqrt(v) + eps)"""
    for t, g in enumerate(G, start=1):
        g = g + decay * w
        v = v + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(v) + eps)
    return {"weight": w, "sum": v}
