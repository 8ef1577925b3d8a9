"""Adam: a step size for each number, from running means of the gradient and of its square; and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer, count, weight_decayed


class Adam(Optimizer):
    """parameter -= lr * m' / (sqrt(v') + eps).   torch.optim.Adam

    t = 1, 2, ...: the number of the step
    g = gradient + weight_decay * parameter             (maximize: -gradient)
    m = beta1 * m + (1 - beta1) * g                     mean of the gradients      m' = m / (1 - beta1^t)
    v = beta2 * v + (1 - beta2) * g^2                   mean of their squares      v' = v / (1 - beta2^t)
    amsgrad: the largest v so far takes the place of v

    m and v begin with 0, which the powers of beta correct: in the first step m' = g and v' = g^2, whatever beta.
    A step changes each number by about lr at most, whatever the scale of the loss; eps is in units of the gradient.
    decoupled_weight_decay: g = gradient, and parameter *= 1 - lr * weight_decay before the update, as AdamW.

    betas = (beta1, beta2). Raises ValueError for negative settings and for betas outside of 0 <= beta < 1.
    Source: Kingma and Ba 2015; amsgrad: Reddi et al. 2018, but as torch the largest v is corrected by the present t.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if s.amsgrad else 2]
        return {"step": np.zeros((), parameter.dtype)} | {name: np.zeros_like(parameter) for name in names}

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        t, (beta1, beta2) = count(state), s.betas
        g = weight_decayed(parameter, gradient, s)
        m, v = moments(g, state, beta1, beta2)
        if s.amsgrad:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        denominator = np.sqrt(v) / (1 - beta2**t) ** 0.5 + s.eps
        parameter -= s.lr / (1 - beta1**t) * m / denominator


def moments(g: np.ndarray, state: dict[str, Any], beta1: float, beta2: float) -> tuple[np.ndarray, np.ndarray]:
    """The running means of g and of g^2, kept in `state` and updated in place."""
    m, v = state["exp_avg"], state["exp_avg_sq"]
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * g * g
    return m, v


class AdamW(Adam):
    """Adam with decoupled weight decay: parameter *= 1 - lr * weight_decay, then Adam without it.   torch.optim.AdamW

    The decay does not go through m and v, so that it shrinks all numbers alike.
    Source: Loshchilov and Hutter 2019, but as torch lr multiplies the decay too.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True
        )  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As Optimizer's; of a state of Adam too the decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
