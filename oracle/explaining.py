"""`oracle explain`: the sum behind one element of a case, beside scratchnet's number and torch's."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from rich.console import Console

import scratchnet.nn
from oracle.cases import Case, CaseError, parse
from oracle.reference import Expected, ReferenceError, reference
from oracle.subjects import Call
from oracle.subjects.scratchnet import Scratchnet
from scratchnet.explain import Explanation, Sum, explainable
from scratchnet.explain import explain as explain_layer

LARGEST = 10**6  # elements of one tensor: an explanation is to be read


class Usage(ValueError):
    """What was asked for cannot be explained; the message says why and what can."""


@dataclass(frozen=True)
class Explained:
    """One element: the sum behind it, and what scratchnet and torch computed there."""

    case: Case
    name: str
    index: tuple[int, ...]
    sum: Sum
    scratchnet: float
    torch: float
    bound: float  # how far rounding alone may take scratchnet's number from torch's

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.index))}]"


def explain(case_id: str | None, element: str | None, console: Console) -> int:
    """Print the explanation of one element, of one of each tensor, or without a case of the note's own example.

    Returns the exit code: 0, or 2 for bad usage with a message on stderr.
    """
    from oracle.reports import explanation, worked_example

    try:
        if case_id is None:
            if element is not None:
                raise Usage(f"--element {element} needs the case that it is an element of: oracle explain CASE-ID")
            worked_example.show(console)
        else:
            explanation.show(explained(case_id, element), console)
    except (Usage, CaseError) as error:
        print(f"oracle explain: {error}", file=sys.stderr)
        return 2
    return 0


def explained(case_id: str, element: str | None = None) -> list[Explained]:
    """The element that was asked for, or a telling one of each tensor. Raises CaseError or Usage."""
    case = parse(case_id)
    name, index = (None, None) if element is None else parse_element(element)
    explanation, answer, expected = _run(case)
    if name is not None and name not in explanation.shapes:
        known = ", ".join(f"{name} {shape}" for name, shape in explanation.shapes.items())
        raise Usage(f"{case.spec.name} has no tensor {name!r} to explain here; there are {known}")
    found = []
    for each in [name] if name is not None else explanation.shapes:
        place = index if index is not None else telling(explanation, each)
        if place is None and name is None:
            continue  # an empty batch has outputs without elements
        try:
            entry = explanation.element(each, (0,) * len(explanation.shapes[each]) if place is None else place)
        except ValueError as error:
            raise Usage(str(error)) from None
        assert place is not None
        numbers = (float(tensors[each][place]) for tensors in (answer, expected.tensors, expected.bounds))
        found.append(Explained(case, each, place, entry, *numbers))
    return found


def parse_element(text: str) -> tuple[str, tuple[int, ...] | None]:
    """("out", (0, 0, 1, 2)) from "out[0,0,1,2]"; ("out", None) from "out". Raises Usage."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\[([\d\s,+-]*)\]\s*)?", text)
    try:
        if match is None:
            raise ValueError
        name, inside = match.groups()
        return name, None if inside is None else tuple(int(part) for part in inside.split(",") if inside.strip())
    except ValueError:
        raise Usage(
            f'--element {text!r} cannot be read; a tensor and an index expected, such as "out[0,0,0,0]"'
        ) from None


def telling(explanation: Explanation, name: str) -> tuple[int, ...] | None:
    """An element whose sum has terms, and as many reasons for absent ones as any; None where there is no element."""
    shape = explanation.shapes[name]
    if 0 in shape:
        return None
    best, best_score = None, (-1, -1)
    for index in _candidates(name, shape):
        terms = explanation.element(name, index).terms
        present = sum(bool(term.index) and not term.why_absent for term in terms)
        score = (min(present, 2), len({term.kind for term in terms}))
        if score > best_score:
            best, best_score = index, score
        if len(terms) > 5000:
            break  # choosing would take longer than reading
    return best


def _candidates(name: str, shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Second channels and features, so that an index that is forgotten shows; every position of a small image,
    corners and middle of a large one."""
    lead = [[0 if axis == 0 and name in ("out", "dx") else min(1, size - 1)] for axis, size in enumerate(shape[:2])]
    positions = shape[2:]
    small = math.prod(positions) <= 64
    axes = (range(size) if small else sorted({0, 1, size // 2, size - 1}) for size in positions)
    return product(*lead, *axes)


def _run(case: Case) -> tuple[Explanation, dict[str, np.ndarray], Expected]:
    """The explanation, and every tensor as scratchnet and as torch have it."""
    if case.spec.name not in explainable():
        raise Usage(f"{case.spec.name} cannot be explained yet; these can: {', '.join(explainable())}")
    shapes = {**case.shapes, **case.tensors.outputs, **case.tensors.parameters}
    for name, shape in shapes.items():
        if math.prod(shape) > LARGEST:
            raise Usage(
                f"{name} has {math.prod(shape):,} elements; take a smaller case, up to {LARGEST:,} can be explained"
            )
    try:
        call = case.call()
        explanation = explain_layer(_layer(call), call.inputs["x"], call.upstream["dout"])
        answer, expected = Scratchnet(case.spec.name).run(call), reference(case, call)
    except (ValueError, TypeError, ReferenceError) as error:
        raise Usage(str(error)) from None
    for failure in answer.failures.values():
        raise Usage(failure.message)
    return explanation, answer.tensors, expected


def _layer(call: Call) -> scratchnet.nn.Module:
    layer = getattr(scratchnet.nn, call.spec)(**call.settings).to(call.inputs["x"].dtype)
    layer.load_state_dict(dict(call.parameters))
    return layer
