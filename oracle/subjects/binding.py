"""Binding: which settings a layer of someone's file can express, and how a call of torch's becomes a call of it. Data.

Beside a plan's own "$x" for arrays, a binding's plan has "@stride" for the value of a setting; "@kernel_size[0]" is its
value on the first axis, "@(kernel_size)" one an axis always, "@1-p" is 1 minus it; "@mode" is "train" or "test",
"@training" and "@evaluation" are flags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oracle.layers import SPECS
from oracle.subjects import Answer, Call
from oracle.subjects.differences import DIFFERENCES
from oracle.subjects.layouts import relaid, restored
from oracle.subjects.plan import Plan, Step

ANY, INTS, INT = "any", "ints", "int"  # every value; numbers (one an axis too); only what one number says for all axes
Shapes = Mapping[str, tuple[int, ...]]

# What a convention does not prescribe and torch decides one way: never wrong, in no course and no loose class.
FREE = ("ties-all", "ties-shared", "ties-last", "relu-gradient-at-zero", "gradient-at-kink")


@dataclass(frozen=True)
class Binding:
    """accepts      setting -> ANY, INTS, INT, a condition, or its one value; a setting that is not in it is not taken
    fixed        setting -> the value that is written in the code: cases are made with it
    layouts      tensor -> its layout
    shapes       what the course promises of the inputs' shapes: a name in PROMISES
    scaled       tensors that come back for an upstream gradient of 1 and are multiplied by the case's here
    differences  what the course prescribes and torch does otherwise
    conventions  ids of mistakes that are none here, because the course leaves it open
    absent       tensors of torch's that it does not have
    evaluation   what there is in evaluation mode: "all", "forward" alone, or "none" of it
    updates      gradients that are read from what backward makes of the parameters: (before - after) / LR
    optional     the course leaves the backward to those who like: a forward alone is whole
    states       the optional inputs (a first hidden state, a mask) that its forward is given, where they are there
    needed       those of them that it cannot do without
    axes         how many axes its first input may have, where that is not left to torch
    sums         array of its own -> those of torch's that it is the sum of: one bias for two
    tells        words of which one must be among the arguments for the row to be recognised
    names        what the arguments of its forward are called, in order and in small letters, where it is no one else's
    other        what other years of the course mean by the same names: the docstring says it, or a trial run
    handout      words of its docstring with which a year leaves no other reading
    says         mistake -> (hint, fix) in the words of the course, where torch's would lead astray
    """

    spec: str
    implements: str
    plan: Plan
    accepts: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)
    shapes: str = ""
    scaled: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    conventions: tuple[str, ...] = FREE
    absent: tuple[str, ...] = ()
    evaluation: str = "all"
    updates: tuple[str, ...] = ()
    optional: bool = False
    tells: tuple[str, ...] = ()
    states: tuple[str, ...] | None = None
    needed: tuple[str, ...] = ()
    axes: tuple[int, ...] | None = None
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    other: tuple[Binding, ...] = ()
    handout: str = ""
    says: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def forward_only(self) -> Binding:
        """For a file that has the forward alone."""
        implements = re.sub(r", [\w.]+", "", self.implements)  # "pool_forward, pool_backward (max)"
        absent = (*self.absent, "dx", "dweight", "dbias") if self.optional else self.absent
        return replace(self, implements=implements, absent=absent, plan=replace(self.plan, backward=None),
                       other=tuple(other.forward_only() for other in self.other))  # fmt: skip

    def takes(self, settings: Mapping[str, Any], shapes: Shapes | None, training: bool = True) -> bool:
        if shapes and any(0 in shape for shape in shapes.values()):
            return False  # no course promises what comes out for a batch of nothing
        optional = {name for name in shapes or () if name in SPECS[self.spec].optional}
        if self.states is not None and optional - {*self.states}:
            return False
        if shapes and {*self.needed} - optional:
            return False
        if self.axes is not None and shapes and len(next(iter(shapes.values()))) not in self.axes:
            return False
        rules = {**self.accepts, **self.fixed}
        said = dict(settings)
        if said.get("stride", 0) is None:  # the window's size, which one number may not say
            said["stride"] = said["kernel_size"]
        if rules.get("stride", 0) is None:  # no argument for it: the windows stand side by side
            one = _one(said["kernel_size"])
            rules["stride"] = said["kernel_size"] if one is None else one
        fits = all(name in rules and _accepted(rules[name], value) for name, value in said.items())
        fits = fits and (training or self.evaluation != "none")
        return fits and (not self.shapes or shapes is None or PROMISES[self.shapes](settings, shapes))

    def lacks(self, call: Call, tensor: str) -> bool:
        """Whether it does not offer this tensor at all."""
        gradient = tensor.startswith("d") and tensor[1:] in call.arrays()
        return tensor in self.absent or (gradient and not call.training and self.evaluation == "forward")

    def plan_for(self, call: Call) -> Plan:
        """The plan with the call's settings in it, without what the call does not have (a layer without bias)."""
        arrays = {**call.arrays(), **self._summed(call)}

        def settled(value: Any) -> Any:
            if isinstance(value, str) and value.startswith("@"):
                return _settled(call, value[1:], self.accepts)
            if isinstance(value, dict):
                return {key: settled(entry) for key, entry in value.items() if _there(entry, arrays)}
            if isinstance(value, list | tuple):
                return tuple(map(settled, value))
            return value

        def step(of: Step) -> Step:
            return replace(of, args=tuple(map(settled, of.args)), kwargs=settled(dict(of.kwargs)))

        plan = self.plan
        backward = plan.backward if call.training or self.evaluation == "all" else None
        read = {name: path for name, path in plan.read.items() if {name.removeprefix("d"), f"d{name}"} & arrays.keys()}
        if plan.backward is not None and backward is None:
            read = {name: path for name, path in read.items() if {name, f"d{name}"} & arrays.keys()}
        return replace(
            plan,
            make=plan.make and step(plan.make),
            forward=step(plan.forward),
            backward=backward and step(backward),
            given=settled(dict(plan.given)),
            set={path: value for path, value in plan.set.items() if _there(value, arrays)},
            read=read,
        )

    def arrays_for(self, call: Call) -> dict[str, np.ndarray]:
        """The call's arrays in the file's own layout; contiguous where the call's are, and where they are expanded: a
        course's backward may write into the gradient that it is given."""
        x = call.inputs.get("x")
        classes = x.shape[1] if x is not None and x.ndim > 1 else 0
        given = {**call.arrays(), **self._summed(call)}
        arrays = {name: array.copy() if 0 in array.strides else array for name, array in given.items()}
        if self.updates:  # in float64, or the gradient would be lost beside the weight
            arrays = {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in arrays.items()}
        return {name: relaid(array, self.layouts.get(_base(name), ""), classes) for name, array in arrays.items()}

    def _summed(self, call: Call) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(sum(call.parameters[part] for part in parts))
            for name, parts in self.sums.items() if all(part in call.parameters for part in parts)
        }  # fmt: skip

    def answer_for(self, call: Call, answer: Answer) -> Answer:
        """The answer in torch's layout and by torch's rules, without tensors that the call did not ask for."""
        arrays = call.arrays()
        known = {*(name[1:] for name in call.upstream), *call.buffers, *(f"d{name}" for name in arrays)}
        shapes = {f"d{name}": array.shape for name, array in arrays.items()} | {
            name: array.shape for name, array in arrays.items()
        }
        shapes |= {name[1:]: array.shape for name, array in call.upstream.items()}
        tensors = {}
        for name, array in answer.tensors.items():
            if name not in known or self.lacks(call, name):
                continue
            array = restored(array, self.layouts.get(_base(name), ""), shapes.get(name))
            if name in self.updates and array.shape == arrays[name[1:]].shape:
                array = _gradient(arrays[name[1:]], array)
            if name in self.scaled:
                array = np.asarray(array * call.upstream["dout"])
            for difference in (DIFFERENCES[id] for id in self.differences):
                if name in difference.tensors and array.dtype.kind == "f":
                    array = np.asarray(difference.as_torch(array.astype(np.float64), call))
            tensors[name] = array
        return replace(answer, tensors=tensors)


