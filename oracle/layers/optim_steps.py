"""The steps of each optimizer, as plain formulas: torch.optim's, in the letters of its documentation.

    step(g, weight, k) -> every tensor after the gradients g[0], g[1], ... were gone through, by torch's names

The oracle bounds their rounding (they run on Running numbers) and makes mistakes in them (their text is edited).
"""

from __future__ import annotations

import numpy as np


def sgd(g, weight, k):
    velocity = 0 * weight
    for t, gradient in enumerate(g, 1):
        d = -gradient if k.maximize else gradient
        d = d + k.weight_decay * weight
        velocity = d if t == 1 else k.momentum * velocity + (1 - k.dampening) * d
        step = d + k.momentum * velocity if k.nesterov else velocity
        weight = weight - k.lr * (step if k.momentum != 0 else d)
    return {"weight": weight, "momentum_buffer": velocity}


def adam(g, weight, k):
    m, v, largest = 0 * weight, 0 * weight, 0 * weight
    for t, gradient in enumerate(g, 1):
        d = -gradient if k.maximize else gradient
        if k.decoupled:
            weight = weight * (1 - k.lr * k.weight_decay)
        else:
            d = d + k.weight_decay * weight
        m = k.beta1 * m + (1 - k.beta1) * d
        v = k.beta2 * v + (1 - k.beta2) * d * d
        largest = np.maximum(largest, v)
        mean = m / (1 - k.beta1**t)
        square = (largest if k.amsgrad else v) / (1 - k.beta2**t)
        weight = weight - k.lr * mean / (np.sqrt(square) + k.eps)
    return {"weight": weight, "exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": largest}


def rmsprop(g, weight, k):
    v, average, b = 0 * weight, 0 * weight, 0 * weight
    for gradient in g:
        d = -gradient if k.maximize else gradient
        d = d + k.weight_decay * weight
        v = k.alpha * v + (1 - k.alpha) * d * d
        average = k.alpha * average + (1 - k.alpha) * d
        square = v - average * average if k.centered else v
        b = k.momentum * b + d / (np.sqrt(square) + k.eps)
        weight = weight - k.lr * b
    return {"weight": weight, "square_avg": v, "grad_avg": average, "momentum_buffer": b}


def adagrad(g, weight, k):
    v = 0 * weight + k.initial_accumulator_value
    for t, gradient in enumerate(g, 1):
        d = -gradient if k.maximize else gradient
        d = d + k.weight_decay * weight
        v = v + d * d
        weight = weight - k.lr / (1 + (t - 1) * k.lr_decay) * d / (np.sqrt(v) + k.eps)
    return {"weight": weight, "sum": v}


def adadelta(g, weight, k):
    v, u = 0 * weight, 0 * weight
    for gradient in g:
        d = (-gradient if k.maximize else gradient) + k.weight_decay * weight
        v = k.rho * v + (1 - k.rho) * d * d
        step = np.sqrt(u + k.eps) / np.sqrt(v + k.eps) * d
        u = k.rho * u + (1 - k.rho) * step * step
        weight = weight - k.lr * step
    return {"weight": weight, "square_avg": v, "acc_delta": u}


def adamax(g, weight, k):
    m, u = 0 * weight, 0 * weight
    for t, gradient in enumerate(g, 1):
        d = (-gradient if k.maximize else gradient) + k.weight_decay * weight
        m = k.beta1 * m + (1 - k.beta1) * d
        u = np.maximum(k.beta2 * u, np.abs(d) + k.eps)
        weight = weight - k.lr / (1 - k.beta1**t) * m / u
    return {"weight": weight, "exp_avg": m, "exp_inf": u}


