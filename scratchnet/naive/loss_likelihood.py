"""Negative log-likelihoods of one number o with the target t: L, and its slopes for both."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scratchnet.naive.activation_smooth import _log_1_plus_exp, sigmoid

Slopes = tuple[float, float]


def _log(p: float) -> float:
    return math.log(p) if p > 0 else -math.inf


def binary_cross_entropy(o: float, t: float, weight: float = 1) -> float:
    return -weight * (t * max(_log(o), -100) + (1 - t) * max(_log(1 - o), -100))


def binary_cross_entropy_slopes(o: float, t: float, weight: float = 1) -> Slopes:
    return weight * (o - t) / max(o * (1 - o), 1e-12), weight * (_log(1 - o) - _log(o))


def binary_cross_entropy_with_logits(o: float, t: float, weight: float = 1, pos_weight: float = 1) -> float:
    """-log s = log(1 + exp(-o)) and -log(1 - s) = log(1 + exp(o)), s = sigmoid(o)"""
    return weight * (pos_weight * t * _log_1_plus_exp(-o) + (1 - t) * _log_1_plus_exp(o))


def binary_cross_entropy_with_logits_slopes(o: float, t: float, weight: float = 1, pos_weight: float = 1) -> Slopes:
    do = (1 - t) * sigmoid(o) - pos_weight * t * sigmoid(-o)
    return weight * do, weight * (pos_weight * _log_1_plus_exp(-o) - _log_1_plus_exp(o))


def kl_divergence(o: float, t: float, log_target: bool) -> float:
    if log_target:
        return math.exp(t) * (t - o)
    return t * (math.log(t) - o) if t > 0 else 0.0


def kl_divergence_slopes(o: float, t: float, log_target: bool) -> Slopes:
    if log_target:
        return -math.exp(t), math.exp(t) * (t - o + 1)
    return -t, math.log(t) - o + 1


def poisson_nll(o: float, t: float, log_input: bool, full: bool, eps: float) -> float:
    L = math.exp(o) - t * o if log_input else o - t * math.log(o + eps)
    if full and t > 1:
        L += t * math.log(t) - t + math.log(2 * math.pi * t) / 2
    return L


def poisson_nll_slopes(o: float, t: float, log_input: bool, full: bool, eps: float) -> Slopes:
    do = math.exp(o) - t if log_input else 1 - t / (o + eps)
    dt = -o if log_input else -math.log(o + eps)
    if full and t > 1:
        dt += math.log(t) + 1 / (2 * t)
    return do, dt


def gaussian_nll(o: float, t: float, var: float, full: bool, eps: float) -> float:
    v = max(var, eps)
    return (math.log(v) + (o - t) ** 2 / v) / 2 + (math.log(2 * math.pi) / 2 if full else 0)


def gaussian_nll_slopes(o: float, t: float, var: float, full: bool, eps: float) -> tuple[float, float, float]:
    v = max(var, eps)
    return (o - t) / v, (t - o) / v, (1 / v - ((o - t) / v) ** 2) / 2


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "BCELoss": (binary_cross_entropy, binary_cross_entropy_slopes),
    "BCEWithLogitsLoss": (binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_slopes),
    "KLDivLoss": (kl_divergence, kl_divergence_slopes),
    "PoissonNLLLoss": (poisson_nll, poisson_nll_slopes),
    "GaussianNLLLoss": (gaussian_nll, gaussian_nll_slopes),
}
