"""The smallest case that still fails in the same way: every number is made smaller while the failure stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import math

from oracle.cases import Case, make
from oracle.layers.spec import Setting


def size(case: Case) -> tuple:
    """What "smaller" means: fewer numbers in all tensors, then fewer and smaller arguments, then plain integers."""
    tensors = case.tensors
    shapes = (*case.shapes.values(), *tensors.parameters.values(), *tensors.outputs.values())
    numbers = sum(entry for value in case.args.values() for entry in _entries(value))
    plain = (case.dtype != "float64", case.style != "integer", case.seed)
    return sum(math.prod(shape) for shape in shapes), len(case.args), numbers, plain


def smallest(case: Case, fails: Callable[[Case], bool], seconds: float = 0.8) -> Case:
    """The smallest case found within `seconds` for which `fails` holds, starting from `case`, for which it does."""
    end = time.monotonic() + seconds
    best, tried = case, {case.id}
    improved = True
    while improved and time.monotonic() < end:
        improved = False
        for candidate in sorted(_smaller(best), key=size):
            if candidate.id in tried or size(candidate) >= size(best):
                continue
            tried.add(candidate.id)
            if fails(candidate):
                best, improved = candidate, True
                break
            if time.monotonic() > end:
                break
    return best


def _smaller(case: Case) -> list[Case]:
    """Cases one step away: an argument at its default or lower, a size lowered, integers in place of other styles."""
    found = []
    for args, shapes in _steps(case):
        try:
            candidate = make(case.spec, Setting(args, shapes), case.dtype, case.style, case.seed, case.flags)
            candidate.tensors  # noqa: B018  raises where the numbers do not fit each other
        except (ValueError, TypeError):
            continue
        found.append(candidate)
    found += [case.with_(dtype=dtype, style=style, seed=0) for dtype in ("float64", case.dtype)
              for style in ("integer", case.style)]  # fmt: skip
    return found


def _steps(case: Case) -> Iterator[tuple[dict[str, Any], dict[str, tuple[int, ...]]]]:
    shapes = dict(case.shapes)
    for name, value in case.args.items():
        rest = {key: other for key, other in case.args.items() if key != name}
        if name in case.spec.defaults:
            yield rest, shapes
        for lower in _lower(value):
            args = rest | {name: lower}
            yield args, shapes
            for partner in case.args:  # channels and groups, features and filters fall together
                if partner != name and type(case.args[partner]) is int:
                    for other in _lower(case.args[partner]):
                        yield args | {partner: other}, shapes
            if type(value) is int and type(lower) is int:  # an argument and the size that must equal it
                for key, shape in shapes.items():
                    for axis, length in enumerate(shape):
                        if length == value:
                            yield args, shapes | {key: (*shape[:axis], lower, *shape[axis + 1 :])}
    for key, shape in shapes.items():
        for axis, length in enumerate(shape):
            for lower in _lower(length):
                if lower >= 1:
                    yield dict(case.args), shapes | {key: (*shape[:axis], lower, *shape[axis + 1 :])}


def _lower(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        yield max(value)
        for axis, entry in enumerate(value):
            for lower in _lower(entry):
                yield (*value[:axis], lower, *value[axis + 1 :])
    elif type(value) is int:
        yield from sorted({0, 1, value // 2, value - 1} & set(range(value)))


def _entries(value: Any) -> Iterator[float]:
    for entry in value if isinstance(value, tuple) else (value,):
        yield abs(entry) if isinstance(entry, int | float) else 0
