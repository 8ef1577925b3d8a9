"""Adagrad: the gradient divided by the root of the sum of its squares so far."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class Adagrad(Optimizer):
    """parameter -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(v) + eps).   torch.optim.Adagrad

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    v = v + g^2                                         begins with initial_accumulator_value      state: sum

    Steps only get shorter. The state is there from the beginning, as torch's.
    Raises ValueError for negative settings.
    Source: Duchi, Hazan and Singer 2011; lr_decay is torch's.
    """

    not_negative = (*Optimizer.not_negative, "lr_decay", "initial_accumulator_value")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, maximize=maximize,
        )  # fmt: skip
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = self.initial_state(parameter.data, SimpleNamespace(**group))

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "sum": np.full_like(parameter, s.initial_accumulator_value),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t = count(state)
        g = weight_decayed(parameter, gradient, s)
        v = state["sum"]
        v += g * g
        parameter -= s.lr / (1 + (t - 1) * s.lr_decay) * g / (np.sqrt(v) + s.eps)
