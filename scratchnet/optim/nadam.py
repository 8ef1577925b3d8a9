"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.optim.adam import moments
from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class NAdam(Optimizer):
    """parameter -= lr * (m_next / (1 - M * mu_next) + (1 - mu) * g / (1 - M)) / (sqrt(v') + eps).   torch.optim.NAdam

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    mu      = beta1 * (1 - 0.96^(t * momentum_decay) / 2)         momentum of this step; mu_next that of t + 1
    M       = product of mu over all steps so far                 state: mu_product
    m       = beta1 * m + (1 - beta1) * g                         m_next = mu_next * m
    v       = beta2 * v + (1 - beta2) * g^2                       v' = v / (1 - beta2^t)
    decoupled_weight_decay: g = gradient, and parameter *= 1 - lr * weight_decay before the update

    betas = (beta1, beta2). Raises ValueError for negative settings and for betas outside of 0 <= beta < 1.
    Source: Dozat 2016; m is averaged by beta1 and not by mu, as in torch.
    """

    not_negative = (*Optimizer.not_negative, "momentum_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        )  # fmt: skip

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "mu_product": np.ones((), parameter.dtype),
            "exp_avg": np.zeros_like(parameter),
            "exp_avg_sq": np.zeros_like(parameter),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t, (beta1, beta2) = count(state), s.betas
        g = weight_decayed(parameter, gradient, s)
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (step * s.momentum_decay)) for step in (t, t + 1))
        state["mu_product"] *= mu
        M = float(state["mu_product"])
        m, v = moments(g, state, beta1, beta2)
        denominator = np.sqrt(v / (1 - beta2**t)) + s.eps
        parameter -= s.lr * (1 - mu) / (1 - M) * g / denominator
        parameter -= s.lr * mu_next / (1 - M * mu_next) * m / denominator
