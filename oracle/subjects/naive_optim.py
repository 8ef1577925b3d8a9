"""The optimizers of scratchnet.naive as subjects: every number of the weight by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import optim

_SETTINGS: dict[str, tuple[str, ...]] = {
    "sgd": ("lr", "momentum", "dampening", "weight_decay", "nesterov"),
    "adam": ("lr", "betas", "eps", "weight_decay", "amsgrad", "decoupled_weight_decay"),
    "rmsprop": ("lr", "alpha", "eps", "weight_decay", "momentum", "centered"),
    "adagrad": ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"),
}


def _steps(call: Call) -> tuple[dict[str, Any], Callable[[], dict[str, Any]]]:
    name = "adam" if call.spec == "AdamW" else call.spec.lower()
    step: Callable[..., dict[str, float]] = getattr(optim, name)
    settings = {"decoupled_weight_decay": True, **call.settings}  # AdamW has no such setting
    weight, g = call.buffers["weight"], -call.inputs["g"] if call.settings["maximize"] else call.inputs["g"]
    after = {name: np.zeros_like(array) for name, array in call.buffers.items()}
    for at in np.ndindex(weight.shape):
        gradients = [float(one) for one in g[(slice(None), *at)]]
        result = step(float(weight[at]), gradients, *(settings[entry] for entry in _SETTINGS[name]))
        for kept in after:
            after[kept][at] = result[kept]
    return after, dict


LOOPS = {spec: (spec.lower(), _steps) for spec in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")}
