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


def adadelta(w: float, G: Iterable[float], lr: float, rho: float, eps: float, decay: float) -> State:
    """v, u: running means of g^2 and of d^2;   d = sqrt(u + eps) / sqrt(v + eps) * g,   w = w - lr d"""
    v = u = 0.0
    for g in G:
        g = g + decay * w
        v = rho * v + (1 - rho) * g**2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        w = w - lr * d
    return {"weight": w, "square_avg": v, "acc_delta": u}
