"""Plan: how to call one layer of someone's file, as data. The grader writes it, the worker carries it out.

A value in a plan is a literal, or "$x": the array or object of that name. Names are the oracle's ("x", "weight",
"dout", "out", "dweight"), the arrays are already in the file's own layout. A path says where an object keeps an array:
"W", "grads[W]", "weight.data".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call
from oracle.subjects.attempt import Locate, attempt


@dataclass(frozen=True)
class Step:
    """One call. `function` is a name of the file, or ".forward": a method of the object that the plan makes.

    returns  the names of what comes back: one for a single value, several for a tuple of that many
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    returns: tuple[str, ...] = ()


_STEPS = ("forward", "backward", "make")


@dataclass(frozen=True)
class Plan:
    """make      the object, for a layer that is a class
    set       path -> value, before the forward
    read      name -> path, after the backward (after the forward where there is none)
    """

    forward: Step
    backward: Step | None = None
    make: Step | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        steps = {name: step and vars(step) for name, step in vars(self).items() if name in _STEPS}
        return {**vars(self), **steps}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        steps = {name: Step(**data[name]) if data[name] else None for name in _STEPS}
        return cls(**{**data, **steps})


def execute(
    plan: Plan,
    namespace: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    locate: Locate,
    after_forward: Callable[[Answer], None] | None = None,
    look: Callable[[str, Any], None] = lambda moment, thing: None,
) -> Answer:
    """Carry the plan out on a fresh object. `look` is shown the object when it is made and when all is done, and what
    each step returned: a trial run finds out from it where a class keeps its weights and gradients."""
    scope: dict[str, Any] = {}

    def run(phase: str, step: Step) -> dict[str, Any]:
        made = scope.get("object")
        function = getattr(made, step.function[1:]) if step.function.startswith(".") else namespace[step.function]
        value = function(
            *(_value(arg, scope) for arg in step.args),
            **{name: _value(arg, scope) for name, arg in step.kwargs.items()},
        )
        look(phase, value)
        return _by_name(step, value)

    def forward(given: Call) -> dict[str, Any]:
        scope.update(given.inputs)
        if plan.make is not None:
            scope["object"] = namespace[plan.make.function](
                *(_value(arg, scope) for arg in plan.make.args),
                **{name: _value(arg, scope) for name, arg in plan.make.kwargs.items()},
            )
            look("made", scope["object"])
        for path, value in plan.set.items():
            put(scope["object"], path, _value(value, scope))
        scope.update(results := run("forward", plan.forward))
        return results | ({} if plan.backward else read()) | {"cache": None}

    def backward(given: Call) -> dict[str, Any]:
        assert plan.backward is not None
        if not all(f"${name}" not in plan.backward.args or name in scope for name in plan.forward.returns):
            return {}  # the forward computed nothing: there is nothing to go back from
        return run("backward", plan.backward) | read()

    def read() -> dict[str, Any]:
        look("done", scope.get("object"))
        return {name: get(scope["object"], path) for name, path in plan.read.items()}

    call = Call("", {}, arrays, {}, {}, {})
    return attempt(call, forward, backward if plan.backward else None, locate, after_forward)


def _value(value: Any, scope: Mapping[str, Any]) -> Any:
    """A literal, or what a "$name" in it stands for. JSON has no tuples: every list is one."""
    if isinstance(value, str) and value.startswith("$"):
        return scope[value[1:]]
    if isinstance(value, list | tuple):
        return tuple(_value(entry, scope) for entry in value)
    if isinstance(value, dict):
        return {key: _value(entry, scope) for key, entry in value.items()}
    return value


def _by_name(step: Step, value: Any) -> dict[str, Any]:
    """What a step returned, by the names that the plan gives it. None stands for nothing computed."""
    names = tuple(step.returns)
    if not names or value is None:
        return {}
    if len(names) == 1:
        return {names[0]: value}
    if not isinstance(value, tuple | list) or len(value) != len(names):
        came = f"{len(value)} values" if isinstance(value, tuple | list) else f"one {type(value).__name__}"
        raise ValueError(f"{step.function.lstrip('.')} returned {came}, ({', '.join(names)}) was expected")
    return dict(zip(names, value))


# Paths: "W", "params[W]", "conv.weight.data"

_PART = re.compile(r"\.?(\w+)|\[([^\[\]]+)\]")


def get(thing: Any, path: str) -> Any:
    """What stands at `path`; None where nothing does."""
    for name, key in _PART.findall(path):
        if name:
            thing = getattr(thing, name, None)
        elif isinstance(thing, dict):
            thing = thing.get(key)
        else:
            return None
    return thing


def put(thing: Any, path: str, value: Any) -> None:
    *parents, (name, key) = _PART.findall(path)
    for parent, parent_key in parents:
        thing = getattr(thing, parent) if parent else thing[parent_key]
    if name:
        setattr(thing, name, value)
    else:
        thing[key] = value


def arrays_of(thing: Any, depth: int = 2) -> dict[str, tuple[int, ...]]:
    """path -> shape of the arrays that an object keeps: its attributes, its dictionaries, its parts' attributes."""
    found: dict[str, tuple[int, ...]] = {}
    for name, value in getattr(thing, "__dict__", {}).items():
        if isinstance(value, np.ndarray):
            found[name] = value.shape
        elif isinstance(value, dict):
            found |= {f"{name}[{k}]": v.shape for k, v in value.items() if isinstance(v, np.ndarray)}
        elif depth > 1 and hasattr(value, "__dict__"):
            found |= {f"{name}.{path}": shape for path, shape in arrays_of(value, depth - 1).items()}
    return found


def shape_of(value: Any) -> Any:
    """What a trial run needs to know of a returned value: its shape, shapes for a tuple, None for the rest."""
    if isinstance(value, tuple):
        return [shape_of(entry) for entry in value]
    return list(np.shape(value)) if isinstance(value, np.ndarray | np.generic | int | float) else None
