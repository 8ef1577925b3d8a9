"""Which settings, shapes and numbers of axes a class offers, as its trial runs show: it is asked for no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from oracle.cases import make
from oracle.layers.spec import LayerSpec, Setting
from oracle.subjects import Answer, Call
from oracle.subjects.binding import ANY, INT, INTS, Binding
from oracle.subjects.probe import Probe, is_right
from oracle.subjects.trial_calls import TRIALS, taken_settings, trial

_UNEVEN = {"kernel_size": (2, 3, 1), "stride": (1, 2, 1), "padding": (0, 1, 0), "dilation": (1, 2, 1)}


def with_offers(spec: LayerSpec, binding: Binding, call: Call, answer: Answer, probe: Probe) -> Binding:
    """The binding with what the class offers. `answer` is what it gives for `call`: a setting in which it raises where
    it did not raise there, or whose output has another shape than torch's, is none that it offers."""

    def offers(changed: Call) -> bool:
        tried, _ = probe.run(binding, changed)
        out = binding.answer_for(changed, tried).tensors.get("out")
        as_right = out is not None and out.shape == changed.upstream["dout"].shape
        return as_right and tried.failures.keys() <= answer.failures.keys()

    def works(**changes: Any) -> bool:
        try:
            return offers(trial(spec, binding=binding, **changes))
        except ValueError:  # torch's layer does not offer it: padding="same" of a transposed convolution
            return False

    accepts, axes = dict(binding.accepts), next(iter(call.inputs.values())).ndim - 2
    for name, uneven in _UNEVEN.items() if "kernel_size" in spec.required else ():
        if accepts.get(name) == ANY and name not in binding.fixed:
            accepts[name] = INTS if works(**{name: uneven[:axes]}) else INT
    if spec.name.startswith("Conv") and accepts.get("padding") == INTS and works(padding="same"):
        accepts["padding"] = ANY if works(padding="valid") else _not_valid
    binding = replace(binding, accepts=accepts, shapes=_shapes(spec, binding, works))
    if spec.name in TRIALS:
        return binding
    binding = replace(binding, axes=_axes(spec, binding, call, probe))
    return replace(binding, accepts={**binding.accepts, **_offered(spec, binding, offers)})


def _axes(spec: LayerSpec, binding: Binding, call: Call, probe: Probe) -> tuple[int, ...]:
    """How many axes the first input may have: as many as in the trial, and where the class is right with more or fewer,
    these: a layer for images alone is none for rows."""
    own = len(next(iter(call.inputs.values())).shape)
    if "x" in binding.layouts:
        return (own,)
    others: dict[int, Call] = {}
    for setting in taken_settings(spec, binding):
        axes = len(next(iter(setting.shapes.values())))
        if axes != own and axes not in others:
            others[axes] = make(spec, setting).call()
    return (own, *(axes for axes, other in others.items() if is_right(binding, other, probe)))


def _offered(spec: LayerSpec, binding: Binding, offers: Callable[[Call], bool]) -> dict[str, Any]:
    """setting -> a condition: a word, a flag or None is taken where the class takes it, a number or a tuple where it
    takes one."""
    rules = {}
    for name, rule in binding.accepts.items():
        if rule != ANY or name in binding.fixed:
            continue
        first: dict[Any, Setting] = {}
        for setting in taken_settings(spec, binding):
            first.setdefault(_kind(spec.complete(setting.args)[name]), setting)
        if len(first) > 1:
            there = {kind for kind, setting in first.items() if offers(make(spec, setting).call())}
            rules[name] = lambda value, there=there: _kind(value) in there
    return rules


def _kind(value: Any) -> Any:
    if isinstance(value, float):
        return "whole" if value.is_integer() else "broken"  # many an upsampling takes whole factors alone
    return value if isinstance(value, str | bool) or value is None else type(value)


def _not_valid(padding: Any) -> bool:
    return padding != "valid"


def _shapes(spec: LayerSpec, binding: Binding, works: Callable[..., bool]) -> str:
    match spec.name:
        case "Linear" if binding.shapes:
            return binding.shapes
        case "Linear":
            return "matrix" if not works(x=(2, 5, 3)) else "" if works(x=(3,)) else "batch"
        case "LayerNorm":
            return "rows"
        case "BatchNorm1d" | "Softmax" | "LogSoftmax" | "Softmin":
            return "matrix"
        case "CrossEntropyLoss" | "NLLLoss":
            return "classes"
        case "MSELoss":
            return "matrix" if not works(x=(5,)) else ""
    return binding.shapes
