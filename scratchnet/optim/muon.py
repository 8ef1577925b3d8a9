"""Muon: momentum, made orthogonal, for the weight matrices of hidden layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchnet.optim.optimizer import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """parameter = (1 - lr * weight_decay) * parameter - lr * scale * orthogonal(n).   torch.optim.Muon

    b = momentum * b + (1 - momentum) * gradient        state: momentum_buffer
    n = momentum * b + (1 - momentum) * gradient        with nesterov, else n = b
    scale = sqrt(max(1, A/B)) for a parameter of A rows and B columns         adjust_lr_fn None or "original"
            0.2 * sqrt(max(A, B)), which makes lr as large as AdamW's         adjust_lr_fn "match_rms_adamw"

    Parameters have two axes. ns_coefficients, ns_steps and eps are those of `orthogonal`.
    Raises ValueError for other parameters, negative settings and an unknown adjust_lr_fn.
    Source: Jordan et al. 2024 (kellerjordan.github.io/posts/muon); Liu et al. 2025. torch rounds n to bfloat16 and
    iterates in it, so that only about two digits of its step agree with this one, which keeps the parameter's dtype.
    """

    not_negative = ("lr", "momentum", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        super().__init__(
            params, lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
            ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn,
        )  # fmt: skip

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if settings["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            self.refuse(settings, "adjust_lr_fn", 'None, "original" or "match_rms_adamw" expected')
        if len(settings["ns_coefficients"]) != 3:
            self.refuse(settings, "ns_coefficients", "three numbers expected")
        if settings["ns_steps"] >= 100:
            self.refuse(settings, "ns_steps", "less than 100 expected")
        for parameter in settings["params"]:
            if len(parameter.shape) != 2:
                raise ValueError(f"Muon: a parameter of shape {parameter.shape}, two axes expected; AdamW takes others")

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        return {"momentum_buffer": np.zeros_like(parameter)}

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        b = state["momentum_buffer"]
        b += (1 - s.momentum) * (gradient - b)
        n = s.momentum * b + (1 - s.momentum) * gradient if s.nesterov else b
        A, B = parameter.shape
        scale = 0.2 * max(A, B) ** 0.5 if s.adjust_lr_fn == "match_rms_adamw" else max(1, A / B) ** 0.5
        parameter *= 1 - s.lr * s.weight_decay
        parameter -= s.lr * scale * orthogonal(n, s.ns_coefficients, s.ns_steps, s.eps)


def orthogonal(x: np.ndarray, coefficients: tuple[float, float, float], steps: int, eps: float) -> np.ndarray:
    """x (A, B) with all its singular values brought near 1, its singular vectors kept: with x = U S V', about U V'.

    x = x / |x|, then `steps` times x = a x + b (x x') x + c (x x')^2 x: on each singular value the polynomial
    a s + b s^3 + c s^5, which takes 0 < s <= 1 into about 0.7..1.2 (Newton-Schulz). |x| is at least eps.
    """
    a, b, c = coefficients
    wide = x.T if x.shape[0] > x.shape[1] else x
    wide = wide / max(float(np.linalg.norm(wide)), eps)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * (gram @ gram)) @ wide
    return wide.T if x.shape[0] > x.shape[1] else wide
