"""Layers that are classes, written as their authors liked: which argument is which setting, and what each method is
given. Names are looked up in a table; what names do not say, trial runs show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from oracle.layers import FAMILY, SPECS
from oracle.layers.spec import LayerSpec
from oracle.subjects import Call
from oracle.subjects.binding import ANY, FREE, LR, Binding, below_one, given
from oracle.subjects.mapping import Map
from oracle.subjects.names import (
    BACKWARD,
    FORWARD,
    LEARNING_RATE,
    UNUSED,
    argument_of,
    parameter_of,
    plain,
    role_of,
)
from oracle.subjects.places import Unreadable, without_name
from oracle.subjects.plan import Plan, Step
from oracle.subjects.probe import Probe
from oracle.subjects.several import backward_roles, forward_roles, is_loss, is_plain, states_of
from oracle.subjects.trial_calls import trial
from oracle.subjects.trials import probed

Arguments = Sequence[tuple[str, bool]]  # (name, whether it must be given)
Methods = Mapping[str, Arguments]

_SEEN_LATER = {"num_features", "normalized_shape", "in_features", "in_channels"}  # a first forward may show them
_FREE = (*FREE, "half-missing", "half-extra", "biased-running-variance", "momentum-inverted", "dropout-p-is-keep",
         "epsilon-in-log")  # fmt: skip
_HANDED = ("weight", "bias", "running_mean", "running_var")
_OUTPUTS = ("y", "out", "output", "outputs")  # what backward means by these, where there is no target


def bind(spec: LayerSpec, name: str, methods: Methods, probe: Probe, unfilled: set[str],
         told: Map | None = None) -> Binding:  # fmt: skip
    """How to call class `name` as `spec`; what is `told` of it is not guessed. Raises Unreadable where it cannot be
    told, Unjudged where the trial runs do not end."""
    told = told or Map()
    forward = _method(methods, told.forward, FORWARD)
    if forward is None:
        raise Unreadable(f"{name} has no method {told.forward or 'forward'}; it has {_listed(methods)}"
                         f"{'' if told.forward else '; say which with --map forward=NAME'}")  # fmt: skip
    backward = _method(methods, told.backward, BACKWARD)
    if backward is None and told.backward:
        raise Unreadable(f"{name} has no method {told.backward}; it has {_listed(methods)}")
    kwargs, accepts, fixed = _constructor(spec, name, methods.get("__init__", []), told)
    call = _any_call(spec, name)
    usual = is_plain(spec, call)
    roles = (
        _roles_forward(spec, name, forward, methods[forward], told) if usual
        else forward_roles(spec, f"{name}.{forward}", methods[forward], told)
    )  # fmt: skip
    going = Step(f".{forward}", (), roles, ("out",))
    step = None
    if backward is not None and backward not in unfilled:
        back = methods[backward]
        given_back = (
            _roles_backward(spec, name, backward, back, told) if usual
            else backward_roles(spec, f"{name}.{backward}", back, roles, [*call.upstream], told)
        )  # fmt: skip
        step = Step(f".{backward}", (), given_back, ("dx",))
        if "$cache" in step.kwargs.values():
            going = replace(going, returns=("out", "cache"))
    plan = Plan(going, step, Step(name, (), kwargs), {"lr": told.lr or LR})
    plan = replace(plan, draws="low" if "mask" in call.buffers else "")
    implements = f"{name}.{forward}" + (f", {name}.{backward}" if step else "")
    evaluation = "forward" if {"@training", "@evaluation"} & set(going.kwargs.values()) else "none"
    evaluation = evaluation if "eval" in spec.modes else "all"
    scaled = step is not None and is_loss(spec) and "$dout" not in step.kwargs.values()
    needed = [argument for argument, required in methods[forward] if required]
    binding = Binding(spec.name, implements, plan, accepts, fixed=fixed, conventions=_FREE,
                      absent=("num_batches_tracked", "mask", "dtarget"), evaluation=evaluation,
                      scaled=tuple(f"d{name}" for name in spec.inputs) if scaled else (),
                      differences=told.scale(spec.name),
                      states=states_of(spec, roles, roles), needed=states_of(spec, roles, needed))  # fmt: skip
    binding = probed(spec, binding, probe, told)
    if "__call__" in methods and forward != "__call__":
        _demand_no_engine(spec, binding, probe)
    return binding


def _demand_no_engine(spec: LayerSpec, binding: Binding, probe: Probe) -> None:
    """Raises Unreadable where __call__ leaves to backward what forward does not: self.input, self.output."""
    answer, _ = probe.run(binding, trial(spec, binding=binding))
    failure = answer.failures.get("backward")
    if failure is not None and failure.kind == "AttributeError" and "object has no attribute" in failure.message:
        raise Unreadable(
            f"{binding.implements}: backward {failure}, which __call__ may set: a function of an autograd engine "
            f"of its own, which is given no arrays; it can be judged where forward alone keeps what backward needs"
        )


def _any_call(spec: LayerSpec, name: str) -> Call:
    """For what all calls of a layer have: the names of its tensors. Raises Unreadable for random slopes, which cannot
    be handed to a class that draws them itself."""
    call = trial(spec)
    if "slopes" in call.buffers:
        raise Unreadable(
            f"{name}: {spec.name} draws its slopes at random, and a class cannot be told which; a torch module can be "
            f"judged"
        )
    return call


def _method(methods: Methods, told: str, names: tuple[str, ...]) -> str | None:
    if told:
        return told if told in methods else None
    spelt = {plain(method): method for method in methods}
    return next((spelt[name] for name in names if name in spelt), None)


def _listed(methods: Methods) -> str:
    return ", ".join(method for method in methods if method != "__init__") or "none"


def _roles_forward(spec: LayerSpec, name: str, method: str, arguments: Arguments, told: Map) -> dict[str, Any]:
    """argument -> what it stands for. The first is x, whatever it is called, and a second one the target."""
    if not arguments:
        raise Unreadable(f"{name}.{method} takes no argument")
    roles: dict[str, Any] = {}
    for place, (argument, required) in enumerate(arguments):
        role = told.arguments.get(argument) or role_of(argument)
        if place == 0 and role not in ("$target", "$x") and argument not in told.arguments:
            role = "$x"
        if role is None and place == 1 and required:
            role = "$target"
        _give(roles, spec, f"{name}.{method}", argument, required, role)
    return roles


def _roles_backward(spec: LayerSpec, name: str, method: str, arguments: Arguments, told: Map) -> dict[str, Any]:
    """argument -> what it stands for. One is the upstream gradient: the one with such a name, else the one beside x,
    else the first, whatever it is called. What is left without a meaning may be what forward returned beside out."""
    roles: dict[str, Any] = {}
    known = {argument: told.arguments.get(argument) or role_of(argument) for argument, _ in arguments}
    if "target" not in spec.inputs:
        if not arguments:
            raise Unreadable(f"{name}.{method} takes no argument")
        if "$dout" not in known.values():
            beside = [argument for argument, required in arguments[1:] if required and known[argument] is None]
            first = arguments[0][0]
            known[beside[0] if known[first] in ("$x", "$cache") and beside else first] = "$dout"
        outputs = [argument for argument in known if plain(argument) in _OUTPUTS and argument not in told.arguments]
        known |= {argument: "$out" for argument in outputs if known[argument] != "$dout"}
    for argument, required in arguments:
        role = known[argument] or ("$cache" if required and "target" not in spec.inputs else None)
        _give(roles, spec, f"{name}.{method}", argument, required, role)
    return roles


def _give(roles: dict[str, Any], spec: LayerSpec, method: str, argument: str, required: bool, role: Any) -> None:
    if argument.startswith("*"):
        return
    if role == "$target" and "target" not in spec.inputs:
        role = None
    if role is None and required:
        raise Unreadable(without_name(method, argument))
    if role is not None and (required or role != "$lr"):
        roles[argument] = role


def _constructor(spec: LayerSpec, name: str, arguments: Arguments,
                 told: Map) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(arguments of the constructor, which settings it can express, which it has written in its code)."""
    settings = (*spec.required, *spec.defaults)
    takes_weights = bool(trial(spec).parameters) and any(
        required and plain(argument) in ("w", "weight", "weights", "gamma") for argument, required in arguments
    )
    kwargs: dict[str, Any] = {}
    unknown: list[str] = []
    for argument, required in arguments:
        if argument in told.arguments:
            kwargs[argument] = told.arguments[argument]
        elif takes_weights and (tensor := parameter_of(argument)) in _HANDED:
            kwargs[argument] = f"${tensor}"
        elif setting := argument_of(argument, settings):
            kwargs[argument] = f"@{setting}"
        elif plain(argument) in LEARNING_RATE and (required or plain(argument).startswith(("lr", "learn"))):
            kwargs[argument] = "$lr"
        elif required and plain(argument) in UNUSED:
            kwargs[argument] = None
        elif required and not argument.startswith("*"):
            unknown.append(argument)
    said = {value[1:].partition("[")[0] for value in kwargs.values() if isinstance(value, str)}
    if takes_weights:
        said |= {"in_channels", "out_channels", "kernel_size", "in_features", "out_features", "num_features",
                 "num_embeddings", "embedding_dim"}  # fmt: skip
    fixed: dict[str, Any] = {}
    if plain(name) == "conv3x3" and "in_channels" not in said:  # one grey image, a kernel of 3x3 and no bias
        fixed = {"in_channels": 1, "kernel_size": 3, "stride": 1, "padding": 0, "x[0]": 1, "x[1]": 1, "dilation": 1,
                 "groups": 1}  # fmt: skip
    if spec.name in ("Softmax", "LogSoftmax", "Softmin"):
        fixed = {"dim": 1}
    needed = (*spec.required, *(["p"] if FAMILY[spec.name] == "dropout" else []))  # its own default may be any
    unsaid = [setting for setting in needed if setting not in said and setting not in fixed]
    if len(unknown) == len(unsaid) == 1:  # they can only mean each other
        kwargs[unknown.pop()] = f"@{unsaid[0]}"
        said.add(unsaid.pop())
    for argument in unknown:
        if parameter_of(argument, trial(spec).parameters) in trial(spec).parameters and not takes_weights:
            raise Unreadable(
                f"{name}(... {argument} ...): a {spec.name} that is given its weights can be judged as one step of "
                f"RNN(Wx, Wh, b).forward(x, h_prev) or LSTM(Wx, Wh, b).forward(x, h_prev, c_prev) alone; others where "
                f"they make them from input_size and hidden_size"
            )
        example = f'--map "{argument}={unsaid[0] if unsaid else None}"'
        why = "it is not known what this argument means; say it with --map, as in"
        raise Unreadable(f"{name}(... {argument} ...): {why} {example}")
    if not set(unsaid) <= _SEEN_LATER:
        has = ", ".join(argument for argument, _ in arguments if argument not in kwargs) or "no other"
        raise Unreadable(f"{name} has no argument for {', '.join(unsaid)}; it has {has}")
    accepts = {setting: ANY if setting in said or setting in unsaid else spec.defaults.get(setting, ANY)
               for setting in settings}  # fmt: skip
    if takes_weights and "bias" in accepts:
        must = [required for argument, required in arguments if kwargs.get(argument) == "$bias"]
        accepts["bias"] = (True if must[0] else ANY) if must else False
    rules = {"momentum": given} | ({"p": below_one} if FAMILY[spec.name] == "dropout" else {})
    return kwargs, {n: rules.get(n, rule) if rule == ANY else rule for n, rule in accepts.items()}, fixed


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
    backward = binding.plan.backward
    returned = backward.returns if backward else ()
    own = backward is not None and "$dout" not in backward.kwargs.values() and "target" not in backward.kwargs.values()
    times = " times dout" if binding.scaled and own and not is_loss(SPECS[binding.spec]) else ""
    gradients = [f"return[{place}]" if len(returned) > 1 else f"return{times}" for place, _ in enumerate(returned)]
    gradients += ["the change of the weights" if name in binding.updates else _path(path)
                  for name, path in binding.plan.read.items() if name.startswith("d")]  # fmt: skip
    said += [f"gradients {', '.join(dict.fromkeys(gradients))}"] if gradients else []
    said += [f"eps {binding.fixed['eps']:g}"] if "eps" in binding.fixed else []
    return ", ".join(said)


def _path(path: str) -> str:
    return path[1:] if path.startswith("$") else f".{path}"
