"""Where a class keeps its weights and where its gradients go: in attributes, dictionaries, the attributes of its parts,
or in what backward returns. Names are looked up in a table, shapes tell the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call
from oracle.subjects.binding import Binding
from oracle.subjects.handed import handed, handed_layouts, in_a_list
from oracle.subjects.layouts import relaid
from oracle.subjects.mapping import Map
from oracle.subjects.names import GRADIENT_LISTS, OUT, PARAMETER_LISTS, gradient_of, parameter_of, plain
from oracle.subjects.plan import Plan

Seen = Mapping[str, Any]
Run = Callable[[Binding, Call], tuple[Answer, Seen]]
Shape = list[int]

WEIGHTS = {
    "Linear": ("OI->OI", "OI->IO"),
    "Conv1d": ("OIL->OIL", "OIL->LIO", "OIL->IOL"),
    "Conv2d": ("OIHW->OIHW", "OIHW->HWIO", "OIHW->IOHW", "OIHW->OHWI", "OIHW->IHWO", "OIHW->O(IHW)", "OIHW->(IHW)O",
               "OIHW->O(HWI)", "OIHW->(HWI)O", "OIHW->OHW", "OIHW->HWO"),
    "Conv3d": ("OIDHW->OIDHW", "OIDHW->DHWIO"),
}  # fmt: skip
_RUNNING = ("running_mean", "running_var")
_DEPTH = 2  # of what a trial run lists: "conv.weight"


class Unreadable(Exception):
    """A class that claims to be a layer but cannot be called as one; the message says what is in the way."""


def without_name(method: str, argument: str) -> str:
    return (
        f"{method} needs {argument} too, whose meaning is not known; say it with --map, as in --map "
        f'"{argument}=dout" (or x, target, lr, cache, a setting, a number)'
    )


# Weights


def ways_to_set(binding: Binding, call: Call, made: Mapping[str, Any], told: Map) -> list[tuple[dict, dict, dict]]:
    """(path -> array, tensor -> layout, settings accepted) for each way that the parameters may be laid out."""
    accepts = dict(binding.accepts)
    if handed(binding):
        said = told.weight_layout(binding.spec)
        known = [each for each in WEIGHTS.get(binding.spec, ()) if _shape(call.parameters["weight"].shape, each)]
        weights = [said] if said else known or [""]
        return [({}, laid_out, accepts) for laid_out in handed_layouts(binding, weights)]
    torchs = [*call.parameters, *call.buffers]
    listed = in_a_list(made, PARAMETER_LISTS, ("weight", "bias"), call.parameters)
    paths: dict[str | None, str] = {name: path for name, path in listed.items()}
    paths |= {parameter_of(path, torchs): path for path in reversed(list(made))}
    one_bias = _one_bias(binding, call, paths, made)
    paths |= {name: path for name, path in told.paths.items() if not name.startswith("d")}
    places: dict[str, str] = {}
    fitting: dict[str, list[str]] = {}
    for name, array in {**call.parameters, **call.buffers, **one_bias}.items():
        path = paths.get(name)
        if name in told.paths and path != "none":
            _demand(binding, path, made, f"{name}={path}", "after it is made")
        if path is None and name == "weight" and not binding.plan.warm:  # a first forward leaves its results there too
            path = _by_shape(binding.spec, array.shape, made)
        if path in (None, "none") and (name not in call.parameters or "bias" in name):
            if name in call.parameters and not one_bias:
                accepts["bias"] = False
            continue
        shape = tuple(made[path]) if path is not None and path in made else None
        layouts = _layouts(binding.spec, name, array.shape, shape)
        if name == "weight" and (said := told.weight_layout(binding.spec)):
            layouts = [said] if shape is None or _shape(array.shape, said) == shape else []
        if not layouts:
            found = f"{path} of shape {shape}" if path else _listed(made)
            hint = f'; say where it is with --map, as in --map "{name}={next(iter(made))}"' if made and not path else ""
            raise Unreadable(
                f"{binding.implements}: no {name} of shape {array.shape} is known in it; found {found}{hint}"
            )
        places[str(path)] = f"${name}"
        fitting[name] = layouts
    return [(places, dict(zip(fitting, combination)), accepts) for combination in product(*fitting.values())]


def _one_bias(binding: Binding, call: Call, paths: Mapping[str | None, str], made: Mapping[str, Any]) -> dict[str, Any]:
    """The one bias that stands for the two of a recurrent layer: their sum. A GRU's stand in different places."""
    two = [name for name in call.parameters if name.startswith(("bias_ih", "bias_hh"))]
    if len(two) != 2 or "bias" not in paths or {*two} & paths.keys():
        return {}
    if binding.spec.startswith("GRU"):
        raise Unreadable(
            f"{binding.implements}: it has one bias, {paths['bias']}; torch's {binding.spec} has two, of which r "
            f"multiplies {two[1]}: call them bias_ih and bias_hh"
        )
    return {"bias": call.parameters[two[0]] + call.parameters[two[1]]}


