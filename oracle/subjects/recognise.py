"""What a file has of what the courses ask for: rows are recognised by names and by what can be called with what.

A row whose name says little (a class called ReLU, a function called conv_forward) needs an argument that only its
course has (`tells`), or the company of another row of its course.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oracle.subjects.binding import Binding
from oracle.subjects.conventions import CONVENTIONS, TORCH
from oracle.subjects.names import argument_of
from oracle.subjects.plan import Step

Arguments = Sequence[tuple[str, bool]]  # (name, whether it must be given)
Methods = Mapping[str, Arguments]


@dataclass(frozen=True)
class Defined:
    """What a file defines: functions and methods with their arguments, `self` not among them."""

    functions: Methods
    classes: Mapping[str, Methods]

    @classmethod
    def of(cls, defines: Any) -> Defined:
        """As far as a worker's list is one."""
        given = defines if isinstance(defines, dict) else {}
        classes = given.get("classes")
        return cls(
            _listed(given.get("functions")),
            {str(name): _listed(methods) for name, methods in classes.items()} if isinstance(classes, dict) else {},
        )

    def arguments(self, step: Step, made: str = "") -> Arguments | None:
        """Those of what a step calls; None where there is no such thing."""
        owner, _, method = step.function.rpartition(".")
        if made or owner:
            return self.classes.get(made or owner, {}).get(method)
        if step.function in self.classes:
            return self.classes[step.function].get("__init__", ())
        return self.functions.get(step.function)


@dataclass
class Found:
    """rows     (course, row) that can be judged
    missing  (spec, names) of templates that nobody filled in
    taken    names of functions and classes that belong to a row
    others   functions that have the name of a row and cannot be called as it is -> the course
    """

    rows: list[tuple[str, Binding]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


def recognised(defined: Defined, undone: set[str], wanted: Iterable[str], convention: str, only: str | None,
               torch: bool = False) -> Found:  # fmt: skip
    """The rows of `convention` ("auto": of every course) that the file has. `undone` are the functions and methods
    whose body is a template; `only` is the one name that was asked for; `torch` says that the file is torch code."""
    found = Found()
    for course, rows in CONVENTIONS.items():
        if convention not in ("auto", course) or torch != (course in TORCH):
            continue
        here = [row for row in rows if _name(row) not in found.taken and _fits(row, defined, convention == course)]
        sure = convention == course or any(row.tells or row.plan.make is None for row in here)
        if not sure:
            continue
        found.taken |= {_name(row) for row in here}
        _sort(found, course, here, defined, undone, set(wanted), only)
    own = {course for course, _ in found.rows}
    for course, rows in CONVENTIONS.items():
        if convention in ("auto", course) and course not in TORCH and own <= {course}:
            alike = {_name(row) for row in rows if row.plan.make is None and _name(row) in defined.functions}
            found.others |= dict.fromkeys(sorted(alike - found.taken - found.others.keys()), course)
    return found


def _sort(found: Found, course: str, rows: Sequence[Binding], defined: Defined, undone: set[str], wanted: set[str],
          only: str | None) -> None:  # fmt: skip
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.spec, _full(row, row.plan.forward), str(row.layouts))
        if row.spec not in wanted or only not in (None, _name(row)):
            continue
        if _full(row, row.plan.forward) in undone:
            if not any(key[:2] == known[:2] for known in seen):
                found.missing.append((row.spec, row.implements))
            seen.add(key)
            continue
        backward = row.plan.backward
        if backward is not None and (_called(row, backward, defined) is None or _full(row, backward) in undone):
            if key in seen:
                continue
            if row.optional and not any(names == _full(row, backward) for _, names in found.missing):
                found.missing.append((row.spec, _full(row, backward)))
            row = row.forward_only()
        seen.add(key)
        found.rows.append((course, row))


def _name(row: Binding) -> str:
    """What stands at the top level of the file."""
    return (row.plan.make or row.plan.forward).function.partition(".")[0]


def _full(row: Binding, step: Step) -> str:
    """ "relu_forward", "Conv.forward" """
    return f"{row.plan.make.function}{step.function}" if row.plan.make else step.function


def _called(row: Binding, step: Step, defined: Defined) -> Arguments | None:
    return defined.arguments(step, row.plan.make.function if row.plan.make else "")


def _fits(row: Binding, defined: Defined, asked_for: bool) -> bool:
    """Whether the file has the row's names, and they can be called as the row says."""
    steps = [step for step in (row.plan.make, row.plan.forward, row.plan.backward) if step is not None]
    calls = [defined.arguments(step, "" if step is row.plan.make or not row.plan.make else row.plan.make.function)
             for step in steps]  # fmt: skip
    needed = calls[: 2 if row.plan.make else 1]
    if any(call is None for call in needed) or (row.plan.make and row.plan.make.function not in defined.classes):
        return False
    if row.names and not asked_for and row.names != tuple(name.lower() for name, _ in calls[0] or ()):
        return False
    if any(call is not None and _asks_for_a_number(call, step) for call, step in zip(calls, steps)):
        return False
    if row.plan.make is None and row.plan.backward is not None and not row.tells:
        return True  # a name that no other course has
    if not all(call is None or _takes(call, step) for call, step in zip(calls, steps)):
        return False
    words = [name.lower() for call in calls for name, _ in call or ()]
    return asked_for or not row.tells or any(word.startswith(tell) for tell in row.tells for word in words)


def _asks_for_a_number(arguments: Arguments, step: Step) -> bool:
    """Whether it calls eps, or stride, what its course gives as a dictionary of settings."""
    settings = [name for (name, _), value in zip(arguments, step.args) if isinstance(value, dict) or value in _GIVEN]
    return any(argument_of(name, _NUMBERS) for name in settings)


_GIVEN = ("$bn_param",)
_NUMBERS = ("eps", "momentum", "stride", "padding", "kernel_size")


def _takes(arguments: Arguments, step: Step) -> bool:
    names = [name for name, _ in arguments if not name.startswith("*")]
    required = [name for name, needed in arguments if needed and name not in step.kwargs]
    several = any(name == "*" for name, _ in arguments)
    if not set(step.kwargs) <= set(names) and not any(name == "**" for name, _ in arguments):
        return False
    return len(required) <= len(step.args) and (several or len(step.args) + len(step.kwargs) <= len(names))


def _listed(value: Any) -> dict[str, list[tuple[str, bool]]]:
    """name -> arguments, as far as a worker's list is one."""
    return {
        str(name): [(str(argument[0]), bool(argument[1])) for argument in arguments]
        for name, arguments in (value.items() if isinstance(value, dict) else ())
        if isinstance(arguments, list) and all(isinstance(a, list) and len(a) == 2 for a in arguments)
    }
