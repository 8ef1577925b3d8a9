"""RMSprop: the gradient divided by the root of its mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class RMSprop(Optimizer):
    """parameter -= lr * g / (sqrt(v) + eps).   torch.optim.RMSprop

    g = gradient + weight_decay * parameter             (maximize: -gradient)
    v = alpha * v + (1 - alpha) * g^2                   mean of the squares        state: square_avg
    centered: v - a^2 takes the place of v, with the mean gradient a = alpha * a + (1 - alpha) * g     (grad_avg)
    momentum: b = momentum * b + g / (sqrt(v) + eps), and parameter -= lr * b                          (momentum_buffer)

    v begins with 0 and is not corrected as Adam's is: the first steps are up to 1/sqrt(1 - alpha) times too long.
    Raises ValueError for negative settings.
    Source: Hinton, Coursera 2012, lecture 6e; centered: Graves 2013, but eps outside of the root.
    """

    not_negative = (*Optimizer.not_negative, "momentum", "alpha")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        kept = {"square_avg": True, "momentum_buffer": s.momentum > 0, "grad_avg": s.centered}
        return {"step": np.zeros((), parameter.dtype)} | {
            name: np.zeros_like(parameter) for name, needed in kept.items() if needed
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        count(state)
        g = weight_decayed(parameter, gradient, s)
        v = state["square_avg"]
        v *= s.alpha
        v += (1 - s.alpha) * g * g
        if s.centered:
            a = state["grad_avg"]
            a += (1 - s.alpha) * (g - a)
            v = v - a * a
        scaled = g / (np.sqrt(v) + s.eps)
        if s.momentum > 0:
            b = state["momentum_buffer"]
            b *= s.momentum
            b += scaled
            scaled = b
        parameter -= s.lr * scaled
