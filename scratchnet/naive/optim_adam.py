"""Adam and its relatives as they act on one number; see optim.py beside this file."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from scratchnet.naive.optim import State


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


def adamax(w: float, G: Iterable[float], lr: float, betas: tuple[float, float], eps: float, decay: float) -> State:
    """m: running mean of g;   u = the larger of beta2 u and |g| + eps;   w = w - lr / (1 - beta1^t) * m / u"""
    m = u = 0.0
    for t, g in enumerate(G, start=1):
        g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        u = max(betas[1] * u, abs(g) + eps)
        w = w - lr / (1 - betas[0] ** t) * m / u
    return {"weight": w, "exp_avg": m, "exp_inf": u}


def nadam(
    w: float, G: Iterable[float], lr: float, betas: tuple[float, float], eps: float, decay: float,
    momentum_decay: float, decoupled: bool,
) -> State:  # fmt: skip
    """Adam with Nesterov's look ahead: this step's momentum mu(t) is used on g, that of the next one on m;
    mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2), and M is the product of all of them so far"""
    m = v = 0.0
    M = 1.0
    for t, g in enumerate(G, start=1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        mu = betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))
        ahead = betas[0] * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        M = M * mu
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean = (1 - mu) / (1 - M) * g + ahead / (1 - M * ahead) * m
        w = w - lr * mean / (sqrt(v / (1 - betas[1] ** t)) + eps)
    return {"weight": w, "exp_avg": m, "exp_avg_sq": v, "mu_product": M}


def radam(
    w: float, G: Iterable[float], lr: float, betas: tuple[float, float], eps: float, decay: float, decoupled: bool
) -> State:
    """Adam, whose first steps go without v: it is trusted only where the mean of g^2 has a length rho above 5, and then
    as far as its variance allows: r = sqrt((rho-4)(rho-2) R / ((R-4)(R-2) rho)), R = 2 / (1 - beta2) - 1"""
    m = v = 0.0
    R = 2 / (1 - betas[1]) - 1
    for t, g in enumerate(G, start=1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        mean = m / (1 - betas[0] ** t)
        rho = R - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if rho > 5:
            r = sqrt((rho - 4) * (rho - 2) * R / ((R - 4) * (R - 2) * rho))
            w = w - lr * r * mean * sqrt(1 - betas[1] ** t) / (sqrt(v) + eps)
        else:
            w = w - lr * mean
    return {"weight": w, "exp_avg": m, "exp_avg_sq": v}