LR = float(2**20)  # the learning rate of a layer that updates its own weights: a power of two rounds nothing


def _gradient(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Of an update after = before - LR gradient. Beside a gradient above 2**32 the weight is lost in rounding: it was a
    whole number then."""
    gradient = (before.astype(np.float64) - after) / LR
    return np.where(np.abs(gradient) >= 2.0**32, np.rint(gradient), gradient)


def _base(name: str) -> str:
    """A gradient is laid out as the tensor that it belongs to; the upstream gradient as the output."""
    return name[1:] if name.startswith("d") else name


def _there(value: Any, arrays: Mapping[str, Any]) -> bool:
    """False for a "$bias" that the call does not have, alone or in a tuple. What the worker makes itself ("$cache",
    "$g") is never asked."""
    if isinstance(value, list | tuple):
        return all(_there(entry, arrays) for entry in value)
    return not (isinstance(value, str) and value.startswith("$")) or value[1:] in arrays or value[1:] not in _TENSORS


_OPTIONAL = {name for spec in SPECS.values() for name in spec.optional}  # ... inputs, and biases of recurrent layers
_TENSORS = {"weight", "bias", "running_mean", "running_var", "mask", "target", "bias_ih", "bias_hh", "bias_ih_l0",
            "bias_hh_l0", "in_proj_bias", "out_proj.bias"} | _OPTIONAL  # fmt: skip


def _accepted(rule: Any, value: Any) -> bool:
    if callable(rule):
        return rule(value)
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


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def given(value: Any) -> bool:
    """A setting must have a number: torch's None has a meaning of its own (momentum: the plain average)."""
    return value is not None


def below_one(value: Any) -> bool:
    """Of p = 1 nothing is left to divide by."""
    return value < 1


def one_axis(value: Any) -> bool:
    return not isinstance(value, tuple) or len(value) == 1


_INDEXED = re.compile(r"(1-)?(\w+)(?:\[(\d)\])?")


def _settled(call: Call, name: str, accepts: Mapping[str, Any]) -> Any:
    match name:
        case "mode" if name not in call.settings:  # of an upsampling it is a setting
            return "train" if call.training else "test"
        case "training":
            return call.training
        case "evaluation":
            return not call.training
    if name.startswith("("):
        value, axes = setting(call.settings, name[1:-1], accepts), call.inputs["x"].ndim - 2
        return value if isinstance(value, tuple) else (value,) * axes
    return setting(call.settings, name, accepts)


def setting(settings: Mapping[str, Any], name: str, accepts: Mapping[str, Any]) -> Any:
    """The value of "stride", "stride[0]" or "1-p". A pooling stride that is not given is the window's size."""
    match = _INDEXED.fullmatch(name)
    assert match is not None, name
    minus, name, axis = match.groups()
    value = settings[name]
    if name == "stride" and value is None:
        value = settings["kernel_size"]
    if name == "scale_factor":  # 2 where torch has 2.0: people write it so, and repeat() takes no other
        value = tuple(map(_whole, value)) if isinstance(value, tuple) else _whole(value)
    if axis is not None:
        return value[int(axis)] if isinstance(value, tuple) else value
    if accepts.get(name) == INT or accepts.get(name) is one_axis:
        value = _one(value)
    return 1 - value if minus else value


# What a course promises its students of the shapes


def _axes(count: int) -> Callable[[Mapping[str, Any], Shapes], bool]:
    return lambda settings, shapes: all(len(shape) == count for shape in shapes.values())


def _divisible(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    if isinstance(settings["padding"], str):  # "same" is for a stride of 1
        return True
    sizes = shapes["x"][2:]
    windows, strides, pads = (
        [setting(settings, f"{name}[{axis}]", {}) for axis in range(len(sizes))]
        for name in ("kernel_size", "stride", "padding")
    )
    return all((size + 2 * pad - window) % stride == 0
               for size, window, stride, pad in zip(sizes, windows, strides, pads))  # fmt: skip


def _tiles(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    one = {"kernel_size": INT, "stride": INT}
    window, stride = (setting(settings, name, one) for name in one)
    return window == stride and not isinstance(window, tuple) and _divisible(settings, shapes)


def _rows(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    return len(shapes["x"]) == 2 and len(shapes["target"]) == 1


PROMISES: dict[str, Callable[[Mapping[str, Any], Shapes], bool]] = {
    "matrix": _axes(2),  # every input has two axes
    "rows": lambda settings, shapes: len(shapes["x"]) == 2 and np.size(settings["normalized_shape"]) == 1,
    "images": _axes(4),
    "one row": lambda settings, shapes: len(shapes["x"]) == 2 and shapes["x"][0] == 1,
    "batch": lambda settings, shapes: all(len(shape) > 1 for shape in shapes.values()),  # ... or more
    "divisible": _divisible,  # the windows cover the image without a rest
    "tiles": _tiles,  # square windows side by side, which cover it
    "labels": _rows,  # one row of scores an image, one label each
    "one grey image": lambda settings, shapes: shapes["x"][:2] == (1, 1),
    "one image": lambda settings, shapes: shapes["x"][0] == 1,
    "classes": lambda settings, shapes: _rows(settings, shapes) and shapes["x"][1] > 1,  # ... of two classes or more
}
