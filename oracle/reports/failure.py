"""The story of one failing case: the case, the tensor, its worst element, and the command that replays it."""

from __future__ import annotations

from oracle.comparison import TensorResult
from oracle.formats import HALVES
from oracle.judge import CaseResult


def story(result: CaseResult, replay: str) -> str:
    """What a person needs who sees nothing but this failure; `replay` is the command that shows it again."""
    lines = [f"case: {result.case.id}"]
    for name, tensor in result.tensors.items():
        if tensor.failed or tensor.status in ("missing", "unjudged"):
            lines.append(f"{name}: {tensor.reason or tensor.status}")
            lines += ["  " + line for line in _element(result, name, tensor)]
    lines += [f"note: {note}" for note in (*result.notes, *result.converted)]
    lines.append(f"replay: {replay}")
    return "\n".join(lines)


def _element(result: CaseResult, name: str, tensor: TensorResult) -> list[str]:
    if tensor.element is None or result.answer is None or result.expected is None:
        return []
    index = ",".join(map(str, tensor.element))
    actual, expected = result.answer.tensors[name][tensor.element], result.expected.tensors[name][tensor.element]
    bound = result.expected.bounds[name][tensor.element]
    allowed = "exact" if bound == 0 else f"off by at most {bound:.3g}"
    if bound and result.case.dtype in HALVES:
        allowed += f", twice what torch is off by in {result.case.dtype}"
    times = f"; the difference is {tensor.worst:.3g} times that" if tensor.worst is not None and bound else ""
    return [f"worst element {name}[{index}]: {actual:.17g} given, {expected:.17g} expected, {allowed}{times}"]
