"""ASGD: gradient descent with steps that shrink, and the mean of all parameters it went through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class ASGD(Optimizer):
    """parameter = (1 - lambd * eta) * parameter - eta * g.   torch.optim.ASGD

    g   = gradient + weight_decay * parameter           (maximize: -gradient)
    eta = lr / (1 + lambd * lr * t)^alpha               after step t; lr in the first step
    ax  = ax + mu * (parameter - ax)                    the mean of the parameters since step t0, in the state
    mu  = 1 / max(1, t - t0)                            after step t; 1 in the first: until t0 ax is the parameter

    The optimizer moves the parameter alone; whoever wants the mean takes `state[parameter]["ax"]`.
    Raises ValueError for negative lr or weight_decay.
    Source: Polyak and Juditsky 1992.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize
        )  # fmt: skip

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {
            "step": np.zeros((), parameter.dtype),
            "eta": np.full((), s.lr, parameter.dtype),
            "mu": np.ones((), parameter.dtype),
            "ax": np.zeros_like(parameter),
        }

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t, eta, mu, ax = count(state), float(state["eta"]), float(state["mu"]), state["ax"]
        g = weight_decayed(parameter, gradient, s)
        parameter *= 1 - s.lambd * eta
        parameter -= eta * g
        ax[...] = parameter if mu == 1 else ax + mu * (parameter - ax)
        state["eta"][...] = s.lr / (1 + s.lambd * s.lr * t) ** s.alpha
        state["mu"][...] = 1 / max(1, t - s.t0)
