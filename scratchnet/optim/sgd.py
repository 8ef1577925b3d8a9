"""SGD: stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, weight_decayed


class SGD(Optimizer):
    """parameter -= lr * v, where v is the gradient, or with momentum the gradients so far.   torch.optim.SGD

    g = gradient + weight_decay * parameter          (maximize: -gradient)
    v = momentum * v + (1 - dampening) * g           in the first step v = g
    parameter -= lr * (g + momentum * v if nesterov else v)

    Raises ValueError for negative settings, and for nesterov without momentum or with dampening.
    Source: course note, section 5; Sutskever et al. 2013, but as torch lr multiplies v and not g alone.
    """

    not_negative = ("lr", "momentum", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize,
        )  # fmt: skip

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if settings["nesterov"] and (settings["momentum"] <= 0 or settings["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov with momentum={settings['momentum']} and dampening={settings['dampening']}; it needs "
                "momentum > 0 and dampening = 0"
            )

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        gradient = weight_decayed(parameter, gradient, s)
        if s.momentum != 0:
            v = state.get("momentum_buffer")
            if v is None:
                v = state["momentum_buffer"] = np.array(gradient)
            else:
                v *= s.momentum
                v += (1 - s.dampening) * gradient
            gradient = gradient + s.momentum * v if s.nesterov else v
        parameter -= s.lr * gradient
