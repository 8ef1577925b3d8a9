"""Trial runs: what the names in a class do not say. Of all candidates the one that gives most of out, dx, dweight and
dbias right is taken, and what it offers is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec
from oracle.subjects import Answer, Call
from oracle.subjects.binding import ANY, Binding
from oracle.subjects.candidates import COLUMNS, ONE_COLUMN, as_derivative, candidates, images, without_dilation
from oracle.subjects.mapping import Map
from oracle.subjects.names import plain, role_of
from oracle.subjects.offers import with_offers
from oracle.subjects.places import Seen, Unreadable, with_gradients, without_name
from oracle.subjects.probe import Probe, Unjudged, is_near, score
from oracle.subjects.scratchnet import Scratchnet
from oracle.subjects.several import is_plain, with_outputs
from oracle.subjects.trial_calls import TRIALS, taken_settings, trial


def settled(binding: Binding, probe: Probe, docstring: str = "") -> Binding:
    """A course's row with what only the file shows: which year's hand-out it follows, by the docstring that this came
    with, or by a trial run; which random numbers keep an element."""
    if binding.other:
        years = (binding, *binding.other)
        said = [year for year in years if year.handout and year.handout in docstring]
        drawn = [settled(replace(year, other=()), probe) for year in said or years]
        telling: dict[str, Any] = {"p": 0.25} if "p" in binding.accepts else {}  # 0.5 to keep is 0.5 to drop
        return max(drawn, key=lambda year: score(SPECS[year.spec], year, probe, **telling))
    if not binding.plan.draws:
        return binding
    call = trial(SPECS[binding.spec], binding=binding)
    answer, _ = probe.run(binding, call)
    out = answer.tensors.get("out")
    mask = call.buffers["mask"] == 1
    as_x = out if out is not None and out.shape == call.inputs["x"].shape else None
    opposite = as_x is not None and not (as_x != 0)[np.broadcast_to(mask, as_x.shape)].any()
    return replace(binding, plan=replace(binding.plan, draws="high")) if opposite else binding


def probed(spec: LayerSpec, binding: Binding, probe: Probe, told: Map) -> Binding:
    """The binding with what trial runs show: where weights are kept, how they and the images are laid out, what comes
    back, which settings may be tuples. Raises Unreadable where the class cannot be called as this layer."""
    try:
        binding, call = _first_call(spec, binding, probe)
    except ValueError:
        said = ", ".join(name for name, rule in binding.accepts.items() if rule == ANY) or "none"
        none = "no case fits the settings that its constructor takes"
        raise Unreadable(f"{binding.implements}: {none} ({said})") from None
    answer, seen, binding = _called(probe, binding, call)
    tried = _every_way(spec, binding, call, seen, probe, told)
    binding = _best(spec, tried, probe)
    if "Alpha" in spec.name:  # what is dropped is not 0
        other = replace(binding, plan=replace(binding.plan, draws="high"))
        binding = max(binding, other, key=lambda candidate: score(spec, candidate, probe))
    elif binding.plan.draws:
        binding = settled(binding, probe)
    call = _own_call(spec, binding, call)
    answer, _ = probe.run(binding, call)
    if spec.name not in TRIALS:
        _demand_an_answer(spec, binding, call, answer)
        _demand_torchs_gates(spec, binding, call, answer, told)
    return with_offers(spec, binding, call, answer, probe)


def _first_call(spec: LayerSpec, binding: Binding, probe: Probe) -> tuple[Binding, Call]:
    """The call of the first trial run; with as many axes as the class takes, where it does not take the usual ones."""
    call = trial(spec, binding=binding)
    if spec.name in TRIALS or "forward" not in probe.run(binding, call)[0].failures:
        return binding, call
    usual = len(next(iter(call.inputs.values())).shape)
    numbers = {len(next(iter(setting.shapes.values()))) for setting in taken_settings(spec, binding)}
    for axes in sorted(numbers - {usual}):
        other = replace(binding, axes=(axes,))
        tried = trial(spec, binding=other)
        if "forward" not in probe.run(other, tried)[0].failures:
            return other, tried
    return binding, call


def _called(probe: Probe, binding: Binding, call: Call) -> tuple[Answer, Seen, Binding]:
    """A first run, and the binding as it had to be for it."""
    answer, seen = probe.run(binding, call)
    if len(call.upstream) > 1:
        binding = with_outputs(binding, call, seen.get("forward"))
        answer, seen = probe.run(binding, call)
    elif _is_pair(seen.get("forward")) and binding.plan.forward.returns == ("out",):  # what backward needs, or no one
        forward = replace(binding.plan.forward, returns=("out", "cache"))
        binding = replace(binding, plan=replace(binding.plan, forward=forward))
        answer, seen = probe.run(binding, call)
    made_of = binding.plan.make.kwargs.values() if binding.plan.make else ()
    needs_weights = bool(call.parameters) and "$weight" not in made_of
    if "forward" in answer.failures or (needs_weights and not seen.get("made")):
        answer, seen, binding = _made_otherwise(probe, binding, call, (answer, seen, binding))
    failure = answer.failures.get("forward")
    if failure is not None and needs_weights and not seen.get("made"):
        said = f"{binding.implements}: a trial run {failure}"
        raise Unjudged(said) if failure.endless else Unreadable(said)
    backward = binding.plan.backward
    several = len(call.upstream) > 1 and "cache" in binding.plan.forward.returns
    if backward is not None and "forward" in seen and not (several or _is_pair(seen["forward"])):
        for argument, value in backward.kwargs.items():
            if value == "$cache" and role_of(argument) != "$cache":
                raise Unreadable(without_name(binding.implements.rpartition(", ")[2], argument))
    return answer, seen, binding


def _best(spec: LayerSpec, tried: list[Binding], probe: Probe) -> Binding:
    """The one that gives most right. One sample at a time only where a batch does not give every tensor its shape: a
    mean over the batch would be the sum there, and right."""
    scores = [score(spec, candidate, probe) for candidate in tried]
    batch = [own[1] for own, candidate in zip(scores, tried) if candidate.layouts.get("x") != ONE_COLUMN]
    able = [place for place, candidate in enumerate(tried)
            if candidate.layouts.get("x") != ONE_COLUMN or scores[place][1] > max(batch)]  # fmt: skip
    return tried[max(able, key=lambda place: scores[place])]


def _own_call(spec: LayerSpec, binding: Binding, call: Call) -> Call:
    """The call of a trial run, of one sample where the binding takes no more."""
    return trial(spec, binding=binding) if "x[0]" in binding.fixed else call


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


def _every_way(spec: LayerSpec, binding: Binding, call: Call, seen: Seen, probe: Probe, told: Map) -> list[Binding]:
    """All that is tried. Raises Unreadable, for the reason that the plainest gives, where no layout can be tried."""
    found: list[Binding] = []
    refused = None
    for image in images(binding, call, told):
        if refused and image in COLUMNS:  # which may raise before what refused is asked again
            break
        if image and binding.plan.warm:  # what the first forward makes follows from the layout of the images
            seen = probe.run(replace(binding, layouts={"x": image, "out": image}), call)[1]
        try:
            laid_out = list(candidates(spec, binding, call, seen.get("made", {}), image, told))
            found += [with_gradients(each, probe.run, _own_call(spec, each, call), told) for each in laid_out]
        except Unreadable as error:
            refused = refused or error
    if refused and not found:
        raise refused
    if binding.accepts.get("dilation") == ANY:
        found += [without_dilation(candidate) for candidate in found]
    return [variant for candidate in found for variant in as_derivative(spec, candidate)]


def _demand_an_answer(spec: LayerSpec, binding: Binding, call: Call, answer: Answer) -> None:
    """Raises Unreadable where a class that is known by its names alone gives nothing that could be torch's out: then it
    may be called otherwise, and nothing is said of its numbers."""
    out, torchs = binding.answer_for(call, answer).tensors.get("out"), call.upstream["dout"].shape
    if "forward" in answer.failures:
        raise Unreadable(f"{binding.implements}: a trial run as {spec.name} {answer.failures['forward']}")
    several = not is_plain(spec, call)
    if several and "backward" in answer.failures:
        raise Unreadable(f"{binding.implements}: a trial run as {spec.name} {answer.failures['backward']}")
    if several and (out is None or out.shape != torchs):
        came = "nothing" if out is None else f"shape {out.shape}"
        raise Unreadable(f"{binding.implements}: out has {came}, {torchs} of torch's {spec.name} expected (seq, batch, "
                         f"features where it has a time)")  # fmt: skip


_GATES = {"LSTM": "i, f, g, o", "GRU": "r, z, n"}


def _demand_torchs_gates(spec: LayerSpec, binding: Binding, call: Call, answer: Answer, told: Map) -> None:
    """Raises Unreadable where weights without torch's names do not give torch's out: torch's names promise its order of
    the gates, others promise nothing."""
    gates = _GATES.get(spec.name.removesuffix("Cell"))
    places = {str(value)[1:]: path for path, value in binding.plan.set.items()}
    torchs = [plain(name) in (plain(path), plain(path) + "l0") or name in told.paths for name, path in places.items()]
    if gates is None or all(torchs):
        return
    out, expected = binding.answer_for(call, answer).tensors["out"], Scratchnet(spec.name).run(call).tensors["out"]
    if not is_near(out, expected):
        names = ", ".join(name.removesuffix("_l0") for name in call.parameters)
        example = "; ".join(f"{name}={path}" for name, path in places.items())
        raise Unreadable(
            f"{binding.implements}: with {', '.join(places.values())} in torch's order of the gates ({gates}) out is "
            f"not torch's; where they are in this order, call them {names}, or say it with --map, as in "
            f'--map "{example}"'
        )
