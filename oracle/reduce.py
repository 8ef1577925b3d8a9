"""The smallest case that still fails in the same way: every number is made smaller while the failure stays."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import Any

from oracle.cases import Case, make
from oracle.layers.spec import Setting


def size(case: Case) -> tuple:
    """What "smaller" means: fewer numbers in all tensors, then fewer and smaller arguments, then plain integers."""
    tensors = case.tensors
    shapes = (*case.shapes.values(), *tensors.parameters.values(), *tensors.outputs.values())
    numbers = sum(entry for value in case.args.values() for entry in _entries(value))
    plain = (case.dtype != "float64", case.style != "integer", len(case.flags), case.seed)
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
    found = [
        make(case.spec, Setting(args, shapes), case.dtype, case.style, case.seed, case.flags)
        for args, shapes in _steps(case)
    ]
    plain = product(("float64", case.dtype), ("integer", case.style), ((), case.flags))
    found += [case.with_(dtype=dtype, style=style, flags=flags, seed=0) for dtype, style, flags in plain]
    return [candidate for candidate in found if _is_one(candidate)]


def _is_one(case: Case) -> bool:
    """Whether the numbers fit each other."""
    try:
        case.tensors  # noqa: B018
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True


def _steps(case: Case) -> Iterator[tuple[dict[str, Any], dict[str, tuple[int, ...]]]]:
    shapes = dict(case.shapes)
    yield from _together(case)
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


def _together(case: Case) -> Iterator[tuple[dict[str, Any], dict[str, tuple[int, ...]]]]:
    """Everything that equals one number lowered at once: channels, groups and the image's, an input and its target."""
    numbers = {value for value in case.args.values() if type(value) is int} | {*chain(*case.shapes.values())}
    for number in sorted(numbers):
        for lower in _lower(number):

            def lowered(value: Any, number: int = number, lower: int = lower) -> Any:
                if isinstance(value, tuple):
                    return tuple(map(lowered, value))
                return lower if type(value) is int and value == number else value

            shapes = {name: lowered(shape) for name, shape in case.shapes.items()}
            if all(lower >= 1 or shape == case.shapes[name] for name, shape in shapes.items()):
                yield {name: lowered(value) for name, value in case.args.items()}, shapes


def _lower(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        if all(type(entry) is int for entry in value):
            yield max(value)
        for axis, entry in enumerate(value):
            for lower in _lower(entry):
                yield (*value[:axis], lower, *value[axis + 1 :])
    elif type(value) is int:
        yield from sorted({0, 1, value // 2, value - 1} & set(range(value)))


def _entries(value: Any) -> Iterator[float]:
    for entry in value if isinstance(value, tuple) else (value,):
        yield abs(entry) if isinstance(entry, int | float) else 0
