"""A torch.nn.Module as a subject: a class of the user's own, run forward and then backward by autograd (which runs the
backward of a custom autograd.Function). The only subject that imports torch; the user's module runs in this process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from oracle.bounds import Selection
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Tensors
from oracle.subjects import Answer, Call, Failure, Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.scratchnet import by_name


class NotNamed(ValueError):
    """A parameter of torch's that the module has under no name that is known."""


class TorchModule(Subject):
    """`factory` builds the module from torch's constructor arguments.

    args    torch's argument name -> the factory's, where they differ; None: the factory does not take it
    params  torch's parameter or buffer name -> the module's, where they differ ({"weight": "kernel"})
    """

    def __init__(
        self,
        spec: str,
        factory: Callable[..., torch.nn.Module],
        args: Mapping[str, str | None] | None = None,
        params: Mapping[str, str] | None = None,
        name: str | None = None,
    ):
        self.spec, self._factory, self._layer = spec, factory, SPECS.get(spec, _plain(spec))
        self.implements: str = name or getattr(factory, "__qualname__", None) or repr(factory)
        self._args, self._params = dict(args or {}), dict(params or {})
        self._defaults = _defaults(spec)
        self._offered = _offered(factory)

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        """Arguments that the factory does not have are left out where they are at torch's default. Where a case draws
        dropout's mask, only a module with such a buffer can be given it."""
        own, _ = self._layer.split(settings)
        offered = all(self._offers(name) or self._is_default(name, value) for name, value in own.items())
        masked = offered and shapes is not None and "mask" in self._layer.tensors(settings, shapes).buffers
        return offered and (not masked or self._has_mask(own))

    def _has_mask(self, settings: Mapping[str, Any]) -> bool:
        try:
            module = self._factory(**{self._args.get(n) or n: v for n, v in settings.items() if self._offers(n)})
        except Exception:  # what it raises is said of a case that is run
            return True
        return self._own("mask") in dict(module.named_buffers())

    def _offers(self, name: str) -> bool:
        own = self._args.get(name, name)
        return own is not None and (self._offered is None or own in self._offered)

    def _is_default(self, name: str, value: Any) -> bool:
        return name in self._defaults and self._defaults[name] == value

    def run(self, call: Call) -> Answer:
        state: dict[str, Any] = {}

        def forward(given: Call) -> dict[str, Any]:
            settings = {
                self._args.get(n) or n: _tensor(v) if isinstance(v, np.ndarray) else v
                for n, v in self._layer.split(given.constructor())[0].items()
                if self._offers(n)
            }
            module = self._factory(**settings)
            half = getattr(torch, given.half) if given.half else None
            inputs = [_tensor(array, half) for array in given.inputs.values()]
            parameters = [_tensor(array, half) for array in given.parameters.values()]
            module.to(next((x.dtype for x in (*inputs, *parameters) if x.is_floating_point()), torch.float64))
            module.train(given.training)
            self._load(module, given)
            for x in inputs:
                x.requires_grad_(x.is_floating_point())
            # A module may work in place, as between other layers, on what is not a leaf of the graph.
            passed = [x.clone() if x.requires_grad else x for x in inputs]
            of_forward = self._layer.split(given.settings)[1]
            positional, named = self._layer.arguments(dict(zip(given.inputs, passed)), of_forward)
            outputs = by_name(given, module(*positional, **named))
            for array, x in zip(given.inputs.values(), passed):
                if array.flags.writeable:
                    array[...] = _array(x)
            state.update(module=module, inputs=dict(zip(given.inputs, inputs)), outputs=outputs)
            own = dict(module.named_buffers())
            return _numpy(outputs) | _numpy({name: own.get(self._own(name)) for name in given.buffers})

        def backward(given: Call) -> dict[str, Any]:
            module, inputs, outputs = state["module"], state["inputs"], state["outputs"]
            names = [name for name, out in outputs.items() if isinstance(out, torch.Tensor) and out.requires_grad]
            upstream = [_tensor(given.upstream[f"d{n}"]).to(outputs[n].dtype) for n in names]
            torch.autograd.backward([outputs[n] for n in names], upstream)
            own = dict(module.named_parameters())
            leaves = inputs | {name: own[self._own(name)] for name in given.parameters}
            return _numpy({f"d{name}": leaf.grad for name, leaf in leaves.items()})

        answer = attempt(call, forward, backward)
        failed = answer.failures.get("forward")
        if failed is not None and failed.kind == NotNamed.__name__:  # ours to know, no mistake of the module's
            answer.failures["forward"] = Failure("unjudged", failed.message)
        return answer

    def _own(self, name: str) -> str:
        return self._params.get(name, name)

    def _load(self, module: torch.nn.Module, given: Call) -> None:
        """Copy the call's parameters and buffers in. Raises NotNamed where one is missing, ValueError where it has
        another shape."""
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, array in {**given.parameters, **given.buffers}.items():
            target = own.get(self._own(name))
            if target is None:
                known = ", ".join(own) or "none"
                raise NotNamed(
                    f"{type(module).__name__} has no parameter {self._own(name)!r} (it has: {known}); which one it is, "
                    f'say in Python: oracle.assert_matches({type(module).__name__}, torch.nn.{self.spec}, '
                    f'params={{"{name}": ...}})'
                )
            if tuple(target.shape) != array.shape:
                raise ValueError(
                    f"{type(module).__name__}.{self._own(name)} has shape {tuple(target.shape)}, {array.shape} expected"
                )
            with torch.no_grad():
                target.copy_(_tensor(array))


def _plain(name: str) -> LayerSpec:
    """A layer that torch does not have: it takes its inputs as they come."""
    return LayerSpec(name, (), {}, lambda args, shapes: Tensors({}), tuple, Selection())


def _offered(factory: Callable) -> set[str] | None:
    """The names of the factory's arguments; None where it takes any."""
    parameters = inspect.signature(factory).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters}


def _defaults(spec: str) -> dict[str, Any]:
    """The defaults of the torch layer of that name, where there is one."""
    twin = getattr(torch.nn, spec, None)
    parameters = inspect.signature(twin).parameters.values() if twin else ()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _tensor(array: np.ndarray, half: torch.dtype | None = None) -> torch.Tensor:
    """A tensor on the array's own memory (so that a module that changes its input is seen), or on a copy where torch
    cannot have it: negative strides, read-only; fractions in `half`, where that is asked for."""
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()
    tensor = torch.from_numpy(array)
    return tensor.to(half) if half is not None and tensor.is_floating_point() else tensor


def _numpy(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors as arrays; anything else as it is, to be refused by name."""
    return {name: _array(value) if isinstance(value, torch.Tensor) else value for name, value in tensors.items()}


def _array(tensor: torch.Tensor) -> np.ndarray:
    """In float32 where NumPy has no such type, or a coarse one."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor).numpy()
