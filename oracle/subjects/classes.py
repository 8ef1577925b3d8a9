"""Layers that are classes, written as their authors liked: which argument is which setting, where the weights are kept
and where the gradients go. Names are looked up in a table; what names do not say, trial runs show: every way to lay out
the images and weights that the shapes allow is tried, and the one that gives most of out, dx, dweight and dbias right
is taken, the plainest first. A kernel is never taken for a rotated one: rotating it is a mistake that people make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from oracle.cases import make
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Setting
from oracle.subjects import Answer, Call
from oracle.subjects.binding import ANY, FREE, INT, INTS, LR, Binding, below_one, given
from oracle.subjects.file import Session
from oracle.subjects.layouts import relaid
from oracle.subjects.mapping import Map
from oracle.subjects.names import (
    BACKWARD,
    FORWARD,
    LEARNING_RATE,
    UNUSED,
    argument_of,
    gradient_of,
    parameter_of,
    plain,
    role_of,
)
from oracle.subjects.plan import Plan, Step
from oracle.subjects.scratchnet import Scratchnet

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
    "BatchNorm1d": ({"num_features": 3}, (5, 3)),
    "BatchNorm2d": ({"num_features": 3}, (5, 3, 4, 2)),
    "LayerNorm": ({"normalized_shape": 3}, (5, 3)),
    "Softmax": ({"dim": 1}, (5, 3)),
}
_UNEVEN = {"kernel_size": (2, 3, 1), "stride": (1, 2, 1), "padding": (0, 1, 0), "dilation": (1, 2, 1)}
IMAGES = {"NCHW": "", "NHWC": "NCHW->NHWC"}  # the layouts of four axes that are tried
ONE_IMAGE = {"HWC": "NCHW->HWC", "CHW": "NCHW->CHW", "HW": "NCHW->HW"}
WEIGHTS = {
    "Linear": ("OI->OI", "OI->IO"),
    "Conv1d": ("OIL->OIL", "OIL->LIO", "OIL->IOL"),
    "Conv2d": ("OIHW->OIHW", "OIHW->HWIO", "OIHW->IOHW", "OIHW->OHWI", "OIHW->IHWO", "OIHW->O(IHW)", "OIHW->(IHW)O",
               "OIHW->O(HWI)", "OIHW->(HWI)O", "OIHW->OHW", "OIHW->HWO"),
    "Conv3d": ("OIDHW->OIDHW", "OIDHW->DHWIO"),
}  # fmt: skip
_SEEN_LATER = {"num_features", "normalized_shape", "in_features", "in_channels"}  # a first forward may show them
LABELS = ("", "N->NC", "N->N1")
EPS = (1e-5, 1e-8, 1e-6, 1e-7, 1e-3, 1e-2, 1e-4, 1e-10, 1e-12)
_FREE = (*FREE, "half-missing", "half-extra", "biased-running-variance", "momentum-inverted", "dropout-p-is-keep",
         "epsilon-in-log")  # fmt: skip


class Unreadable(Exception):
    """A class that claims to be a layer but cannot be called as one; the message says what is in the way."""


def trial(spec: LayerSpec, x: tuple[int, ...] | None = None, fixed: Mapping[str, Any] | None = None,
          **changes: Any) -> Call:  # fmt: skip
    args, shape = TRIALS.get(spec.name, ({}, (5, 3)))
    args = {name: value for name, value in (args | changes).items() if name in spec.required or name in spec.defaults}
    shape = x or shape
    for name, value in (fixed or {}).items():
        if name.startswith("x["):
            shape = tuple(value if place == int(name[2]) else size for place, size in enumerate(shape))
        elif name not in changes:
            args[name] = value
    shapes = {name: shape for name in spec.inputs}
    if spec.name == "CrossEntropyLoss":
        shapes["target"] = shape[:1]
    return make(spec, Setting(args, shapes)).call()


def settled(binding: Binding, session: Session) -> Binding:
    """A course's row with what only a trial run of the file shows: which random numbers keep an element."""
    if not binding.plan.draws:
        return binding
    call = trial(SPECS[binding.spec], fixed=binding.fixed)
    answer, _ = session.run(binding.plan_for(call), binding.arrays_for(call))
    out = answer.tensors.get("out")
    kept = call.buffers["mask"] == 1
    opposite = out is not None and out.shape == kept.shape and not (out != 0)[kept].any()
    return replace(binding, plan=replace(binding.plan, draws="high")) if opposite else binding


