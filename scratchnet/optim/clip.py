"""Gradients cut to size before a step, by torch.nn.utils' names."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from scratchnet.nn.module import Parameter


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients in place by min(1, max_norm / (norm + 1e-6)); returns their norm before, as one vector.
    torch.nn.utils.clip_grad_norm_

    norm = (sum of |g|^norm_type)^(1/norm_type) over all numbers of all gradients; for inf the largest |g|.
    Their direction stays. A norm that is not finite spreads to all gradients, or raises RuntimeError with
    error_if_nonfinite. Parameters without gradient do not count; without any the norm is 0.
    Source: Pascanu, Mikolov and Bengio 2013; the 1e-6 is torch's.
    """
    gradients = _gradients(parameters)
    order = float(norm_type)
    norms = [float(np.linalg.norm(gradient.ravel(), order)) for gradient in gradients if gradient.size]
    norm = float(np.linalg.norm(norms, order)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"the norm of order {order:g} of the gradients is {norm}: they cannot be scaled to {max_norm}"
        )
    scale = max_norm / (norm + 1e-6)
    with np.errstate(invalid="ignore"):
        for gradient in gradients:
            gradient *= 1.0 if scale > 1 else scale
    return norm


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    """Cut every number of the gradients to -clip_value..clip_value, in place.   torch.nn.utils.clip_grad_value_"""
    for gradient in _gradients(parameters):
        np.clip(gradient, -clip_value, clip_value, out=gradient)


def _gradients(parameters: Parameter | Iterable[Parameter]) -> list[np.ndarray]:
    several = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    return [parameter.grad for parameter in several if parameter.grad is not None]
