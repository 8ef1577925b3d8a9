"""Plan: how to call one layer of someone's file, as data. The grader writes it, the worker carries it out.

A value in a plan is a literal, or "$x": the array or object of that name; "=x" is a copy of it. A dictionary whose keys
begin with a dot is an object with these attributes. Names are the oracle's ("x", "weight", "dout", "out", "dweight"),
the arrays are already in the file's own layout. A path says where an object keeps an array: "W", "grads[W]",
"weight.data"; "$config[m]" begins at a named value and not at the object, "$return[0]" at what the last step
returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call
from oracle.subjects.attempt import Locate, attempt
from oracle.subjects.drawing import drawn


@dataclass(frozen=True)
class Step:
    """One call. `function` is a name of the file ("Conv.forward" for a static method), or ".forward": a method of the
    object that the plan makes.

    returns  the names of what comes back: one for a single value, several for a tuple of that many, or of more where
             the last one is "*"
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    returns: tuple[str, ...] = ()


_FORGET = ("flush_gradients", "zero_grad", "clear_grads", "cleargrads", "zero_gradients")
_STEPS = ("forward", "backward", "make")


@dataclass(frozen=True)
class Plan:
    """make      the object, for a layer that is a class
    given     name -> value that is made once, in this order, and handed on by name: a dictionary that the code writes
              into
    warm      whether it makes its weights in the first forward: it gets one before the weights are set
    set       path -> value, before the forward; before each step of an optimizer
    read      name -> path, after the backward (after the forward where there is none)
    state     arrays that it may change in place: it gets copies
    over      the array whose first axis counts the steps of an optimizer: the forward is called once for each, with
              the number of the step in $t
    draws     "low" or "high": what its random numbers are where $mask keeps an element; "" for real ones
    """

    forward: Step
    backward: Step | None = None
    make: Step | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)
    state: Sequence[str] = ()
    over: str = ""
    draws: str = ""
    warm: bool = False

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
        function = _function(step.function, scope.get("object"), namespace)
        value = function(
            *(_value(arg, scope) for arg in step.args),
            **{name: _value(arg, scope) for name, arg in step.kwargs.items()},
        )
        look(phase, value)
        scope["return"] = value
        return _by_name(step, value)

    def forward(given: Call) -> dict[str, Any]:
        scope.update(given.inputs)
        scope.update({name: scope[name].copy() for name in plan.state if name in scope})
        for name, value in plan.given.items():
            scope[name] = _value(value, scope)
        if plan.make is not None:
            scope["object"] = _function(plan.make.function, None, namespace)(
                *(_value(arg, scope) for arg in plan.make.args),
                **{name: _value(arg, scope) for name, arg in plan.make.kwargs.items()},
            )
            if plan.warm:
                run("warm", plan.forward)
                for forget in filter(callable, (getattr(scope["object"], name, None) for name in _FORGET)):
                    forget()
            look("made", scope["object"])
        results: dict[str, Any] = {}
        with drawn(plan.draws, scope.get("mask")):
            for step, piece in enumerate(scope[plan.over] if plan.over else (None,), 1):
                if plan.over:
                    scope["t"], scope[plan.over] = step, piece
                for path, value in plan.set.items():
                    put(*_root(path, scope), _value(value, scope))
                scope.update(results := run("forward", plan.forward))
        results |= changed_by_now() if plan.backward else read()
        return results | {"cache": None, **dict.fromkeys(plan.given)}

    def backward(given: Call) -> dict[str, Any]:
        assert plan.backward is not None
        if not all(f"${name}" not in plan.backward.args or name in scope for name in plan.forward.returns):
            return {}  # the forward computed nothing: there is nothing to go back from
        return run("backward", plan.backward) | read()

    def changed_by_now() -> dict[str, Any]:
        """The state as the forward left it, in case that the backward raises: it is read again after that."""
        found = {}
        for name in plan.read.keys() & {*plan.state}:
            with suppress(Exception):  # it may not be there yet
                found[name] = get(*_root(plan.read[name], scope))
        return found

    def read() -> dict[str, Any]:
        look("done", scope.get("object"))
        return {name: get(*_root(path, scope)) for name, path in plan.read.items()}

    call = Call("", {}, arrays, {}, {}, {})
    return attempt(call, forward, backward if plan.backward else None, locate, after_forward)