def bind(spec: LayerSpec, name: str, methods: Mapping[str, Arguments], session: Session, unfilled: set[str],
         told: Map | None = None) -> Binding:  # fmt: skip
    """How to call class `name` as `spec`; what is `told` of it is not guessed. Raises Unreadable where it cannot be
    told."""
    told = told or Map()
    forward = told.forward or _method(methods, FORWARD)
    if forward is None or forward not in methods:
        raise Unreadable(f"{name} has no method {forward or 'forward'}")
    backward = told.backward or _method(methods, BACKWARD)
    kwargs, accepts, fixed = _constructor(spec, name, methods.get("__init__", []), told)
    going = Step(f".{forward}", (), _roles(spec, name, forward, methods[forward], told, "$x"), ("out",))
    step = None
    if backward is not None and backward in methods and backward not in unfilled:
        first = None if "target" in spec.inputs else "$dout"
        step = Step(f".{backward}", (), _roles(spec, name, backward, methods[backward], told, first), ("dx",))
        if "$cache" in step.kwargs.values():
            going = replace(going, returns=("out", "cache"))
    lr = {"lr": told.lr or LR}
    plan = Plan(going, step, Step(name, (), kwargs), lr)
    plan = replace(plan, draws="low" if spec.name == "Dropout" else "")
    implements = f"{name}.{forward}" + (f", {name}.{backward}" if step else "")
    evaluation = "forward" if {"@training", "@evaluation"} & set(going.kwargs.values()) else "none"
    evaluation = evaluation if "eval" in spec.modes else "all"
    scaled = step is not None and "target" in spec.inputs and "$dout" not in step.kwargs.values()
    binding = Binding(spec.name, implements, plan, accepts, fixed=fixed, conventions=_FREE,
                      absent=("num_batches_tracked", "mask", "dtarget"), evaluation=evaluation,
                      scaled=("dx",) if scaled else ())  # fmt: skip
    return _probed(spec, binding, session, told)


def _method(methods: Mapping[str, Arguments], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in methods), None)


def _roles(spec: LayerSpec, name: str, method: str, arguments: Arguments, told: Map,
           first: str | None) -> dict[str, Any]:  # fmt: skip
    """argument -> what it stands for."""
    roles: dict[str, Any] = {}
    if not arguments and first:
        raise Unreadable(f"{name}.{method} takes no argument")
    for place, (argument, required) in enumerate(arguments):
        if argument.startswith("*"):
            continue
        role = told.arguments.get(argument) or role_of(argument)
        if place == 0 and first and role not in ("$target", "$x") and argument not in told.arguments:
            role = first
        if place == 0 and first == "$dout":
            role = first
        if role is None and first == "$x" and place == 1 and required:
            role = "$target"
        if role == "$target" and "target" not in spec.inputs:
            role = None
        if role is None and required:
            raise Unreadable(f"{name}.{method} needs {argument} too, whose meaning is not known; say it with --map")
        if role is not None and (required or role != "$lr"):
            roles[argument] = role
    return roles


