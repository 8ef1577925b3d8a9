"""Layers that are classes, written as their authors liked: which argument is which setting, where the weights are kept
and where the gradients go. Names are looked up in a table; what names do not say, a trial run shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from oracle.cases import make
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Setting
from oracle.subjects import Answer, Call
from oracle.subjects.binding import ANY, INT, INTS, Binding
from oracle.subjects.file import Session
from oracle.subjects.names import BACKWARD, FORWARD, UNUSED, argument_of, gradient_of, parameter_of, plain
from oracle.subjects.plan import Plan, Step

Arguments = Sequence[tuple[str, bool]]  # (name, whether it must be given)
Seen = Mapping[str, Any]

# One call per layer whose sizes are all different, so that a shape tells which axis is which.
TRIALS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "Conv1d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8)),
    "Conv2d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8, 9)),
    "Conv3d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 4, 6, 7)),
    "Linear": ({"in_features": 3, "out_features": 4}, (5, 3)),
    "MaxPool2d": ({"kernel_size": 2, "stride": 2}, (5, 3, 8, 6)),
    "AvgPool2d": ({"kernel_size": 2, "stride": 2}, (5, 3, 8, 6)),
}
_UNEVEN = {"kernel_size": (2, 3, 1), "stride": (1, 2, 1), "padding": (0, 1, 0), "dilation": (1, 2, 1)}
WEIGHT_LAYOUTS = {"Linear": ("OI->OI", "OI->IO"), "Conv1d": ("OIL->OIL",), "Conv2d": ("OIHW->OIHW",),
                  "Conv3d": ("OIDHW->OIDHW",)}  # fmt: skip


class Unreadable(Exception):
    """A class that claims to be a layer but cannot be called as one; the message says what is in the way."""


def trial(spec: LayerSpec, x: tuple[int, ...] | None = None, **changes: Any) -> Call:
    args, shape = TRIALS.get(spec.name, ({}, (5, 3)))
    args = {name: value for name, value in (args | changes).items() if name in spec.required or name in spec.defaults}
    return make(spec, Setting(args, {"x": x or shape})).call()


def bind(spec: LayerSpec, name: str, methods: Mapping[str, Arguments], session: Session, unfilled: set[str]) -> Binding:
    """How to call class `name` as `spec`. Raises Unreadable where it cannot be told."""
    forward = _method(methods, FORWARD)
    if forward is None:
        raise Unreadable(f"{name} has no method forward")
    backward = _method(methods, BACKWARD)
    kwargs, accepts = _constructor(spec, name, methods.get("__init__", []))
    _only_first(name, forward, methods[forward])
    if backward in unfilled or backward is None:
        step = None
    else:
        _only_first(name, backward, methods[backward])
        step = Step(f".{backward}", ("$dout",), {}, ("dx",))
    plan = Plan(Step(f".{forward}", ("$x",), {}, ("out",)), step, Step(name, (), kwargs))
    implements = f"{name}.{forward}" + (f", {name}.{backward}" if step else "")
    return _probed(spec, Binding(spec.name, implements, plan, accepts), session)


def settled(binding: Binding, session: Session) -> Binding:
    """A course's row with what only a trial run of the file shows: which random numbers keep an element."""
    if not binding.plan.draws:
        return binding
    call = trial(SPECS[binding.spec])
    answer, _ = session.run(binding.plan_for(call), binding.arrays_for(call))
    out = answer.tensors.get("out")
    kept = call.buffers["mask"] == 1
    opposite = out is not None and out.shape == kept.shape and not (out != 0)[kept].any()
    return replace(binding, plan=replace(binding.plan, draws="high")) if opposite else binding


def _method(methods: Mapping[str, Arguments], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in methods), None)


def _only_first(name: str, method: str, arguments: Arguments) -> None:
    more = [argument for argument, required in arguments[1:] if required]
    if more:
        raise Unreadable(f"{name}.{method} needs {', '.join(more)} too, whose meaning is not known")
    if not arguments:
        raise Unreadable(f"{name}.{method} takes no argument")


