"""Trial runs: what the names in a class do not say. Every way to lay out the images and weights that the shapes allow
is tried, and the one that gives most of out, dx, dweight and dbias right is taken, the plainest first. A kernel is
never taken for a rotated one: rotating it is a mistake that people make.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from oracle.cases import make
from oracle.judge import ENDLESS, MOST_ENDLESS, describe
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Setting
from oracle.subjects import Answer, Call, Failure
from oracle.subjects.binding import ANY, INT, INTS, Binding
from oracle.subjects.file import Session
from oracle.subjects.mapping import Map
from oracle.subjects.names import DERIVATIVES, plain, role_of
from oracle.subjects.places import Seen, Unreadable, ways_to_set, with_gradients, without_name
from oracle.subjects.plan import Step
from oracle.subjects.scratchnet import Scratchnet

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
LABELS = ("", "N->NC", "N->N1")
EPS = (1e-5, 1e-8, 1e-6, 1e-7, 1e-3, 1e-2, 1e-4, 1e-10, 1e-12)


class Unjudged(Exception):
    """A class that cannot be judged whatever is said of it: the budget ended, or it never ends."""


class Probe:
    """The trial runs of one class. They end with the budget, which raises Unjudged; nobody waits for a third that has
    to be stopped, and a backward that had to be is not run again."""

    def __init__(self, session: Session, end: float = np.inf):
        self._session, self._end = session, end  # a moment of time.monotonic
        self._stopped: list[Failure] = []
        self._forward_only = False

    def run(self, binding: Binding, call: Call) -> tuple[Answer, Seen]:
        if len(self._stopped) >= MOST_ENDLESS:
            return Answer(failures={"forward": self._stopped[-1]}), {}
        if time.monotonic() > self._end:
            raise Unjudged(f"the budget ended before it was known how to call {binding.implements}")
        plan = binding.plan_for(call)
        if self._forward_only:
            plan = replace(plan, backward=None)
        answer, seen = self._session.run(plan, binding.arrays_for(call), look=True, end=self._end)
        for phase, failure in answer.failures.items():
            if failure.kind == "unjudged":
                raise Unjudged(failure.message)
            if failure.kind in ENDLESS:
                self._stopped.append(failure)
                if phase == "backward":  # nothing was seen then, not even of the forward
                    self._forward_only = True
                    return self.run(binding, call)
        return answer, seen


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


def settled(binding: Binding, probe: Probe) -> Binding:
    """A course's row with what only a trial run of the file shows: which random numbers keep an element."""
    if not binding.plan.draws:
        return binding
    call = trial(SPECS[binding.spec], fixed=binding.fixed)
    answer, _ = probe.run(binding, call)
    out = answer.tensors.get("out")
    kept = call.buffers["mask"] == 1
    opposite = out is not None and out.shape == kept.shape and not (out != 0)[kept].any()
    return replace(binding, plan=replace(binding.plan, draws="high")) if opposite else binding


def probed(spec: LayerSpec, binding: Binding, probe: Probe, told: Map) -> Binding:
    """The binding with what trial runs show: where weights are kept, how they and the images are laid out, what comes
    back, which settings may be tuples. Raises Unreadable where the class cannot be called as this layer."""
    call = trial(spec, fixed=binding.fixed)
    answer, seen, binding = _called(probe, binding, call)
    candidates: list[Binding] = []
    refused = None
    for image in _images(binding, call, told):
        if image and binding.plan.warm:  # what the first forward makes follows from the layout of the images
            seen = probe.run(replace(binding, layouts={"x": image, "out": image}), call)[1]
        try:
            found = list(_candidates(spec, binding, call, seen.get("made", {}), image, told))
            candidates += [with_gradients(each, probe.run, call, told) for each in found]
        except Unreadable as error:
            refused = refused or error
    if refused and not candidates:
        raise refused
    if "dilation" in binding.accepts and binding.accepts["dilation"] == ANY:
        candidates += [_without_dilation(candidate) for candidate in candidates]
    candidates = [variant for candidate in candidates for variant in _as_derivative(spec, candidate)]
    binding = max(candidates, key=lambda candidate: _score(spec, candidate, probe))
    if binding.spec == "Dropout":
        binding = settled(binding, probe)
    answer, _ = probe.run(binding, call)

    def works(**changes: Any) -> bool:
        """Whether the class offers this: it raises nowhere where it did not, and its output has the right shape."""
        changed = trial(spec, fixed=binding.fixed, **changes)
        tried, _ = probe.run(binding, changed)
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


def _called(probe: Probe, binding: Binding, call: Call) -> tuple[Answer, Seen, Binding]:
    """A first run, and the binding as it had to be for it."""
    answer, seen = probe.run(binding, call)
    if _is_pair(seen.get("forward")) and binding.plan.forward.returns == ("out",):  # what backward needs, or no one
        forward = replace(binding.plan.forward, returns=("out", "cache"))
        binding = replace(binding, plan=replace(binding.plan, forward=forward))
        answer, seen = probe.run(binding, call)
    made_of = binding.plan.make.kwargs.values() if binding.plan.make else ()
    needs_weights = bool(call.parameters) and "$weight" not in made_of
    if "forward" in answer.failures or (needs_weights and not seen.get("made")):
        answer, seen, binding = _made_otherwise(probe, binding, call, (answer, seen, binding))
    failure = answer.failures.get("forward")
    if failure is not None and needs_weights and not seen.get("made"):
        said = f"{binding.implements}: a trial run {describe(failure)}"
        raise Unjudged(said) if failure.kind in ENDLESS else Unreadable(said)
    backward = binding.plan.backward
    if backward is not None and "forward" in seen and not _is_pair(seen["forward"]):
        for argument, value in backward.kwargs.items():
            if value == "$cache" and role_of(argument) != "$cache":
                raise Unreadable(without_name(binding.implements.rpartition(", ")[2], argument))
    return answer, seen, binding