def _function(name: str, made: Any, namespace: Mapping[str, Any]) -> Callable[..., Any]:
    """ ".forward" of the object, "relu_forward" of the file, "Conv.forward" of a class in it."""
    first, *rest = name.removeprefix(".").split(".")
    found = getattr(made, first) if name.startswith(".") else namespace[first]
    for part in rest:
        found = getattr(found, part)
    return found


def _root(path: str, scope: Mapping[str, Any]) -> tuple[Any, str]:
    """(what the path begins at, the rest of it)."""
    if not path.startswith("$"):
        return scope["object"], path
    name = re.match(r"\$(\w+)", path)
    assert name is not None, path
    return scope[name[1]], path[name.end() :]


def _value(value: Any, scope: Mapping[str, Any]) -> Any:
    """A literal, or what a "$name" in it stands for. JSON has no tuples: every list is one."""
    if isinstance(value, str) and value.startswith(("$", "=")):
        named = scope[value[1:]]
        return named.copy() if value.startswith("=") else named
    if isinstance(value, list | tuple):
        return tuple(_value(entry, scope) for entry in value)
    if isinstance(value, dict):
        entries = {key: _value(entry, scope) for key, entry in value.items()}
        if entries and all(key.startswith(".") for key in entries):
            return SimpleNamespace(**{key[1:]: entry for key, entry in entries.items()})
        return entries
    return value


def _by_name(step: Step, value: Any) -> dict[str, Any]:
    """What a step returned, by the names that the plan gives it. None stands for nothing computed."""
    names = tuple(step.returns)
    if not names or value is None:
        return {}
    if len(names) == 1:
        return {names[0]: value}
    if names[-1] == "*" and isinstance(value, tuple | list):
        names, value = names[:-1], value[: len(names) - 1]
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
        elif isinstance(thing, list | tuple) and key.isdecimal() and int(key) < len(thing):
            thing = thing[int(key)]
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
        thing[int(key) if isinstance(thing, list) else key] = value


def arrays_of(thing: Any, depth: int = 2) -> dict[str, tuple[int, ...]]:
    """path -> shape of the arrays that an object keeps: its attributes, its dictionaries and lists, the attributes of
    its parts and of what its dictionaries hold."""
    found: dict[str, tuple[int, ...]] = {}
    for name, value in getattr(thing, "__dict__", {}).items():
        kept = dict(enumerate(value)) if isinstance(value, list) else value
        parts = {f"{name}[{key}]": entry for key, entry in kept.items()} if isinstance(kept, dict) else {name: kept}
        for path, part in parts.items():
            if isinstance(part, np.ndarray):
                found[path] = part.shape
            elif depth > 1 and hasattr(part, "__dict__"):
                found |= {f"{path}.{inner}": shape for inner, shape in arrays_of(part, depth - 1).items()}
    return found


def shape_of(value: Any) -> Any:
    """What a trial run needs to know of a returned value: its shape, shapes for a tuple or a dictionary, None for the
    rest."""
    if isinstance(value, tuple) or (isinstance(value, list) and _are_several(value)):
        return [shape_of(entry) for entry in value]
    if isinstance(value, dict):
        return {key: shape_of(entry) for key, entry in value.items() if isinstance(key, str)}
    return list(np.shape(value)) if isinstance(value, np.ndarray | np.generic | int | float) else None


def _are_several(entries: list) -> bool:
    """[dx, dw, db], and not the rows of one array."""
    shapes = {entry.shape if isinstance(entry, np.ndarray) else None for entry in entries}
    return len(shapes) > 1
