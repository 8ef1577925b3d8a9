"""Optimizers that change their own learning rate, as they act on one number; see optim.py beside this file."""

from __future__ import annotations

from collections.abc import Iterable

from scratchnet.naive.optim import State


def rprop(w: float, G: Iterable[float], lr: float, etas: tuple[float, float], sizes: tuple[float, float]) -> State:
    """A step of size d against the sign of g; d grows while the sign stays, and shrinks where it turns: there no step
    is made."""
    d, before = lr, 0.0
    for g in G:
        if g * before > 0:
            d = min(d * etas[1], sizes[1])
        elif g * before < 0:
            d = max(d * etas[0], sizes[0])
            g = 0.0
        d = min(max(d, sizes[0]), sizes[1])
        if g > 0:
            w = w - d
        elif g < 0:
            w = w + d
        before = g
    return {"weight": w, "prev": before, "step_size": d}


def asgd(w: float, G: Iterable[float], lr: float, lambd: float, alpha: float, t0: float, decay: float) -> State:
    """w = (1 - lambd eta) w - eta g,   eta = lr / (1 + lambd lr t)^alpha;   ax: the mean of w after step t0"""
    eta, mu, ax = lr, 1.0, 0.0
    for t, g in enumerate(G, start=1):
        g = g + decay * w
        w = (1 - lambd * eta) * w - eta * g
        ax = ax + mu * (w - ax)
        eta = lr / (1 + lambd * lr * t) ** alpha
        mu = 1 / max(1, t - t0)
    return {"weight": w, "ax": ax, "eta": eta, "mu": mu}