def _is_pair(returned: Any) -> bool:
    """Whether forward returned (out, cache)."""
    return isinstance(returned, list) and len(returned) == 2 and isinstance(returned[0], list)


def _made_otherwise(probe: Probe, binding: Binding, call: Call,
                    as_it_was: tuple[Answer, Seen, Binding]) -> tuple[Answer, Seen, Binding]:  # fmt: skip
    """With one size an axis where one number raises, and with a first forward where the weights are made in it."""
    plan = binding.plan
    assert plan.make is not None
    kwargs = {name: "@(kernel_size)" if value == "@kernel_size" else value for name, value in plan.make.kwargs.items()}
    for tuples, warm in ((True, False), (False, True), (True, True)):
        make = replace(plan.make, kwargs=kwargs) if tuples else plan.make
        other = replace(binding, plan=replace(plan, make=make, warm=warm))
        answer, seen = probe.run(other, call)
        if "forward" not in answer.failures and (seen.get("made") or not call.parameters):
            return answer, seen, other
    return as_it_was


def _images(binding: Binding, call: Call, told: Map) -> list[str]:
    """The layouts of the images that are tried, the plainest first."""
    if told.x:
        return [IMAGES.get(told.x) or ONE_IMAGE.get(told.x, "")]
    if call.inputs["x"].ndim != 4:
        return [""]
    return [*(["NCHW->HW"] if binding.fixed.get("x[1]") == 1 else []), *IMAGES.values()]


def _candidates(spec: LayerSpec, binding: Binding, call: Call, made: Mapping[str, Any], image: str,
                told: Map) -> Iterator[Binding]:  # fmt: skip
    """Every layout of weights and labels that the shapes allow, the plainest first."""
    weights = ways_to_set(binding, call, made, told)
    labels = LABELS if spec.name == "CrossEntropyLoss" else ("",)
    epsilons: tuple[float | None, ...] = EPS if binding.accepts.get("eps") not in (None, ANY) else (None,)
    for (places, layouts, accepts), label, eps in product(weights, labels, epsilons):
        more = {"out": "NCHW->HWC" if image == "NCHW->HW" else image, "x": image, "target": label}
        written = {} if eps is None else {"eps": eps}
        if accepts.get("bias") is False:
            written["bias"] = False
        promise = "one grey image" if image == "NCHW->HW" else "one image" if image in ONE_IMAGE.values() else ""
        yield replace(
            binding,
            plan=replace(binding.plan, set=places, state=("weight", "bias", "running_mean", "running_var")),
            layouts=layouts | {name: layout for name, layout in more.items() if layout},
            accepts=accepts,
            shapes=promise,
            fixed={**binding.fixed, **written},
            differences=(*binding.differences, *(("eps-fixed",) if eps not in (None, 1e-5) else ())),
        )


def _without_dilation(binding: Binding) -> Binding:
    """Not asked to dilate: some count the zeros that are put between, so that their 0 is torch's 1."""
    make = binding.plan.make
    assert make is not None
    kwargs = {name: value for name, value in make.kwargs.items() if value != "@dilation"}
    accepts = {**binding.accepts, "dilation": 1}
    return replace(binding, plan=replace(binding.plan, make=replace(make, kwargs=kwargs)), accepts=accepts)


def _as_derivative(spec: LayerSpec, binding: Binding) -> list[Binding]:
    """An activation's `gradient(x)` may be f'(x), of x or of its output, which is multiplied by dout here."""
    step = binding.plan.backward
    if step is None or len(step.kwargs) != 1 or "target" in spec.inputs:
        return [binding]
    argument, value = next(iter(step.kwargs.items()))
    named = plain(step.function) in DERIVATIVES
    if value != "$dout" or not (named or role_of(argument) == "$x"):
        return [binding]

    def of(role: str) -> Binding:
        plan = replace(binding.plan, backward=Step(step.function, (), {argument: role}, ("dx",)))
        return replace(binding, plan=plan, scaled=() if role == "$dout" else ("dx",))

    derivative_first = named and role_of(argument) == "$x"
    return [of(role) for role in (("$x", "$out", "$dout") if derivative_first else ("$dout", "$x", "$out"))]


def _score(spec: LayerSpec, binding: Binding, probe: Probe) -> tuple[int, int]:
    """(tensors that are right, tensors of the right shape) of a trial run."""
    call = trial(spec, fixed=binding.fixed)
    answer, _ = probe.run(binding, call)
    expected, came = Scratchnet(spec.name).run(call).tensors, binding.answer_for(call, answer).tensors
    alike = [name for name in expected if name in came and came[name].shape == expected[name].shape]
    right = [name for name in alike if _is_near(came[name], expected[name])]
    return len(right), len(alike)


def _is_near(came: np.ndarray, expected: np.ndarray) -> bool:
    """Nearer than one rounding to float32 of the largest element: this chooses a layout, and judges nothing."""
    largest = np.abs(expected).max(initial=0)
    return bool((np.abs(came - expected) <= 2.0**-24 * largest).all())


def _not_valid(padding: Any) -> bool:
    return padding != "valid"


def _shapes(spec: LayerSpec, binding: Binding, works: Callable[..., bool]) -> str:
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
