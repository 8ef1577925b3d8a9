"""Losses that are a negative log-likelihood, one for each element: of a coin, a distribution, a count, a measurement.

Each function stands with its gradients below it: `share` is the upstream gradient of each loss, and there is one
gradient for each input. A `weight` multiplies the losses; any shape that broadcasts to theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops.activation_smooth import sigmoid

Pair = tuple[np.ndarray, np.ndarray]
LOWEST_LOG = -100.0  # log(0) counts as this, as in torch
SMALLEST_VARIANCE = 1e-12  # and p (1 - p) as at least this in the gradient


def binary_cross_entropy(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """-(t log x + (1 - t) log(1 - x)), x the probability of a 1"""
    with np.errstate(divide="ignore"):
        log_x, log_1_minus_x = np.maximum(np.log(x), LOWEST_LOG), np.maximum(np.log1p(-x), LOWEST_LOG)
    return _weighted(-(target * log_x + (1 - target) * log_1_minus_x), weight)


def binary_cross_entropy_gradients(
    share: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
) -> Pair:
    """dx = (x - t) / (x (1 - x));   dtarget = log(1 - x) - log x"""
    share = _weighted(share, weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        dtarget = share * (np.log1p(-x) - np.log(x))
    return share * (x - target) / np.maximum(x * (1 - x), SMALLEST_VARIANCE), dtarget


def binary_cross_entropy_with_logits(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, pos_weight: np.ndarray | None = None
) -> np.ndarray:
    """-(P t log s + (1 - t) log(1 - s)), s = sigmoid(x) and P = pos_weight

    as -log s = log(1 + exp(-x)) and -log(1 - s) = x - log s:   (1 - t) x + (P t + 1 - t) log(1 + exp(-x))
    """
    factor = 1 if pos_weight is None else pos_weight * target + 1 - target
    return _weighted((1 - target) * x + factor * np.logaddexp(0, -x), weight)


def binary_cross_entropy_with_logits_gradients(
    share: np.ndarray,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    pos_weight: np.ndarray | None = None,
) -> Pair:
    """dx = (P t + 1 - t) s - P t: s - t without pos_weight;   dtarget = log(1 - s) - P log s: -x without"""
    share = _weighted(share, weight)
    if pos_weight is None:
        return share * (sigmoid(x) - target), -share * x
    positive = pos_weight * target
    dx = share * ((positive + 1 - target) * sigmoid(x) - positive)
    return dx, share * (pos_weight * np.logaddexp(0, -x) - np.logaddexp(0, x))


def kl_divergence(x: np.ndarray, target: np.ndarray, log_target: bool) -> np.ndarray:
    """t (log t - x), x the logarithm of a probability; 0 where t = 0. With log_target the target is log t."""
    if log_target:
        return np.exp(target) * (target - x)
    return _times_log(target) - target * x


def kl_divergence_gradients(share: np.ndarray, x: np.ndarray, target: np.ndarray, log_target: bool) -> Pair:
    """dx = -t;   dtarget = log t + 1 - x, and t times that, t + ..., where the target is log t: t (log t + 1 - x)"""
    if log_target:
        t = np.exp(target)
        return -share * t, share * t * (target - x + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -share * target, share * (np.log(target) + 1 - x)


def poisson_nll(x: np.ndarray, target: np.ndarray, log_input: bool, full: bool, eps: float) -> np.ndarray:
    """m - t log m without the term log t!, which does not depend on x; m = exp(x), or with log_input=False x itself.

    full adds Stirling's approximation of log t!, t log t - t + log(2 pi t) / 2, where t > 1.
    """
    out = np.exp(x) - target * x if log_input else x - target * np.log(x + eps)
    if full:
        t = np.maximum(target, 1)
        out = out + np.where(target > 1, t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t), 0)
    return out


def poisson_nll_gradients(
    share: np.ndarray, x: np.ndarray, target: np.ndarray, log_input: bool, full: bool, eps: float
) -> Pair:
    """dx = exp(x) - t, or 1 - t / x;   dtarget = -log m, with full log t + 1 / (2 t) - log m where t > 1"""
    dx = np.exp(x) - target if log_input else 1 - target / (x + eps)
    dtarget = -x if log_input else -np.log(x + eps)
    if full:
        t = np.maximum(target, 1)
        dtarget = dtarget + np.where(target > 1, np.log(t) + 0.5 / t, 0)
    return share * dx, share * dtarget


def gaussian_nll(x: np.ndarray, target: np.ndarray, var: np.ndarray, full: bool, eps: float) -> np.ndarray:
    """(log v + (x - t)^2 / v) / 2 with the variance v, but at least eps; full adds log(2 pi) / 2.

    var in the shape (..., D) of x, or (..., 1) or (...): one for each row of x.
    """
    v = np.maximum(_for_each(var, x), eps)
    out = 0.5 * (np.log(v) + (x - target) ** 2 / v)
    return out + 0.5 * math.log(2 * math.pi) if full else out


def gaussian_nll_gradients(
    share: np.ndarray, x: np.ndarray, target: np.ndarray, var: np.ndarray, full: bool, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx = (x - t) / v;   dtarget = -dx;   dvar = (1 / v - (x - t)^2 / v^2) / 2, also where v is eps (as torch),
    summed over the elements that share a variance."""
    v = np.maximum(_for_each(var, x), eps)
    ratio = (x - target) / v
    dx = share * ratio
    each = share * 0.5 * (1 / v - ratio * ratio)
    return dx, -dx, each if var.shape == x.shape else each.sum(axis=-1).reshape(var.shape)


def _for_each(var: np.ndarray, x: np.ndarray) -> np.ndarray:
    return var if var.ndim == x.ndim else var[..., None]


def _weighted(losses: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    return losses if weight is None else losses * weight


def _times_log(t: np.ndarray) -> np.ndarray:
    """t log t, 0 where t = 0"""
    return t * np.log(np.where(t == 0, 1, t))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "BCELoss": (binary_cross_entropy, binary_cross_entropy_gradients),
    "BCEWithLogitsLoss": (binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_gradients),
    "KLDivLoss": (kl_divergence, kl_divergence_gradients),
    "PoissonNLLLoss": (poisson_nll, poisson_nll_gradients),
    "GaussianNLLLoss": (gaussian_nll, gaussian_nll_gradients),
}
