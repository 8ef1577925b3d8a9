"""The story of one failing case: the case, the tensor, its worst element, and the command that replays it."""

from __future__ import annotations

import numpy as np

from oracle.comparison import TensorResult
from oracle.judge import CaseResult


def story(result: CaseResult, target: str) -> str:
    """What a person needs who sees nothing but this failure."""
    lines = [f"case: {result.case.id}"]
    for name, tensor in result.tensors.items():
        if tensor.failed or tensor.status in ("missing", "unjudged"):
            lines.append(f"{name}: {tensor.reason or tensor.status}")
            lines += ["  " + line for line in _element(result, name, tensor)]
    lines += [f"note: {note}" for note in result.notes]
    lines.append(f'replay: oracle check {target} --case "{result.case.id}"')
    return "\n".join(lines)


def _element(result: CaseResult, name: str, tensor: TensorResult) -> list[str]:
    if tensor.element is None or result.answer is None or result.expected is None:
        return []
    index = ",".join(map(str, tensor.element))
    actual, expected = result.answer.tensors[name], result.expected.tensors[name]
    bound = result.expected.bounds[name]
    lines = [
        f"worst element {name}[{index}]: {actual[tensor.element]!r} given, {expected[tensor.element]!r} expected "
        f"(allowed difference {bound[tensor.element]:.3g}"
        + (f", this is {tensor.worst:.3g} times that)" if tensor.worst is not None else ": integers are exact)")
    ]
    if tensor.wrong is not None and tensor.wrong.size > 1:
        lines.append(f"{int(np.sum(tensor.wrong))} of {tensor.wrong.size} elements are wrong")
    return lines
