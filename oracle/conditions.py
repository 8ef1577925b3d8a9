"""When is it wrong? The simplest condition on the settings that separates the failing cases from the passing ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from oracle.cases import Case, write

AXES = ("D", "H", "W")


@dataclass(frozen=True)
class Term:
    """One property that a case has or has not."""

    text: str
    negation: str
    holds: Callable[[dict[str, Any]], bool]


def facts(case: Case) -> dict[str, Any]:
    """What a condition may speak of: every argument, the batch size N, the sizes of the image, dtype and style."""
    known: dict[str, Any] = dict(case.settings)
    if "x" not in case.shapes:  # an optimizer: gradients of several steps
        known["steps"] = case.shapes["g"][0]
    x = case.shapes.get("x", ())
    known["N"] = math.prod(x[:-1]) if "in_features" in known else x[0] if x else 1  # Linear: all leading axes
    if len(x) > 1 and not {"in_channels", "in_features"} & known.keys():
        known["C"] = x[1]
    spatial = x[2:]
    for name, size in zip(AXES[len(AXES) - len(spatial) :], spatial, strict=False):
        known[name] = size
    known["dtype"], known["style"] = case.dtype, case.style
    known["mode"] = "train" if case.training else "eval"
    sizes = [shape for shape in case.tensors.outputs.values() if len(shape) > 2]
    for name, size in zip(AXES[len(AXES) - len(spatial) :], sizes[0][2:] if sizes else (), strict=False):
        known[f"output {name}"] = size
    return known


def _axes(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_number(value: Any) -> bool:
    return all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in _axes(value))


def terms(cases: Iterable[Case]) -> list[Term]:
    """All terms that could tell these cases apart, the plainest first."""
    tables = [facts(case) for case in cases]
    found: list[Term] = []
    for name in tables[0] if tables else ():
        values = {table.get(name) for table in tables}
        numbers = [value for value in values if _is_number(value)]
        for low in (0, 1):
            if any(min(_axes(value)) <= low for value in numbers) and any(max(_axes(value)) > low for value in numbers):
                found.append(Term(f"{name} = {low}", f"{name} > {low}" if low else f"{name} >= 1", _all(name, low)))
                found.append(Term(f"{name} > {low}" if low else f"{name} >= 1", f"{name} = {low}", _above(name, low)))
        if any(isinstance(value, tuple) and len(set(value)) > 1 for value in values):
            found.append(Term(f"{name} is not square", f"{name} is square", _uneven(name)))
        if len(values) > 1 and len(values) < 8:
            for value in sorted((value for value in values if not _is_number(value)), key=str):
                found.append(Term(f"{name} = {write(value)}", f"{name} is not {write(value)}", _is(name, value)))
    for one, two in (("H", "W"), ("output H", "output W"), ("in_channels", "out_channels"), ("in_features", "out_features")):
        if tables and one in tables[0] and two in tables[0]:
            found.append(Term(f"{one} != {two}", f"{one} = {two}", lambda t, a=one, b=two: t[a] != t[b]))
    if tables and {"kernel_size", "stride"} <= tables[0].keys():
        found.append(Term("stride < kernel_size", "stride >= kernel_size", _overlapping))
        found.append(Term("stride > kernel_size", "stride <= kernel_size", _gaps))
    return found


def _all(name: str, value: float) -> Callable[[dict[str, Any]], bool]:
    return lambda table: all(entry == value for entry in _axes(table[name]))


def _above(name: str, value: float) -> Callable[[dict[str, Any]], bool]:
    return lambda table: _is_number(table[name]) and any(entry > value for entry in _axes(table[name]))


def _uneven(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda table: len(set(_axes(table[name]))) > 1


def _is(name: str, value: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda table: table[name] == value


def _pairs(table: dict[str, Any]) -> list[tuple[int, int]]:
    kernel, stride = table["kernel_size"], table["stride"] or table["kernel_size"]
    n = max(len(_axes(kernel)), len(_axes(stride)))
    return list(zip(_axes(kernel) * (n if not isinstance(kernel, tuple) else 1),
                    _axes(stride) * (n if not isinstance(stride, tuple) else 1), strict=False))  # fmt: skip


def _overlapping(table: dict[str, Any]) -> bool:
    return any(stride < kernel for kernel, stride in _pairs(table))


def _gaps(table: dict[str, Any]) -> bool:
    return any(stride > kernel for kernel, stride in _pairs(table))


def condition(text: str, cases: Iterable[Case]) -> Callable[[Case], bool]:
    """The condition that a report prints as `text` ("padding = 0 and stride > 1"). Raises ValueError where a term is
    none that could tell these cases apart."""
    known = {term.text: term for term in terms(cases)}
    chosen = []
    for part in text.split(" and "):
        if part.strip() not in known:
            raise ValueError(f"{part.strip()!r} is no condition on these cases; known are: {', '.join(known)}")
        chosen.append(known[part.strip()])
    return lambda case: all(term.holds(facts(case)) for term in chosen)


@dataclass(frozen=True)
class When:
    """The condition under which cases fail. `rate` is (failing, all) of the cases that meet it: equal where the
    condition is exact."""

    wrong: str
    right: str | None
    holds: Callable[[Case], bool]
    rate: tuple[int, int]

    @property
    def is_exact(self) -> bool:
        return self.rate[0] == self.rate[1]

    def __str__(self) -> str:
        return self.wrong if self.is_exact else f"only where {self.wrong}, {self.rate[0]} of {self.rate[1]}"


def find_when(failing: list[Case], passing: list[Case], fails: Callable[[Case], bool] | None = None,
              fresh: Iterable[Case] = ()) -> When:  # fmt: skip
    """The simplest condition, one term or two joined by "and", that holds in every failing case and in no passing one
    (else the one that is met by the fewest passing cases), checked on `fresh` cases by running them with `fails`."""
    everything = When("always", None, lambda case: True, (len(failing), len(failing) + len(passing)))
    if not passing or not failing:
        return everything
    tables = {id(case): facts(case) for case in (*failing, *passing)}
    necessary = [term for term in terms([*failing, *passing]) if all(term.holds(tables[id(c)]) for c in failing)]

    def excess(combination: tuple[Term, ...]) -> int:
        return sum(all(term.holds(tables[id(case)]) for term in combination) for case in passing)

    best, least = (), len(passing)
    for combination in [*((term,) for term in necessary), *combinations(necessary[:40], 2)]:
        count = excess(combination)
        if count < least:
            best, least = combination, count
        if count == 0:
            break
    if not best:
        return everything

    def holds(case: Case) -> bool:
        table = facts(case)
        return all(term.holds(table) for term in best)

    met, broken = len(failing) + least, 0
    hits = len(failing)
    for case in fresh if fails is not None and least == 0 else ():
        outcome = fails(case)  # type: ignore[misc]
        if holds(case):
            met, hits = met + 1, hits + outcome
        elif outcome:
            broken += 1
    if broken:
        return everything
    right = " or ".join(term.negation for term in best) if hits == met else None
    return When(" and ".join(term.text for term in best), right, holds, (hits, met))
