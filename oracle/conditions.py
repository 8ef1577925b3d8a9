"""When is it wrong? The simplest condition on the settings that separates the failing cases from the passing ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np

from oracle.cases import Case, write

AXES = ("D", "H", "W")
BESIDE = (("H", "W"), ("output H", "output W"), ("in_channels", "out_channels"), ("in_features", "out_features"))
MANY = 9  # values of one setting that are told apart one by one
PAIRED = 40  # terms that are tried in pairs


@dataclass(frozen=True)
class Term:
    """One property that a case has or has not."""

    text: str
    negation: str
    holds: Callable[[dict[str, Any]], bool]


def facts(case: Case) -> dict[str, Any]:
    """What a condition may speak of: every argument, the batch size N, the sizes of the image, dtype and style."""
    known: dict[str, Any] = dict(case.settings)
    x = next(iter(case.shapes.values()), ())
    if "g" in case.shapes:  # an optimizer: gradients of several steps
        known["steps"], x = case.shapes["g"][0], ()
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
    """All terms that could tell these cases apart, the plainest first: the least value of a setting against the others,
    words, sizes beside each other, then every other value."""
    tables = [facts(case) for case in cases]
    shared = [name for name in tables[0] if all(name in table for table in tables)] if tables else []
    plain: list[Term] = []
    finer: list[Term] = []
    for name in shared:
        values = {table[name] for table in tables}
        numbers = sorted({entry for value in values if _is_number(value) for entry in _axes(value)})
        for place, number in enumerate(numbers if len(numbers) > 1 else ()):
            if place == 0:
                plain += _least(name, number, all(type(each) is int for each in numbers))
            elif place < MANY:
                finer += _value(name, number, largest=number == numbers[-1])
        if any(isinstance(value, tuple) and len(set(value)) > 1 for value in values):
            plain.append(Term(f"{name} is not square", f"{name} is square", _uneven(name)))
        words = sorted((value for value in values if not _is_number(value)), key=str)
        if len(values) > 1 and len(words) < MANY:
            for value in words:
                plain.append(Term(f"{name} = {write(value)}", f"{name} is not {write(value)}", _is(name, value)))
    for one, two in BESIDE:
        if one in shared and two in shared:
            plain.append(Term(f"{one} != {two}", f"{one} = {two}", _differ(one, two)))
            plain.append(Term(f"{one} = {two}", f"{one} != {two}", _equal(one, two)))
    if {"kernel_size", "stride"} <= {*shared}:
        plain.append(Term("stride < kernel_size", "stride >= kernel_size", _overlapping))
        plain.append(Term("stride > kernel_size", "stride <= kernel_size", _gaps))
    return plain + finer


def _least(name: str, least: Any, whole: bool) -> list[Term]:
    """The least value, and everything above it."""
    above = f"{name} >= 1" if least == 0 and whole else f"{name} > {least}"
    return [Term(f"{name} = {least}", above, _all(name, least)), Term(above, f"{name} = {least}", _above(name, least))]


def _value(name: str, value: Any, largest: bool) -> list[Term]:
    is_it, is_not = f"{name} = {value}", f"{name} is not {value}"
    found = [Term(is_it, is_not, _all(name, value)), Term(is_not, is_it, lambda table: not _all(name, value)(table))]
    if not largest:
        above, below = f"{name} > {value}", f"{name} <= {value}"
        found += [Term(above, below, _above(name, value)), Term(below, above, _up_to(name, value))]
    return found


def _not(term: Term) -> Callable[[dict[str, Any]], bool]:
    return lambda table: not term.holds(table)


def _all(name: str, value: float) -> Callable[[dict[str, Any]], bool]:
    return lambda table: all(entry == value for entry in _axes(table[name]))


def _above(name: str, value: float) -> Callable[[dict[str, Any]], bool]:
    return lambda table: _is_number(table[name]) and any(entry > value for entry in _axes(table[name]))


def _up_to(name: str, value: float) -> Callable[[dict[str, Any]], bool]:
    return lambda table: _is_number(table[name]) and all(entry <= value for entry in _axes(table[name]))


def _uneven(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda table: len(set(_axes(table[name]))) > 1


def _is(name: str, value: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda table: table[name] == value


def _differ(one: str, other: str) -> Callable[[dict[str, Any]], bool]:
    return lambda table: table[one] != table[other]


def _equal(one: str, other: str) -> Callable[[dict[str, Any]], bool]:
    return lambda table: table[one] == table[other]


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
    found = terms(cases)
    known = {term.text: term for term in found}
    for term in found:
        known.setdefault(term.negation, Term(term.negation, term.text, _not(term)))
    chosen = []
    for part in text.split(" and "):
        if part.strip() not in known:
            raise ValueError(f"{part.strip()!r} is no condition on these cases; known are: {', '.join(known)}")
        chosen.append(known[part.strip()])
    return lambda case: _meets(chosen, case)


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


def find_when(failing: list[Case], passing: list[Case], fails: Callable[[Case], bool | None] | None = None,
              fresh: Iterable[Case] = ()) -> When | None:  # fmt: skip
    """The simplest condition, one term or two joined by "and", that holds in every failing case and in no passing one
    (else the one that is met by the fewest passing cases); None where none tells them apart. An exact one is tried on
    `fresh` cases, run with `fails` (None where a case says nothing), and searched again with what they say."""
    found = _simplest(failing, passing)
    if fails is None or found is None or not found.is_exact or not passing:
        return found
    outcomes = [(case, fails(case)) for case in fresh]
    return _simplest([*failing, *(case for case, failed in outcomes if failed is True)],
                     [*passing, *(case for case, failed in outcomes if failed is False)])  # fmt: skip


def _simplest(failing: list[Case], passing: list[Case]) -> When | None:
    if not passing:
        return When("always", None, lambda case: True, (len(failing), len(failing)))
    tables = [facts(case) for case in failing]
    necessary = [term for term in terms([*failing, *passing]) if all(term.holds(table) for table in tables)]
    others = [facts(case) for case in passing]
    met = [np.array([term.holds(table) for table in others]) for term in necessary]
    least, best = len(passing), tuple[Term, ...]()
    candidates = [(place,) for place in range(len(necessary))]
    for chosen in chain(candidates, combinations(range(min(len(necessary), PAIRED)), 2)):
        count = int(np.logical_and.reduce([met[place] for place in chosen]).sum())
        if count < least:
            least, best = count, tuple(necessary[place] for place in chosen)
        if count == 0:
            break
    if not best:
        return None
    if least > len(passing) / 2:  # it holds in most of the passing cases too: true, and no help
        return None
    right = " or ".join(term.negation for term in best) if least == 0 else None
    return When(" and ".join(term.text for term in best), right,
                lambda case: _meets(best, case), (len(failing), len(failing) + least))  # fmt: skip


def _meets(chosen: Iterable[Term], case: Case) -> bool:
    table = facts(case)
    return all(term.holds(table) for term in chosen)