def _constructor(spec: LayerSpec, name: str, arguments: Arguments,
                 told: Map) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(arguments of the constructor, which settings it can express, which it has written in its code)."""
    settings = (*spec.required, *spec.defaults)
    takes_weights = bool(trial(spec).parameters) and any(
        required and plain(argument) in ("w", "weight", "weights", "gamma") for argument, required in arguments
    )
    kwargs: dict[str, Any] = {}
    for argument, required in arguments:
        if argument in told.arguments:
            kwargs[argument] = told.arguments[argument]
        elif takes_weights and (tensor := parameter_of(argument)) in ("weight", "bias"):
            kwargs[argument] = f"${tensor}"
        elif setting := argument_of(argument, settings):
            kwargs[argument] = f"@{setting}"
        elif required and plain(argument) in LEARNING_RATE:
            kwargs[argument] = "$lr"
        elif required and plain(argument) in UNUSED:
            kwargs[argument] = None
        elif required and not argument.startswith("*"):
            raise Unreadable(f"{name}(... {argument} ...): it is not known what this argument means; say it with --map")
    said = {value[1:].partition("[")[0] for value in kwargs.values() if isinstance(value, str)}
    if takes_weights:
        said |= {"in_channels", "out_channels", "kernel_size", "in_features", "out_features", "num_features"}
    fixed: dict[str, Any] = {}
    if plain(name) == "conv3x3" and "in_channels" not in said:  # one grey image, a kernel of 3x3 and no bias
        fixed = {"in_channels": 1, "kernel_size": 3, "stride": 1, "padding": 0, "x[0]": 1, "x[1]": 1, "dilation": 1,
                 "groups": 1}  # fmt: skip
    if spec.name == "Softmax":
        fixed = {"dim": 1}
    unsaid = [setting for setting in spec.required if setting not in said and setting not in fixed]
    if not set(unsaid) <= _SEEN_LATER:
        raise Unreadable(f"{name} has no argument for {', '.join(unsaid)}")
    accepts = {setting: ANY if setting in said or setting in unsaid else spec.defaults.get(setting, ANY)
               for setting in settings}  # fmt: skip
    rules = {"momentum": given, "p": below_one}
    return kwargs, {n: rules.get(n, rule) if rule == ANY else rule for n, rule in accepts.items()}, fixed


def _probed(spec: LayerSpec, binding: Binding, session: Session, told: Map) -> Binding:
    """The binding with what trial runs show: where weights are kept, how they and the images are laid out, what comes
    back, which settings may be tuples."""
    call = trial(spec, fixed=binding.fixed)
    answer, seen = _run(session, binding, call)
    if "forward" in answer.failures or (call.parameters and not seen.get("made")):
        answer, seen, binding = _made_otherwise(session, binding, call, (answer, seen, binding))
    candidates: list[Binding] = []
    refused = None
    for image in _images(spec, binding, call, told):
        if image and binding.plan.warm:  # what the first forward makes follows from the layout of the images
            seen = _run(session, replace(binding, layouts={"x": image, "out": image}), call)[1]
        try:
            found = list(_candidates(spec, binding, call, seen.get("made", {}), image, told))
            candidates += [_with_gradients(candidate, session, call, told) for candidate in found]
        except Unreadable as error:
            refused = refused or error
    if refused and not candidates:
        raise refused
    if "dilation" in binding.accepts and binding.accepts["dilation"] == ANY:
        candidates += [_without_dilation(candidate) for candidate in candidates]
    binding = max(candidates, key=lambda candidate: _score(spec, candidate, session))
    if binding.spec == "Dropout":
        binding = settled(binding, session)
    answer, _ = _run(session, binding, call)

    def works(**changes: Any) -> bool:
        """Whether the class offers this: it raises nowhere where it did not, and its output has the right shape."""
        changed = trial(spec, fixed=binding.fixed, **changes)
        tried, _ = _run(session, binding, changed)
        out = binding.answer_for(changed, tried).tensors.get("out")
        as_right = out is not None and out.shape == changed.upstream["dout"].shape
        return as_right and tried.failures.keys() <= answer.failures.keys()

    accepts, axes = dict(binding.accepts), call.inputs["x"].ndim - 2
    for name, uneven in _UNEVEN.items():
        if accepts.get(name) == ANY and name not in binding.fixed:
            accepts[name] = INTS if works(**{name: uneven[:axes]}) else INT
    if spec.name.startswith("Conv") and accepts.get("padding") == INTS and works(padding="same"):
        accepts["padding"] = ANY if works(padding="valid") else _not_valid
    return replace(binding, accepts=accepts, shapes=_shapes(spec, binding, works))


def _made_otherwise(session: Session, binding: Binding, call: Call,
                    as_it_was: tuple[Answer, Seen, Binding]) -> tuple[Answer, Seen, Binding]:  # fmt: skip
    """With one size an axis where one number raises, and with a first forward where the weights are made in it."""
    plan = binding.plan
    assert plan.make is not None
    kwargs = {name: "@(kernel_size)" if value == "@kernel_size" else value for name, value in plan.make.kwargs.items()}
    for tuples, warm in ((True, False), (False, True), (True, True)):
        make = replace(plan.make, kwargs=kwargs) if tuples else plan.make
        other = replace(binding, plan=replace(plan, make=make, warm=warm))
        answer, seen = _run(session, other, call)
        if "forward" not in answer.failures and (seen.get("made") or not call.parameters):
            return answer, seen, other
    return as_it_was


def _not_valid(padding: Any) -> bool:
    return padding != "valid"


def _without_dilation(binding: Binding) -> Binding:
    """Not asked to dilate: some count the zeros that are put between, so that their 0 is torch's 1."""
    make = binding.plan.make
    assert make is not None
    kwargs = {name: value for name, value in make.kwargs.items() if value != "@dilation"}
    accepts = {**binding.accepts, "dilation": 1}
    return replace(binding, plan=replace(binding.plan, make=replace(make, kwargs=kwargs)), accepts=accepts)


def _shapes(spec: LayerSpec, binding: Binding, works: Any) -> str:
    match spec.name:
        case "Linear":
            return "matrix" if not works(x=(2, 5, 3)) else "" if works(x=(3,)) else "batch"
        case "BatchNorm1d" | "LayerNorm" | "Softmax":
            return "matrix"
        case "CrossEntropyLoss":
            return "classes"
        case "MSELoss":
            return "matrix" if not works(x=(5,)) else ""
    return binding.shapes


