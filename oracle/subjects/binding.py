"""Binding: which settings a layer of someone's file can express, and how a call of torch's becomes a call of it. Data.

Beside a plan's own "$x" for arrays, a binding's plan has "@stride" for the value of a setting; "@kernel_size[0]" is its
value on the first axis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call
from oracle.subjects.plan import Plan, Step

ANY, INTS, INT = "any", "ints", "int"  # every value; numbers (one an axis too); only what one number says for all axes
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Binding:
    """accepts   setting -> ANY, INTS, INT, or the one value that it can have; a setting that is not in it is not taken
    layouts   tensor -> "torch's axes->its own": "OI->IO" is transposed, "F->1F" has an axis of size 1 in front
    shapes    what the course promises of the inputs' shapes: a name in PROMISES
    scaled    tensors that come back for an upstream gradient of 1 and are multiplied by the case's here
    """

    spec: str
    implements: str
    plan: Plan
    accepts: Mapping[str, Any]
    layouts: Mapping[str, str] = field(default_factory=dict)
    shapes: str = ""
    scaled: tuple[str, ...] = ()

    def forward_only(self) -> Binding:
        """For a file that has the forward alone."""
        return replace(self, implements=self.plan.forward.function, plan=replace(self.plan, backward=None))

    def takes(self, settings: Mapping[str, Any], shapes: Shapes | None) -> bool:
        fits = all(_accepted(self.accepts[name], value) if name in self.accepts else False
                   for name, value in settings.items())  # fmt: skip
        return fits and (not self.shapes or shapes is None or PROMISES[self.shapes](settings, shapes))

    def plan_for(self, call: Call) -> Plan:
        """The plan with the call's settings in it, without what the call does not have (a layer without bias)."""
        arrays = call.arrays()

        def settled(value: Any) -> Any:
            if isinstance(value, str) and value.startswith("@"):
                return setting(call.settings, value[1:], self.accepts, call.inputs)
            if isinstance(value, dict):
                return {key: settled(entry) for key, entry in value.items()}
            return value

        def step(of: Step) -> Step:
            return replace(of, args=tuple(map(settled, of.args)), kwargs=settled(dict(of.kwargs)))

        plan = self.plan
        return replace(
            plan,
            make=plan.make and step(plan.make),
            forward=step(plan.forward),
            backward=plan.backward and step(plan.backward),
            set={path: value for path, value in plan.set.items() if value[1:] in arrays},
            read={name: path for name, path in plan.read.items() if name[1:] in arrays},
        )

    def arrays_for(self, call: Call) -> dict[str, np.ndarray]:
        """The call's arrays in the file's own layout; contiguous where the call's are."""
        return {name: relaid(array, self.layouts.get(_base(name), "")) for name, array in call.arrays().items()}

    def answer_for(self, call: Call, answer: Answer) -> Answer:
        """The answer in torch's layout, without tensors that the call did not ask for."""
        outputs = [name[1:] for name in call.upstream]
        known = {*outputs, *call.buffers, *(f"d{name}" for name in (*call.inputs, *call.parameters))}
        tensors = {}
        for name, array in answer.tensors.items():
            if name in known:
                tensors[name] = restored(array, self.layouts.get(_base(name), ""))
                if name in self.scaled:
                    tensors[name] = tensors[name] * call.upstream["dout"]
        return replace(answer, tensors=tensors)


def _base(name: str) -> str:
    """A gradient is laid out as the tensor that it belongs to; the upstream gradient as the output."""
    return name[1:] if name.startswith("d") else name


def _accepted(rule: Any, value: Any) -> bool:
    if rule == ANY:
        return True
    if rule == INTS:
        return not isinstance(value, str)
    if rule == INT:
        return value is None or _one(value) is not None
    return value == rule or (_one(value) is not None and _one(value) == rule and not isinstance(rule, bool))


def _one(value: Any) -> int | None:
    """The one integer that says the same, None where there is none."""
    values = set(value) if isinstance(value, tuple) else {value}
    one = values.pop() if len(values) == 1 else None
    return one if isinstance(one, int) else None


_INDEXED = re.compile(r"(\w+)(?:\[(\d)\])?")


def setting(settings: Mapping[str, Any], name: str, accepts: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """The value of "stride" or "stride[0]". A pooling stride that is not given is the window's size."""
    match = _INDEXED.fullmatch(name)
    assert match is not None, name
    name, axis = match[1], match[2]
    value = settings[name]
    if name == "stride" and value is None:
        value = settings["kernel_size"]
    if axis is not None:
        return value[int(axis)] if isinstance(value, tuple) else value
    return _one(value) if accepts[name] == INT else value


# What a course promises its students of the shapes


def _matrix(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    return all(len(shape) == 2 for shape in shapes.values())


def _divisible(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    sizes = shapes["x"][2:]
    windows, strides = (
        [setting(settings, f"{name}[{axis}]", {}, {}) for axis in range(len(sizes))]
        for name in ("kernel_size", "stride")
    )
    return all((size - window) % stride == 0 for size, window, stride in zip(sizes, windows, strides))


def _rows(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    return len(shapes["x"]) == 2 and len(shapes["target"]) == 1


PROMISES: dict[str, Callable[[Mapping[str, Any], Shapes], bool]] = {
    "matrix": _matrix,  # every input has two axes
    "batch": lambda settings, shapes: all(len(shape) > 1 for shape in shapes.values()),  # ... or more
    "divisible": _divisible,  # the windows cover the image without a rest
    "labels": _rows,  # one row of scores an image, one label each
}

# Layouts: "torch's axes->its own", a letter an axis, 1 for an axis of size 1 that torch does not have


def relaid(array: np.ndarray, layout: str) -> np.ndarray:
    if not layout:
        return array
    torchs, own = layout.split("->")
    moved = array.transpose([torchs.index(axis) for axis in own if axis != "1"])
    moved = np.expand_dims(moved, [place for place, axis in enumerate(own) if axis == "1"])
    return np.ascontiguousarray(moved) if array.flags.c_contiguous else moved


def restored(array: np.ndarray, layout: str) -> np.ndarray:
    """Back in torch's layout. An array that does not have its axes stays as it is: its shape is the finding."""
    if not layout:
        return array
    torchs, own = layout.split("->")
    extra = tuple(place for place, axis in enumerate(own) if axis == "1")
    if array.ndim != len(own) or any(array.shape[place] != 1 for place in extra):
        return array
    letters = own.replace("1", "")
    return array.squeeze(extra).transpose([letters.index(axis) for axis in torchs])
