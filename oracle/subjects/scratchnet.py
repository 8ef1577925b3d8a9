"""scratchnet's own layers as subjects. Their names, arguments and parameters are torch's, so nothing needs a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

import scratchnet.nn
import scratchnet.optim
from oracle.layers import find_spec
from oracle.subjects import Answer, Call, Subject, flat, nested
from oracle.subjects.attempt import attempt


class Scratchnet(Subject):
    """One class of scratchnet.nn, or of scratchnet.optim."""

    def __init__(self, spec: str, layer: Callable[..., Any] | None = None):
        self.spec = spec
        home = scratchnet.nn if hasattr(scratchnet.nn, spec) else scratchnet.optim
        self.implements = f"{home.__name__}.{spec}"
        self._layer = layer or getattr(home, spec)
        self._arguments = inspect.signature(self._layer).parameters

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        return all(name in self._arguments for name in find_spec(self.spec).split(settings)[0])

    def run(self, call: Call) -> Answer:
        if isinstance(self._layer, type) and issubclass(self._layer, scratchnet.optim.Optimizer):
            return attempt(call, self._steps, None)
        state: dict[str, Any] = {}

        def forward(given: Call) -> dict[str, Any]:
            layer = state["layer"] = self._build(given)
            # what is no state of the layer is handed to forward: the mask of a dropout
            handed = {name: array for name, array in given.buffers.items() if name not in layer._buffers}
            spec = find_spec(self.spec)
            positional, named = spec.arguments(given.inputs, spec.split(given.settings)[1])
            outputs = state["outputs"] = layer(*positional, **named, **handed)
            return by_name(given, outputs) | {name: getattr(layer, name) for name in given.buffers}

        def backward(given: Call) -> dict[str, Any]:
            douts = nested(state["outputs"], iter(given.upstream.values()))
            gradients = state["layer"].backward(*douts if isinstance(douts, tuple) else (douts,))
            return gradients_by_name(given, gradients) | {
                f"d{name}": parameter.grad for name, parameter in state["layer"].named_parameters()
            }

        return attempt(call, forward, backward)

    def _steps(self, given: Call) -> dict[str, Any]:
        """An optimizer's steps. The weight that comes back is the array that a model holds: it has to have moved."""
        weight = given.buffers["weight"].copy()
        parameter = scratchnet.nn.Parameter(weight)
        optimizer = self._layer([parameter], **given.settings)
        for step in range(len(given.inputs["g"])):
            parameter.grad = given.inputs["g"][step, ...]
            optimizer.step()
        return {"weight": weight} | {
            name: optimizer.state[parameter][name] for name in given.buffers if name != "weight"
        }

    def _build(self, given: Call) -> Any:
        """A fresh layer that works on the call's own parameter arrays, so that a layer that changes them is seen."""
        floats = [a.dtype for a in (*given.inputs.values(), *given.parameters.values()) if a.dtype.kind == "f"]
        dtype = floats[0] if floats else np.dtype(np.float64)
        with_dtype = {"dtype": dtype} if "dtype" in self._arguments else {}
        layer = self._layer(**find_spec(self.spec).split(given.constructor())[0], **with_dtype)
        buffers = {name: array for name, array in given.buffers.items() if name in layer._buffers}
        layer.load_state_dict({**given.parameters, **buffers})
        for name, parameter in layer.named_parameters():
            parameter.data = given.parameters[name]
        return layer.train(given.training)


def by_name(call: Call, outputs: Any) -> dict[str, Any]:
    """The outputs by the names that their upstream gradients have ("dout" belongs to "out")."""
    names = [name[1:] for name in call.upstream]
    return dict(zip(names, flat(outputs)))


def gradients_by_name(call: Call, gradients: Any) -> dict[str, Any]:
    """The inputs' gradients, in the inputs' order; None for an input without one."""
    return {f"d{name}": gradient for name, gradient in zip(call.inputs, flat(gradients))}


def subjects(specs: Iterable[str]) -> list[Scratchnet]:
    return [
        Scratchnet(spec) for spec in specs if hasattr(scratchnet.nn, spec) or hasattr(scratchnet.optim, spec)
    ]
