"""Adadelta: steps in the units of the parameter, from the ratio of past steps to past gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class Adadelta(Optimizer):
    """parameter -= lr * d, where d = g * sqrt(u + eps) / sqrt(v + eps).   torch.optim.Adadelta

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    v = rho * v + (1 - rho) * g^2                       mean square of the gradients     state: square_avg
    u = rho * u + (1 - rho) * d^2, after d was formed   mean square of the steps         state: acc_delta

    Raises ValueError for negative settings and for rho outside of 0 <= rho <= 1.
    Source: Zeiler 2012; lr is torch's (1 in the paper).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if not 0 <= settings["rho"] <= 1:
            self.refuse(settings, "rho", "a number in 0 <= rho <= 1 expected")

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "square_avg": np.zeros_like(parameter),
            "acc_delta": np.zeros_like(parameter),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        count(state)
        g = weight_decayed(parameter, gradient, s)
        v, u = state["square_avg"], state["acc_delta"]
        v *= s.rho
        v += (1 - s.rho) * g * g
        d = np.sqrt(u + s.eps) / np.sqrt(v + s.eps) * g
        u *= s.rho
        u += (1 - s.rho) * d * d
        parameter -= s.lr * d
