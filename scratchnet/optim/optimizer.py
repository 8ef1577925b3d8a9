"""Optimizer: what all optimizers share. Parameter groups, the state of each parameter, and the walk over both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from scratchnet.nn.module import Parameter

IMPLEMENTATION = ("foreach", "fused", "capturable", "differentiable")  # torch's settings that change no result
SCHEDULE = ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")  # what schedules keep in a group


class Optimizer:
    """Base of all optimizers, by torch.optim.Optimizer's names.

    An optimizer passes its settings on as `defaults`, checks them in `check(settings)`, says in `initial_state` what it
    keeps for each parameter from step to step, and writes `update(parameter, gradient, state, s)`, which changes
    `parameter` IN PLACE: an array, its gradient, that dict, and the settings of its group (s.lr, s.weight_decay, ...).

    params: Parameters, or dicts {"params": Parameters, setting: value, ...}, one for each group of parameters, whose
    settings replace the defaults in that group (`param_groups`, which may be changed between steps).
    Raises TypeError for what is not a Parameter, ValueError for no parameters, one that comes twice, or a setting that
    does not exist or is out of range.

    Everything in the state is an array in the dtype of its parameter, numbers too (0-d: step, eta). torch keeps numbers
    in its default dtype, float32, also beside float64 parameters; there ASGD and NAdam are more accurate here. torch's
    switches between its own implementations (IMPLEMENTATION below) are not taken.
    """

    not_negative: tuple[str, ...] = ("lr", "eps", "weight_decay")  # as far as it has them

    def __init__(self, params: Iterable[Any], **defaults: Any):
        if isinstance(params, Parameter | np.ndarray | Mapping):
            raise TypeError(f"params is a {type(params).__name__}: a list of Parameters, or of dicts, expected")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Parameter, dict[str, Any]] = {}
        given = list(params)
        if not given:
            raise ValueError("the optimizer got no parameters; a generator that was used before is empty")
        groups = given if all(isinstance(entry, Mapping) for entry in given) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError for settings out of range."""
        for name in self.not_negative:
            if name in settings and not settings[name] >= 0:
                self.refuse(settings, name, "a number that is not negative expected")
        if "betas" in settings and not all(0 <= beta < 1 for beta in settings["betas"]):
            self.refuse(settings, "betas", "two numbers in 0 <= beta < 1 expected")

    def refuse(self, settings: Mapping[str, Any], name: str, expected: str) -> NoReturn:
        raise ValueError(f"{type(self).__name__}: {name}={settings[name]}, {expected}")

    def initial_state(self, parameter: np.ndarray, s: Any) -> dict[str, Any]:
        """What is kept for a parameter, before its first step: arrays by torch's names."""
        return {}

    def update(self, parameter: np.ndarray, gradient: np.ndarray, state: dict[str, Any], s: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with settings of their own, later."""
        params = group.get("params")
        if params is None:
            raise ValueError(f'a parameter group without "params": {sorted(group)}')
        params = [params] if isinstance(params, Parameter) else list(params)
        for parameter in params:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"a {type(parameter).__name__} among the parameters: pass module.parameters()")
        unknown = sorted(set(group) - {"params", *SCHEDULE, *self.defaults})
        if unknown:
            raise ValueError(f"{type(self).__name__} has no setting {', '.join(unknown)}; it has {list(self.defaults)}")
        everything = [parameter for old in self.param_groups for parameter in old["params"]] + params
        if len(set(map(id, everything))) < len(everything):
            raise ValueError("a parameter comes twice, in one group or in two: it would be updated twice in each step")
        settings = {**self.defaults, **group, "params": params}
        self.check(settings)
        self.param_groups.append(settings)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            s = SimpleNamespace(**{name: _plain(group[name]) for name in self.defaults})
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state.setdefault(parameter, {})
                    if not state:
                        state.update(self.initial_state(parameter.data, s))
                    gradient = -parameter.grad if group.get("maximize") else parameter.grad
                    self.update(parameter.data, gradient, state, s)

    # State in and out

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number of the parameter: copies of its state}, "param_groups": settings and numbers}, as torch."""
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        state = {
            numbers[id(parameter)]: {name: _copy(value) for name, value in entry.items()}
            for parameter, entry in self.state.items()
            if entry
        }
        groups = [
            {**group, "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take settings and state from a `state_dict()`, torch's too; arrays are copied, in their parameter's dtype.

        Raises ValueError where groups or parameters differ in number, or an array does not have its parameter's shape.
        """
        given, own = state_dict["param_groups"], self.param_groups
        sizes, expected = [len(group["params"]) for group in given], [len(group["params"]) for group in own]
        if sizes != expected:
            raise ValueError(f"the state has parameter groups of {sizes} parameters, this optimizer of {expected}")
        numbers = [number for group in given for number in group["params"]]
        parameters = dict(zip(numbers, self._parameters(), strict=True))
        state: dict[Parameter, dict[str, Any]] = {}
        for number, entry in state_dict["state"].items():
            if number not in parameters:
                raise ValueError(f"the state of parameter {number}, which is in no group: {sorted(parameters)}")
            parameter = parameters[number]
            for name, value in entry.items():
                if value is not None and np.shape(value) not in ((), parameter.shape):
                    raise ValueError(
                        f"{name} of parameter {number} has shape {np.shape(value)}, {parameter.shape} expected"
                    )
            state[parameter] = {name: _copy(value, parameter.dtype) for name, value in entry.items()}
        self.state = state
        for mine, theirs in zip(own, given, strict=True):
            mine.update({name: value for name, value in theirs.items() if name not in ("params", *IMPLEMENTATION)})

    def _parameters(self) -> list[Parameter]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def __repr__(self) -> str:
        groups = [
            ", ".join([f"{len(group['params'])} parameters", *(f"{name}={group[name]}" for name in self.defaults)])
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"


def weight_decayed(parameter: np.ndarray, gradient: np.ndarray, s: Any) -> np.ndarray:
    """gradient + weight_decay * parameter: the gradient of loss + weight_decay/2 * sum of parameter^2.

    Decoupled (Loshchilov and Hutter 2019), the gradient stays and the parameter itself shrinks:
    parameter *= 1 - lr * weight_decay.
    """
    if s.weight_decay == 0:
        return gradient
    if getattr(s, "decoupled_weight_decay", False):
        parameter *= 1 - s.lr * s.weight_decay
        return gradient
    return gradient + s.weight_decay * parameter


def count(state: dict[str, Any]) -> float:
    """The number of this step, from 1."""
    state["step"] += 1
    return float(state["step"])


def _copy(value: Any, dtype: Any = None) -> Any:
    """An array of its own of what is an array or a number, torch's tensors too; None stays."""
    return None if value is None else np.asarray(value, dtype).copy()


def _plain(value: Any) -> Any:
    """A Python number keeps float32 arrays in float32; a NumPy scalar, of a schedule perhaps, would not."""
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
