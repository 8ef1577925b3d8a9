"""Layers with more than one input, output or weight: which argument of a method is which of them. The names of torch
and a table say it, and where they do not, torch's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oracle.layers.spec import LayerSpec
from oracle.subjects import Call
from oracle.subjects.binding import Binding
from oracle.subjects.mapping import Map
from oracle.subjects.names import INPUTS, ROLES, plain, role_of
from oracle.subjects.places import Unreadable, without_name

Arguments = Sequence[tuple[str, bool]]  # (name, whether it must be given)

_PAIRS = ("state", "states", "hx", "hc", "hidden", "init", "initialstate", "initstates", "hiddenstate", "statetuple")
_FLAGS = ("@training", "@evaluation", "$lr", "$cache")


def is_plain(spec: LayerSpec, call: Call) -> bool:
    """Whether it has one input (and a target), one output, and no parameter but a weight and a bias."""
    usual = spec.inputs in (("x",), ("x", "target")) and len(call.upstream) == 1
    return usual and call.parameters.keys() <= {"weight", "bias"}


def is_loss(spec: LayerSpec) -> bool:
    return "target" in spec.inputs or spec.name.endswith("Loss")


def forward_roles(spec: LayerSpec, method: str, arguments: Arguments, told: Map) -> dict[str, Any]:
    """argument -> "$x2", or ("$h0", "$c0") where one argument is both states. Raises Unreadable where an input of
    torch's has no argument, or an argument no meaning."""
    roles: dict[str, Any] = {}
    left = list(spec.inputs)
    for argument, _ in arguments:
        name = plain(argument)
        if argument in told.arguments:
            role = told.arguments[argument]
            if isinstance(role, str) and role[1:] in spec.inputs:  # "value" is a setting of other layers
                role = f"${role[1:]}"
        elif (own := _input_of(name, left)) is not None:
            role = f"${own}"
        elif setting := next((setting for setting in spec.of_forward if plain(setting) == name), None):
            role = f"@{setting}"
        else:
            role = flag if (flag := role_of(argument)) in _FLAGS[:2] else None
        if role is not None:
            roles[argument] = role
            left = [name for name in left if role != f"${name}"]
    states = [name for name, _ in arguments if plain(name) in _PAIRS and roles.get(name, "$h0") == "$h0"]
    if "c0" in left and states and argument_count(arguments) <= len(spec.inputs) - 1:
        roles[states[0]] = ("$h0", "$c0")
        left = [name for name in left if name not in ("h0", "c0")]
    needed = [name for name in left if name not in spec.optional]
    for argument, required in arguments:
        if argument in roles or argument.startswith("*") or not required:
            continue
        if not (needed or left):
            raise Unreadable(without_name(method, argument))
        name = needed.pop(0) if needed else left[0]
        left.remove(name)
        roles[argument] = f"${name}"
    if needed:
        example = f'--map "{arguments[-1][0] if arguments else "argument"}={needed[0]}"'
        raise Unreadable(
            f"{_called(method, arguments)} has no argument for {', '.join(needed)}; say which it is with --map, as in "
            f"{example}"
        )
    return {argument: roles[argument] for argument, _ in arguments if argument in roles}


def argument_count(arguments: Arguments) -> int:
    return len([argument for argument, _ in arguments if not argument.startswith("*")])


def states_of(spec: LayerSpec, roles: Mapping[str, Any], arguments: Iterable[str]) -> tuple[str, ...]:
    """The optional inputs that these arguments stand for."""
    found = [roles[argument] for argument in arguments if argument in roles]
    parts = {part for role in found for part in (role if isinstance(role, tuple) else (role,))}
    return tuple(name for name in spec.optional if f"${name}" in parts)


def _input_of(name: str, inputs: Sequence[str]) -> str | None:
    torchs = next((own for own in inputs if plain(own) == name), None)
    if torchs is None and "target" in inputs and name in ROLES["$target"]:
        return "target"
    return torchs or next((own for own in inputs if name in INPUTS.get(own, ())), None)


def backward_roles(spec: LayerSpec, method: str, arguments: Arguments, forward: Mapping[str, Any],
                   upstream: Sequence[str], told: Map) -> dict[str, Any]:  # fmt: skip
    """argument -> the upstream gradient of an output ("$dh_n"), in the outputs' order; or what forward was given."""
    roles: dict[str, Any] = {}
    left = list(upstream)
    for place, (argument, required) in enumerate(arguments):
        last = place == argument_count(arguments) - 1
        if argument.startswith("*"):
            continue
        role: Any = told.arguments.get(argument)
        if role is None and argument in forward:
            role = forward[argument]
        if role is None and role_of(argument) == "$cache":
            role = "$cache"
        if role is None and left:
            both = last and len(left) == 2 and plain(upstream[0]) == "dout" and len(upstream) == 3
            role = tuple(f"${name}" for name in left) if both else f"${left[0]}"
        if role is None and required:
            if is_loss(spec):
                raise Unreadable(without_name(method, argument))
            role = "$cache"
        if role is not None:
            roles[argument] = role
            given = role if isinstance(role, tuple) else (role,)
            left = [name for name in left if f"${name}" not in given]
    if left and not (is_loss(spec) and len(left) == len(upstream)):
        outputs = " and ".join(name[1:] for name in left)
        raise Unreadable(
            f"{_called(method, arguments)} takes no gradient of {outputs}, which torch's layer returns too; give it an "
            f"argument {left[0]}"
        )
    return roles


def _called(method: str, arguments: Arguments) -> str:
    return f"{method}({', '.join(name for name, _ in arguments)})"


def with_outputs(binding: Binding, call: Call, returned: Any) -> Binding:
    """Where the outputs stand in what forward returned (its shapes): (out, h_n) or (out, (h_n, c_n)), and what backward
    needs last, if anything. Raises Unreadable where there are not so many."""
    names = [name[1:] for name in call.upstream]
    plan = binding.plan
    several = isinstance(returned, list) and any(isinstance(entry, list) for entry in returned)
    shapes = returned if several else [returned]
    if len(names) == 1 or returned is None:
        return binding
    if len(names) == 3 and len(shapes) == 2 and isinstance(shapes[1], list) and len(shapes[1]) == 2:
        forward = replace(plan.forward, returns=(names[0], "cache"))
        read = {name: f"$cache[{place}]" for place, name in enumerate(names[1:])}
        return replace(binding, plan=replace(plan, forward=forward, read=read))
    if len(shapes) in (len(names), len(names) + 1):
        forward = replace(plan.forward, returns=(*names, "cache")[: len(shapes)])
        return replace(binding, plan=replace(plan, forward=forward))
    came = "one array" if len(shapes) == 1 else f"{len(shapes)} values"
    raise Unreadable(
        f"{binding.implements}: forward returns {came}; torch's {binding.spec} returns {', '.join(names)}, and it can "
        f"be judged when it does"
    )
