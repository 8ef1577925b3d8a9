"""The optimizers of scratchnet.naive as subjects: every number of the weight by itself, for Muon the whole matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import optim, optim_adam, optim_muon, optim_rates

_ADAM = ("lr", "betas", "eps", "weight_decay")
_SETTINGS: dict[str, tuple[str, ...]] = {
    "SGD": ("lr", "momentum", "dampening", "weight_decay", "nesterov"),
    "Adam": (*_ADAM, "amsgrad", "decoupled_weight_decay"),
    "AdamW": (*_ADAM, "amsgrad", "decoupled_weight_decay"),
    "RMSprop": ("lr", "alpha", "eps", "weight_decay", "momentum", "centered"),
    "Adagrad": ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"),
    "Adadelta": ("lr", "rho", "eps", "weight_decay"),
    "Adamax": _ADAM,
    "NAdam": (*_ADAM, "momentum_decay", "decoupled_weight_decay"),
    "RAdam": (*_ADAM, "decoupled_weight_decay"),
    "Rprop": ("lr", "etas", "step_sizes"),
    "ASGD": ("lr", "lambd", "alpha", "t0", "weight_decay"),
}  # fmt: skip
_MUON = ("lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps", "adjust_lr_fn")

Steps = tuple[dict[str, Any], Callable[[], dict[str, Any]]]


def _steps(call: Call, step: Callable[..., dict[str, float]]) -> Steps:
    settings = {"decoupled_weight_decay": True, **call.settings}  # AdamW has no such setting
    weight, g = call.buffers["weight"], -call.inputs["g"] if call.settings["maximize"] else call.inputs["g"]
    after = {name: np.zeros_like(array) for name, array in call.buffers.items()}
    for at in np.ndindex(weight.shape):
        gradients = [float(one) for one in g[(slice(None), *at)]]
        result = step(float(weight[at]), gradients, *(settings[entry] for entry in _SETTINGS[call.spec]))
        for kept in after:
            after[kept][at if after[kept].ndim else ()] = result[kept]  # eta is one number for the whole weight
    return after, dict


def _muon(call: Call) -> Steps:
    settings = (call.settings[entry] for entry in _MUON)
    found = optim_muon.muon(call.buffers["weight"].tolist(), call.inputs["g"].tolist(), *settings)
    return {name: np.array(found[name], array.dtype) for name, array in call.buffers.items()}, dict


def _of_numbers(spec: str) -> tuple[str, Callable[[Call], Steps]]:
    name = "adam" if spec == "AdamW" else spec.lower()
    step = next(getattr(home, name) for home in (optim, optim_adam, optim_rates) if hasattr(home, name))
    return name, lambda call: _steps(call, step)


LOOPS = {**{spec: _of_numbers(spec) for spec in _SETTINGS}, "Muon": ("muon", _muon)}