def nadam(g, weight, k):
    m, v, M = 0 * weight, 0 * weight, 1.0
    for t, gradient in enumerate(g, 1):
        d = -gradient if k.maximize else gradient
        if k.decoupled:
            weight = weight * (1 - k.lr * k.weight_decay)
        else:
            d = d + k.weight_decay * weight
        mu = k.beta1 * (1 - 0.5 * np.power(0.96, t * k.momentum_decay))
        mu_next = k.beta1 * (1 - 0.5 * np.power(0.96, (t + 1) * k.momentum_decay))
        M = M * mu
        m = k.beta1 * m + (1 - k.beta1) * d
        v = k.beta2 * v + (1 - k.beta2) * d * d
        ahead = mu_next * m / (1 - M * mu_next) + (1 - mu) * d / (1 - M)
        weight = weight - k.lr * ahead / (np.sqrt(v / (1 - k.beta2**t)) + k.eps)
    return {"weight": weight, "exp_avg": m, "exp_avg_sq": v, "mu_product": M}


def radam(g, weight, k):
    m, v = 0 * weight, 0 * weight
    for t, gradient in enumerate(g, 1):
        d = -gradient if k.maximize else gradient
        if k.decoupled:
            weight = weight * (1 - k.lr * k.weight_decay)
        else:
            d = d + k.weight_decay * weight
        m = k.beta1 * m + (1 - k.beta1) * d
        v = k.beta2 * v + (1 - k.beta2) * d * d
        step = m / (1 - k.beta1**t)
        top = 2 / (1 - k.beta2) - 1
        rho = top - 2 * t * k.beta2**t / (1 - k.beta2**t)
        if rho > 5:
            r = np.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
            step = step * r * np.sqrt(1 - k.beta2**t) / (np.sqrt(v) + k.eps)
        weight = weight - k.lr * step
    return {"weight": weight, "exp_avg": m, "exp_avg_sq": v}


def rprop(g, weight, k):
    size, before = 0 * weight + k.lr, 0 * weight
    for gradient in g:
        d = -gradient if k.maximize else gradient
        same = np.sign(d) * np.sign(before)
        size = size * ((same > 0) * k.eta_plus + (same < 0) * k.eta_minus + (same == 0))
        size = np.minimum(np.maximum(size, k.smallest), k.largest)
        before = d * (same >= 0)
        weight = weight - np.sign(before) * size
    return {"weight": weight, "prev": before, "step_size": size}


def asgd(g, weight, k):
    ax, eta, mu = 0 * weight, k.lr, 1.0
    for t, gradient in enumerate(g, 1):
        d = (-gradient if k.maximize else gradient) + k.weight_decay * weight
        weight = weight * (1 - k.lambd * eta)
        weight = weight - eta * d
        ax = ax + mu * (weight - ax)
        eta = k.lr / (1 + k.lambd * k.lr * t) ** k.alpha
        mu = 1 / np.maximum(1, t - k.t0)
    return {"weight": weight, "ax": ax, "eta": eta, "mu": mu}


def muon(g, weight, k):
    b, (rows, columns) = 0 * weight, k.shape
    scale = (
        0.2 * np.sqrt(max(rows, columns)) if k.adjust_lr_fn == "match_rms_adamw" else np.sqrt(max(1, rows / columns))
    )
    for gradient in g:
        b = k.momentum * b + (1 - k.momentum) * gradient
        n = k.momentum * b + (1 - k.momentum) * gradient if k.nesterov else b
        weight = weight * (1 - k.lr * k.weight_decay)
        wide, size = (n.T, columns) if rows > columns else (n, rows)
        squares = sum(wide[i] * wide[i] for i in range(size))
        wide = wide / np.maximum(np.sqrt(sum(squares[j] for j in range(max(rows, columns)))), k.eps)
        for _ in range(k.ns_steps):
            gram = _product(wide, wide.T, max(rows, columns))
            wide = k.a * wide + _product(k.b * gram + k.c * _product(gram, gram, size), wide, size)
        weight = weight - k.lr * scale * (wide.T if rows > columns else wide)
    return {"weight": weight, "momentum_buffer": b}


def _product(x, y, inner):
    """x @ y, as a sum of outer products."""
    return sum(x[:, i : i + 1] * y[i : i + 1] for i in range(inner))
