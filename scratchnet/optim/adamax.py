"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class Adamax(Optimizer):
    """parameter -= lr / (1 - beta1^t) * m / u.   torch.optim.Adamax

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    m = beta1 * m + (1 - beta1) * g
    u = max(beta2 * u, |g| + eps)                       a maximum that fades

    betas = (beta1, beta2). Raises ValueError for negative settings and for betas outside of 0 <= beta < 1.
    Source: Kingma and Ba 2015, section 7.1; eps is torch's.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "exp_avg": np.zeros_like(parameter),
            "exp_inf": np.zeros_like(parameter),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t, (beta1, beta2) = count(state), s.betas
        g = weight_decayed(parameter, gradient, s)
        m, u = state["exp_avg"], state["exp_inf"]
        m += (1 - beta1) * (g - m)
        u *= beta2
        np.maximum(u, np.abs(g) + s.eps, out=u)
        parameter -= s.lr / (1 - beta1**t) * m / u