def _demand(binding: Binding, path: str | None, there: Mapping[str, Any], said: str, when: str) -> None:
    """Raises Unreadable for a path of --map at which there is nothing, as far down as a trial run looks."""
    if path not in there and str(path).count(".") < _DEPTH:
        raise Unreadable(f"{binding.implements}: --map says {said}; {when} the object has {_listed(there)}")


def _listed(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {tuple(shape)}" for path, shape in arrays.items()) or "no array"


def _by_shape(spec: str, shape: tuple[int, ...], made: Mapping[str, Any]) -> str | None:
    """The one array that a weight of this shape may be, whatever it is called."""
    fitting = [path for path, own in made.items() if _layouts(spec, "weight", shape, tuple(own))]
    alone = [path for path in fitting if "[" not in path] or fitting  # a list of all of them shows it once more
    return alone[0] if len(alone) == 1 else None


def _layouts(spec: str, name: str, torchs: tuple[int, ...], own: tuple[int, ...] | None) -> list[str]:
    """The layouts in which an array of torch's shape has its own."""
    if own is None:
        return []
    if name == "weight" and spec in WEIGHTS:
        return [layout for layout in WEIGHTS[spec] if _shape(torchs, layout) == own]
    if len(torchs) > 1:  # the axes of a kernel stay in their order: H and W are never taken for each other
        letters = "ABCDE"[: len(torchs)]
        orders = ("".join(order) for order in permutations(letters))
        kernels = [order for order in orders if _keeps(order, letters[2:])]
        return [f"{letters}->{order}" for order in kernels if _shape(torchs, f"{letters}->{order}") == own]
    if sorted(size for size in own if size != 1) != sorted(size for size in torchs if size != 1):
        return []
    if own == torchs:
        return [""]  # of one number too, which has no axis to spare, and with as many axes as there may be
    return ["F->" + "".join("1" if size == 1 else "F" for size in own)]


def _keeps(order: str, letters: str) -> bool:
    return [letter for letter in order if letter in letters] == [*letters]


def _shape(torchs: tuple[int, ...], layout: str) -> tuple[int, ...] | None:
    try:
        return relaid(np.empty(torchs), layout).shape
    except ValueError:  # an axis of more than 1 that the layout does not have
        return None


# Gradients


def with_gradients(binding: Binding, run: Run, call: Call, told: Map) -> Binding:
    """What backward returns, and which attributes hold the rest afterwards."""
    _, seen = run(binding, call)
    plan, step, returned = binding.plan, binding.plan.backward, seen.get("backward")
    kept = seen.get("done") or seen.get("made") or {}
    running = {name: path for path, value in plan.set.items()
               for name in _RUNNING if value == f"${name}"}  # fmt: skip
    given = {*_RUNNING} & {*handed(binding)}
    running |= {name: path for path in kept if (name := parameter_of(path) or "") in given}
    left = [path for path in kept if plain(path) in OUT]
    if "forward" in seen and seen["forward"] is None and left:  # the forward returns nothing
        running["out"] = left[0]
    absent = (*binding.absent, *(name for name in _RUNNING if name not in running))
    if step is None:
        return replace(binding, plan=replace(plan, read={**plan.read, **running}), absent=absent)
    names, read = _returned(returned, binding, call, told)
    usual, inputs = gradients(call), [f"d{name}" for name in call.inputs]
    torchs = [name[1:] for name in usual]
    paths = {f"d{tensor}": path for path in reversed(list(kept)) if (tensor := gradient_of(path, torchs))}
    order = handed(binding) or ("weight", "bias")
    listed = in_a_list(kept, GRADIENT_LISTS, order, binding.arrays_for(call))
    paths = {f"d{name}": path for name, path in listed.items()} | paths
    first = usual[0] if usual[0] in inputs else "dx"
    if "dbias" in paths and binding.sums:
        paths |= dict.fromkeys((f"d{part}" for part in binding.sums["bias"]), paths["dbias"])
    for name, path in told.gradients().items():
        if "done" in seen:
            _demand(binding, path, kept, f"{name}={path}", "after backward")
        paths[name] = path
    own = {"dweight", "dbias", *usual} - {*names, *read, *inputs}
    if "done" in seen and (returned is None or first not in {*names, *read}):
        own |= {"dx", *inputs}
    read |= {name: paths[name] for name in dict.fromkeys(("dx", "dweight", "dbias", *usual))
             if name in paths and (name in own or name in told.gradients())}  # fmt: skip
    plan = replace(plan, backward=replace(step, returns=names))
    updates = _updated(plan, {*names, *read})
    binding = replace(binding, plan=replace(plan, read={**plan.read, **running, **read}), absent=absent)
    if not updates:
        return binding
    updating = replace(
        binding, plan=replace(plan, read={**plan.read, **running, **read, **updates}), updates=tuple(updates)
    )
    told_to = "$lr" in step.kwargs.values()
    return updating if told_to or _moves(updating, run, call) else binding


def _returned(returned: Any, binding: Binding, call: Call, told: Map) -> tuple[tuple[str, ...], dict[str, str]]:
    """(names of what backward returns, gradients that stand deeper in it -> their paths).

    A name that --map gives comes first, then the keys of a dictionary, then shapes, where these tell; else a tuple is
    dx, dweight, dbias in this order.
    """
    places = dict(_leaves(returned))
    found = {}
    for name, path in told.returned().items():
        if returned is not None and path not in places:
            known = ", ".join(f"return{place} {tuple(shape)}" for place, shape in places.items())
            raise Unreadable(
                f"{binding.implements}: --map says return{path}={name}; backward returns {known or 'no array'}"
            )
        found[name] = path
    torchs = gradients(call)
    if set(places) <= {""} and not found:
        return (torchs[0] if torchs[0][1:] in call.inputs else "dx",), {}
    tensors = [name[1:] for name in torchs]
    for path in places:
        key = re.findall(r"\[(\w+)\]", path)[-1:] or [""]
        tensor = None if key[0].isdecimal() else gradient_of(key[0], tensors) or parameter_of(key[0], tensors)
        if tensor and f"d{tensor}" not in found and path not in found.values():
            found[f"d{tensor}"] = path
    rest = {path: shape for path, shape in places.items() if path not in found.values() and path.endswith(_NUMBERED)}
    own = {f"d{name}": list(array.shape) for name, array in binding.arrays_for(call).items()}
    usual = [name for name in dict.fromkeys((*torchs, "dx", "dweight", "dbias")) if name not in found]
    inputs = [f"d{name}" for name in call.inputs]
    if binding.sums:
        usual = [name for name in usual if name[1:] not in binding.sums["bias"]]
    if len(rest) == len(call.inputs) and not found:  # one for each input, the target too
        usual = inputs if len(inputs) > 2 else usual
    named = [next((name for name in usual if own.get(name) == shape), "") for shape in rest.values()]
    if not all(named) or len({*named}) < len(named):
        named = usual[: len(rest)]
    found |= {name: path for path, name in zip(rest, named)}
    if binding.sums and "dbias" in found:
        whole = found.pop("dbias")
        return (), {name: f"$return{path}" for name, path in found.items()} | {
            f"d{part}": f"$return{whole}" for part in binding.sums["bias"]
        }
    order = {path: name for name, path in found.items()}
    if len(returned or ()) > 1 and [*places] == [f"[{place}]" for place in range(len(returned))] == sorted(order):
        return tuple(order[path] for path in places), {}  # a tuple of so many: another number is an error
    return (), {name: f"$return{path}" for name, path in found.items()}


_NUMBERED = tuple(f"[{place}]" for place in range(10))


def _leaves(returned: Any, path: str = "") -> Iterator[tuple[str, Shape]]:
    """(path, shape) of the arrays in what was returned: "" of one alone, "[1]" in a tuple, "[dW]" in a dictionary."""
    if isinstance(returned, dict):
        for key, entry in returned.items():
            yield from _leaves(entry, f"{path}[{key}]")
    elif isinstance(returned, list) and any(not isinstance(entry, int) for entry in returned):
        for place, entry in enumerate(returned):
            yield from _leaves(entry, f"{path}[{place}]")
    elif isinstance(returned, list):
        yield path, returned


def gradients(call: Call) -> list[str]:
    """The gradients that torch has of what the call is given, in torch's order."""
    inputs = [name for name, array in call.inputs.items() if array.dtype.kind == "f" and not _WITHOUT.search(name)]
    return [f"d{name}" for name in (*inputs, *call.parameters)]


_WITHOUT = re.compile("target$|mask$")  # a target may be a number too, and has no gradient here


def _updated(plan: Plan, known: set[str]) -> dict[str, str]:
    """The weights' own paths, for gradients that can be read from what backward makes of the weights."""
    makes = plan.make.kwargs.values() if plan.make else ()
    assert plan.backward is not None
    if "$lr" not in (*plan.backward.kwargs.values(), *makes) or "dweight" in known:
        return {}
    places = {f"d{value[1:]}": path for path, value in plan.set.items() if value in ("$weight", "$bias")}
    return {name: path for name, path in places.items() if name not in known}


def _moves(updating: Binding, run: Run, call: Call) -> bool:
    """Whether backward changes the weights at all."""
    answer, _ = run(updating, call)
    before = updating.arrays_for(call)
    return any(name in answer.tensors and not np.array_equal(answer.tensors[name], before[name[1:]])
               for name in updating.updates)  # fmt: skip