def _run(session: Session, binding: Binding, call: Call) -> tuple[Answer, Seen]:
    return session.run(binding.plan_for(call), binding.arrays_for(call), look=True)


def _score(spec: LayerSpec, binding: Binding, session: Session) -> tuple[int, int]:
    """(tensors that are right, tensors of the right shape) of a trial run."""
    call = trial(spec, fixed=binding.fixed)
    answer, _ = _run(session, binding, call)
    expected, came = Scratchnet(spec.name).run(call).tensors, binding.answer_for(call, answer).tensors
    alike = [name for name in expected if name in came and came[name].shape == expected[name].shape]
    right = [name for name in alike if _is_near(came[name], expected[name])]
    return len(right), len(alike)


def _is_near(came: np.ndarray, expected: np.ndarray) -> bool:
    """Nearer than one rounding to float32 of the largest element: this chooses a layout, and judges nothing."""
    largest = np.abs(expected).max(initial=0)
    return bool((np.abs(came - expected) <= 2.0**-24 * largest).all())


def _images(spec: LayerSpec, binding: Binding, call: Call, told: Map) -> list[str]:
    """The layouts of the images that are tried, the plainest first."""
    if told.x:
        return [IMAGES.get(told.x) or ONE_IMAGE.get(told.x, "")]
    if call.inputs["x"].ndim != 4:
        return [""]
    return [*(["NCHW->HW"] if binding.fixed.get("x[1]") == 1 else []), *IMAGES.values()]


def _candidates(spec: LayerSpec, binding: Binding, call: Call, made: Mapping[str, Any], image: str,
                told: Map) -> Iterator[Binding]:  # fmt: skip
    """Every layout of weights and labels that the shapes allow, the plainest first."""
    weights = _weights(binding, call, made, told)
    labels = LABELS if spec.name == "CrossEntropyLoss" else ("",)
    epsilons: tuple[float | None, ...] = EPS if binding.accepts.get("eps") not in (None, ANY) else (None,)
    for (places, layouts, accepts), label, eps in product(weights, labels, epsilons):
        more = {"out": "NCHW->HWC" if image == "NCHW->HW" else image, "x": image, "target": label}
        promise = "one grey image" if image == "NCHW->HW" else "one image" if image in ONE_IMAGE.values() else ""
        yield replace(
            binding,
            plan=replace(binding.plan, set=places, state=("weight", "bias", "running_mean", "running_var")),
            layouts=layouts | {name: layout for name, layout in more.items() if layout},
            accepts=accepts,
            shapes=promise,
            fixed={**binding.fixed, **({"eps": eps} if eps is not None else {})},
            differences=("eps-fixed",) if eps not in (None, 1e-5) else (),
        )


def _weights(binding: Binding, call: Call, made: Mapping[str, Any], told: Map) -> list[tuple[dict, dict, dict]]:
    """(path -> array, tensor -> layout, settings accepted) for each way that the parameters may be laid out."""
    accepts = dict(binding.accepts)
    make = binding.plan.make
    if make is not None and "$weight" in make.kwargs.values():
        said = told.weight_layout(binding.spec)
        return [({}, {"weight": said} if said else {}, accepts)]
    paths: dict[str | None, str] = {parameter_of(path): path for path in reversed(list(made))}
    paths |= {name: path for name, path in told.paths.items() if not name.startswith("d")}
    places: dict[str, str] = {}
    fitting: dict[str, list[str]] = {}
    for name, array in {**call.parameters, **call.buffers}.items():
        path = paths.get(name)
        if path is None and name == "weight":
            path = _by_shape(binding.spec, array.shape, made)
        if path in (None, "none") and name != "weight":
            if name == "bias":
                accepts["bias"] = False
            continue
        shape = tuple(made[path]) if path is not None and path in made else None
        layouts = _layouts(binding.spec, name, array.shape, shape)
        if name == "weight" and (said := told.weight_layout(binding.spec)):
            layouts = [said]
        if not layouts:
            found = f"{path} of shape {shape}" if path else ", ".join(made) or "no array"
            raise Unreadable(f"{binding.implements}: no {name} of shape {array.shape} is known in it; found {found}")
        places[str(path)] = f"${name}"
        fitting[name] = layouts
    return [(places, dict(zip(fitting, combination)), accepts) for combination in product(*fitting.values())]


