"""RAdam: Adam that waits with its step sizes until enough gradients were seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.optim.adam import moments
from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class RAdam(Optimizer):
    """parameter -= lr * m' * r * sqrt(1 - beta2^t) / (sqrt(v) + eps), at first without all that follows m'.
    torch.optim.RAdam

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    m = beta1 * m + (1 - beta1) * g                     m' = m / (1 - beta1^t)
    v = beta2 * v + (1 - beta2) * g^2
    rho   = rho_inf - 2 t beta2^t / (1 - beta2^t)       how many gradients v averages;   rho_inf = 2 / (1 - beta2) - 1
    r     = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho)) if rho > 5, else parameter -= lr * m'
    decoupled_weight_decay: g = gradient, and parameter *= 1 - lr * weight_decay before the update

    betas = (beta1, beta2). Raises ValueError for negative settings and for betas outside of 0 <= beta < 1.
    Source: Liu et al. 2020, but as torch the rectification begins at rho > 5 and eps is not corrected by beta2^t.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        )  # fmt: skip

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "exp_avg": np.zeros_like(parameter),
            "exp_avg_sq": np.zeros_like(parameter),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t, (beta1, beta2) = count(state), s.betas
        g = weight_decayed(parameter, gradient, s)
        m, v = moments(g, state, beta1, beta2)
        correction = 1 - beta2**t
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / correction
        update = s.lr / (1 - beta1**t) * m
        if rho > 5:
            r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
            update *= r * correction**0.5 / (np.sqrt(v) + s.eps)
        parameter -= update
