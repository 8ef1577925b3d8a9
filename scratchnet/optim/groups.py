"""Parameter groups: which weights decay."""

from __future__ import annotations

from typing import Any

from scratchnet.nn.module import Module


def weight_decay_groups(net: Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two parameter groups: weights of two axes or more decay, biases and the factors of a normalisation do not.

        SGD(weight_decay_groups(net, 5e-4), lr=0.1)

    Biases and factors have one axis and few numbers: they say where a function stands, not how steep it is.
    A group without parameters is left out. Raises ValueError for a negative weight_decay, and a net without parameters.
    """
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay={weight_decay}, a number that is not negative expected")
    parameters = list(net.parameters())
    if not parameters:
        raise ValueError(f"{type(net).__name__} has no parameters")
    decaying = [parameter for parameter in parameters if len(parameter.shape) >= 2]
    still = [parameter for parameter in parameters if len(parameter.shape) < 2]
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": still, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
