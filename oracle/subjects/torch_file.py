"""A file of functions on torch tensors, run in this process: each is given tensors and gives arrays back."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from oracle.cases import make
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.subjects import Answer, Call, Subject
from oracle.subjects.binding import Binding
from oracle.subjects.differences import DIFFERENCES
from oracle.subjects.plan import execute
from oracle.subjects.torch_drawing import drawn
from oracle.worker.loading import arguments
from oracle.worker.shims import STUBS, standing_in

# What comes with the assignment and is handed in with it by few; the folder of the assignment, which some name.
_HANDED_OUT = ("eecs598", "a3_helper", "A3", "fully_connected_networks", "convolutional_networks")


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(classes with their static methods wrapped, what the file defines). Whatever its import raises goes through."""
    found = importlib.util.spec_from_file_location(f"submission_{path.stem}", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.path += [str(path.parent), str(path.parent.parent)]
    known = set(sys.modules)
    try:
        with standing_in((*STUBS, *_HANDED_OUT)):
            found.loader.exec_module(module)
    finally:
        del sys.path[-2:]
        for name in set(sys.modules) - known:  # the next student's file has a neighbour of the same name
            if Path(getattr(sys.modules[name], "__file__", None) or "").parent == path.parent:
                del sys.modules[name]
    methods = {
        name: {method: part.__func__ for method, part in vars(value).items() if isinstance(part, staticmethod)}
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    classes = {
        name: SimpleNamespace(**{method: _on_arrays(function) for method, function in parts.items()})
        for name, parts in methods.items()
    }
    listed = {
        name: {method: [list(a) for a in arguments(function)] for method, function in parts.items()}
        for name, parts in methods.items()
    }
    return classes, {"functions": {}, "classes": listed}


class TorchFileSubject(Subject):
    """One row of a course, as a file of torch code has it."""

    def __init__(self, binding: Binding, namespace: Mapping[str, Any]):
        self.spec, self.implements = binding.spec, binding.implements
        self.conventions, self.fixed = binding.conventions, binding.fixed
        self.notes = [(id, DIFFERENCES[id].text) for id in binding.differences]
        self.binding, self._namespace = binding, namespace
        self._draws = binding.plan.draws
        if self._draws:
            self._settle()

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        return self.binding.takes(settings, shapes, training)

    def lacks(self, call: Call, tensor: str) -> bool:
        return self.binding.lacks(call, tensor)

    def run(self, call: Call) -> Answer:
        plan, arrays = self.binding.plan_for(call), self.binding.arrays_for(call)
        with drawn(self._draws, arrays.get("mask")):
            answer = execute(plan, self._namespace, arrays, lambda path: None if "oracle" in path else Path(path).name)
        return self.binding.answer_for(call, answer)

    def _settle(self) -> None:
        """What keeps an element in dropout: a small random number, unless a trial shows that a large one does."""
        call = make(SPECS[self.spec], Setting({}, {"x": (4, 5)})).call()
        kept = call.buffers["mask"] == 1
        for self._draws in ("high", "low"):
            out = self.run(call).tensors.get("out")
            if out is not None and np.array_equal(out != 0, kept):
                break


def _on_arrays(function: Callable) -> Callable:
    def call(*args: Any) -> Any:
        given = [_each(arg, np.ndarray, _tensor) for arg in args]
        value = function(*given)
        for arg, tensors in zip(args, given):  # what the function writes into a dictionary of the caller's
            if isinstance(arg, dict):
                arg.update(_each(tensors, torch.Tensor, _array))
        return _each(value, torch.Tensor, _array)

    return call


def _each(value: Any, kind: type, change: Callable) -> Any:
    """`value` with everything of a kind in it changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(entry, kind, change) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_each(entry, kind, change) for entry in value)
    return value


def _tensor(array: np.ndarray) -> torch.Tensor:
    """On the array's own memory, so that a change of it is seen; torch has no negative strides and no read-only
    memory."""
    own = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if own else array.copy())


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