def _constructor(spec: LayerSpec, name: str, arguments: Arguments) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arguments of the constructor, which settings it can express)."""
    settings = (*spec.required, *spec.defaults)
    takes_weights = bool(trial(spec).parameters) and any(
        required and plain(argument) in ("w", "weight", "weights") for argument, required in arguments
    )
    kwargs: dict[str, Any] = {}
    for argument, required in arguments:
        if takes_weights and (tensor := parameter_of(argument)) in ("weight", "bias"):
            kwargs[argument] = f"${tensor}"
        elif setting := argument_of(argument, settings):
            kwargs[argument] = f"@{setting}"
        elif required and plain(argument) in UNUSED:
            kwargs[argument] = None
        elif required and not argument.startswith("*"):
            raise Unreadable(f"{name}(... {argument} ...): it is not known what this argument means")
    said = {value[1:].partition("[")[0] for value in kwargs.values() if isinstance(value, str)}
    if takes_weights:
        said |= {"in_channels", "out_channels", "kernel_size", "in_features", "out_features"}
    unsaid = [setting for setting in spec.required if setting not in said]
    if unsaid:
        raise Unreadable(f"{name} has no argument for {', '.join(unsaid)}")
    return kwargs, {setting: ANY if setting in said else spec.defaults[setting] for setting in settings}


def _probed(spec: LayerSpec, binding: Binding, session: Session) -> Binding:
    """The binding with what trial runs show: where weights are kept, what comes back, which settings may be tuples."""
    call = trial(spec)
    _, seen = _run(session, binding, call)
    binding = _with_weights(binding, call, seen.get("made", {}))
    answer, seen = _run(session, binding, call)
    binding = _with_gradients(binding, seen)
    answer, _ = _run(session, binding, call)

    def works(**changes: Any) -> bool:
        """Whether the class offers this: it raises nowhere where it did not, and its output has the right shape."""
        changed = trial(spec, **changes)
        tried, _ = _run(session, binding, changed)
        out = tried.tensors.get("out")
        as_right = out is not None and out.shape == changed.upstream["dout"].shape
        return as_right and tried.failures.keys() <= answer.failures.keys()

    accepts, axes = dict(binding.accepts), call.inputs["x"].ndim - 2
    for name, uneven in _UNEVEN.items():
        if accepts.get(name) == ANY:
            accepts[name] = INTS if works(**{name: uneven[:axes]}) else INT
    if accepts.get("padding") == INTS and works(padding="same"):
        accepts["padding"] = ANY
    shapes = ""
    if spec.name == "Linear":
        shapes = "matrix" if not works(x=(2, 5, 3)) else "" if works(x=(3,)) else "batch"
    return replace(binding, accepts=accepts, shapes=shapes)


def _run(session: Session, binding: Binding, call: Call) -> tuple[Answer, Seen]:
    return session.run(binding.plan_for(call), binding.arrays_for(call), look=True)


def _with_weights(binding: Binding, call: Call, made: Mapping[str, Any]) -> Binding:
    """Where the object keeps its parameters, and in which layout."""
    if not call.parameters or "$weight" in (binding.plan.make or binding.plan.forward).kwargs.values():
        return binding
    paths: dict[str | None, str] = {parameter_of(path): path for path in reversed(list(made))}
    places: dict[str, str] = {}
    layouts: dict[str, str] = {}
    accepts = dict(binding.accepts)
    for name, array in call.parameters.items():
        path = paths.get(name)
        if path is None and name == "bias":
            accepts["bias"] = False
            continue
        shape = tuple(made[path]) if path is not None else None
        layout = (
            _weight_layout(binding.spec, array.shape, shape) if name == "weight" else _bias_layout(array.shape, shape)
        )
        if path is None or layout is None:
            found = f"{path} of shape {shape}" if path else ", ".join(made) or "no array"
            raise Unreadable(f"{binding.implements}: no {name} of shape {array.shape} is known in it; found {found}")
        places[path] = f"${name}"
        layouts[name] = layout
    return replace(binding, plan=replace(binding.plan, set=places), layouts=layouts, accepts=accepts)


def _weight_layout(spec: str, torchs: tuple[int, ...], own: tuple[int, ...] | None) -> str | None:
    for layout in WEIGHT_LAYOUTS[spec]:
        letters, order = layout.split("->")
        if own == tuple(torchs[letters.index(axis)] for axis in order):
            return layout
    return None


def _bias_layout(torchs: tuple[int, ...], own: tuple[int, ...] | None) -> str | None:
    """ "F->1F11" where it has axes of size 1 beside its own."""
    if own is None or sorted(size for size in own if size != 1) != sorted(torchs):
        return None
    return "F->" + "".join("1" if size == 1 else "F" for size in own)


def _with_gradients(binding: Binding, seen: Seen) -> Binding:
    """What backward returns, and which attributes hold the rest afterwards."""
    plan, returned = binding.plan, seen.get("backward")
    if plan.backward is None:
        return binding
    names: tuple[str, ...] = ("dx",)
    if isinstance(returned, list) and returned and all(entry is None or isinstance(entry, list) for entry in returned):
        names = ("dx", "dweight", "dbias")[: len(returned)]
    kept = seen.get("done") or seen.get("made") or {}
    paths = {f"d{gradient_of(path)}": path for path in reversed(list(kept)) if gradient_of(path)}
    wanted = ("dx", "dweight", "dbias") if returned is None and "done" in seen else ("dweight", "dbias")
    read = {name: paths[name] for name in wanted if name in paths and (name not in names or name == "dx")}
    return replace(binding, plan=replace(plan, backward=replace(plan.backward, returns=names), read=read))
