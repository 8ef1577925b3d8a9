"""Rprop: only the sign of the gradient counts; each number has a step size of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count


class Rprop(Optimizer):
    """parameter -= sign(g) * d, with a step size d for each number.   torch.optim.Rprop

    g = gradient                                        (maximize: -gradient)
    d = d * eta_plus where g has the sign of the last step's, d * eta_minus where it has the other, within step_sizes;
    where the sign has changed there is no step, and the next one is as after a first one. d begins with lr.

    etas = (eta_minus, eta_plus); step_sizes = (smallest, largest), in units of the parameter.
    For gradients over the entire training set: the signs of mini-batches change by chance.
    Raises ValueError for a negative lr and unless 0 < eta_minus < 1 < eta_plus.
    Source: Riedmiller and Braun 1993, without the step back.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr=lr, etas=etas, step_sizes=step_sizes, maximize=maximize)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if not 0 < settings["etas"][0] < 1 < settings["etas"][1]:
            self.refuse(settings, "etas", "0 < eta_minus < 1 < eta_plus expected")

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "prev": np.zeros_like(parameter),
            "step_size": np.full_like(parameter, s.lr),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        count(state)
        d, (eta_minus, eta_plus) = state["step_size"], s.etas
        same = np.sign(gradient * state["prev"])
        d[same > 0] *= eta_plus
        d[same < 0] *= eta_minus
        np.clip(d, *s.step_sizes, out=d)
        g = np.where(same < 0, 0, gradient)
        parameter -= np.sign(g) * d
        state["prev"][...] = g