def _by_shape(spec: str, shape: tuple[int, ...], made: Mapping[str, Any]) -> str | None:
    """The one array that a weight of this shape may be, whatever it is called."""
    fitting = [path for path, own in made.items() if _layouts(spec, "weight", shape, tuple(own))]
    return fitting[0] if len(fitting) == 1 else None


def _layouts(spec: str, name: str, torchs: tuple[int, ...], own: tuple[int, ...] | None) -> list[str]:
    """The layouts in which an array of torch's shape has its own."""
    if own is None:
        return []
    if name == "weight" and spec in WEIGHTS:
        return [layout for layout in WEIGHTS[spec] if _shape(torchs, layout) == own]
    if sorted(size for size in own if size != 1) != sorted(size for size in torchs if size != 1):
        return []
    return ["F->" + "".join("1" if size == 1 else "F" for size in own)]


def _shape(torchs: tuple[int, ...], layout: str) -> tuple[int, ...] | None:
    try:
        return relaid(np.empty(torchs), layout).shape
    except ValueError:  # an axis of more than 1 that the layout does not have
        return None


def _with_gradients(binding: Binding, session: Session, call: Call, told: Map) -> Binding:
    """What backward returns, and which attributes hold the rest afterwards."""
    _, seen = _run(session, binding, call)
    plan, returned = binding.plan, seen.get("backward")
    kept = seen.get("done") or seen.get("made") or {}
    running = {name: path for path, value in plan.set.items()
               for name in ("running_mean", "running_var") if value == f"${name}"}  # fmt: skip
    absent = (*binding.absent, *(name for name in ("running_mean", "running_var") if name not in running))
    if plan.backward is None:
        return replace(binding, plan=replace(plan, read=running), absent=absent)
    names: tuple[str, ...] = ("dx",)
    if isinstance(returned, list) and returned and all(entry is None or isinstance(entry, list) for entry in returned):
        own = {f"d{name}": list(array.shape) for name, array in binding.arrays_for(call).items()}
        names = _returned(returned, own)
    paths = {f"d{gradient_of(path)}": path for path in reversed(list(kept)) if gradient_of(path)}
    paths |= {name: path for name, path in told.paths.items() if name.startswith("d")}
    wanted = ("dx", "dweight", "dbias") if returned is None and "done" in seen else ("dweight", "dbias")
    read = {name: paths[name] for name in wanted if name in paths and (name not in names or name == "dx")}
    updates: tuple[str, ...] = ()
    made_with = plan.make.kwargs.values() if plan.make else ()
    if "$lr" in (*plan.backward.kwargs.values(), *made_with) and "dweight" not in read:
        places = {f"d{value[1:]}": path for path, value in plan.set.items() if value in ("$weight", "$bias")}
        updates = tuple(name for name in places if name not in names and name not in read)
        read |= {name: places[name] for name in updates}
    plan = replace(plan, backward=replace(plan.backward, returns=names), read=running | read)
    return replace(binding, plan=plan, updates=updates, absent=absent)


def _returned(shapes: list[Any], own: Mapping[str, list[int]]) -> tuple[str, ...]:
    """The gradients in a returned tuple: by their shapes where these tell, else dx, dweight, dbias in this order."""
    usual = ("dx", "dweight", "dbias")[: len(shapes)]
    found = tuple(next((name for name in ("dx", "dweight", "dbias") if own.get(name) == shape), "") for shape in shapes)
    return found if all(found) and len(set(found)) == len(found) else usual


def described(binding: Binding) -> str:
    """ "x NHWC, weights .filters HWIO, bias (1, 1, 1, F), gradients .dW, return[1]": the binding in one line."""
    layouts = {name: layout.partition("->")[2] for name, layout in binding.layouts.items()}
    said = [f"x {layouts['x']}"] if "x" in layouts else []
    if binding.layouts.get("target") == "N->NC":
        said.append("labels one-hot")
    for path, value in binding.plan.set.items():
        name = str(value)[1:]
        shape = layouts.get(name, "")
        said.append(f"{name} .{path}{' ' + shape if shape else ''}")
    returned = binding.plan.backward.returns if binding.plan.backward else ()
    gradients = [f"return[{place}]" if len(returned) > 1 else "return" for place, _ in enumerate(returned)]
    gradients += ["the change of the weights" if name in binding.updates else f".{path}"
                  for name, path in binding.plan.read.items() if name.startswith("d")]  # fmt: skip
    said += [f"gradients {', '.join(dict.fromkeys(gradients))}"] if gradients else []
    said += [f"eps {binding.fixed['eps']:g}"] if "eps" in binding.fixed else []
    return ", ".join(said)
