"""The one judgement: a subject's cases, run and compared, and the report that follows from them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from oracle.cases import Case, CaseError
from oracle.comparison import TensorResult, compare
from oracle.half import NotInHalf
from oracle.reference import Expected, ReferenceError, reference
from oracle.subjects import MOST_ENDLESS, Answer, Call, Failure, Subject

NO_REFERENCE = "torch-has-none"  # a case in which torch itself has no answer in float16 or bfloat16


@dataclass(frozen=True)
class CaseResult:
    """One case of one subject: a TensorResult for each tensor, and what was noticed beside."""

    case: Case
    tensors: dict[str, TensorResult]
    failures: dict[str, Failure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # ids
    flat: tuple[str, ...] = ()  # tensors whose right values are all the same: they show little
    converted: tuple[str, ...] = ()  # "out is a list, taken as an array"
    call: Call | None = None
    answer: Answer | None = None
    expected: Expected | None = None

    @property
    def failed(self) -> bool:
        return any(result.failed for result in self.tensors.values())

    @property
    def endless(self) -> bool:
        """Whether it had to be stopped."""
        return any(failure.endless for failure in self.failures.values())

    @property
    def unjudged(self) -> bool:
        return any(result.status == "unjudged" for result in self.tensors.values())


def judge_case(subject: Subject, case: Case) -> CaseResult:
    """Run `case` on the subject, twice, then on the reference, and compare every tensor.

    The subject comes first, so that no memory of the reference's answer can reach it. Never raises: what is our fault
    or the machine's makes the case unjudged.
    """
    try:
        return _judged(subject, case)
    except NotInHalf as error:
        return replace(unjudged(case, str(error)), notes=(NO_REFERENCE,))
    except (CaseError, ReferenceError, MemoryError) as error:
        return unjudged(case, str(error) or "needs more memory than there is")
    except Exception as error:  # a subject never raises for a fault of the code under test
        return unjudged(case, ours(error))


def _judged(subject: Subject, case: Case) -> CaseResult:
    call = _what_there_is(subject, case.call())
    answer = subject.run(call)
    stopped = any(failure.stopped for failure in answer.failures.values())
    again = answer if stopped else subject.run(call)
    expected = reference(case, call)
    tensors = {
        name: _tensor(name, answer, again, expected.tensors[name], expected.bounds[name])
        for name in expected.tensors
        if not subject.lacks(call, name)
    }
    notes = []
    for name in answer.modified:
        if name in call.upstream:
            notes.append("modifies-input")  # a gradient that was handed on; nobody reads it again
        else:
            said = "the caller's array was changed"
            tensors[name] = TensorResult("ran", "wrong", None, said, mistake="modifies-input")
    flat = tuple(name for name, array in expected.tensors.items() if array.size > 1 and (array == array.flat[0]).all())
    return CaseResult(case, tensors, answer.failures, tuple(notes), flat, answer.notes, call, answer, expected)


def _what_there_is(subject: Subject, call: Call) -> Call:
    """The call with zeros for both where the subject does not have an input or an output: a last state that it does not
    return has no gradient, a first one that it does not take is 0."""
    inputs = {name: np.zeros_like(array) if subject.lacks(call, name) else array for name, array in call.inputs.items()}
    upstream = {
        name: np.zeros_like(array) if subject.lacks(call, name[1:]) else array for name, array in call.upstream.items()
    }
    return replace(call, inputs=inputs, upstream=upstream)


def unjudged(case: Case, reason: str) -> CaseResult:
    return CaseResult(case, {"out": TensorResult("unjudged", reason=reason)})


def ours(error: Exception) -> str:
    """ "an error of the oracle itself: KeyError: 'weight' (reference.py, line 64)" """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"an error of the oracle itself: {type(error).__name__}: {error} ({place})"


def _tensor(name: str, answer: Answer, again: Answer, expected: np.ndarray, bound: np.ndarray) -> TensorResult:
    if name not in answer.tensors:
        phase = "forward" if "forward" in answer.failures else "backward"
        failure = answer.failures.get(phase)
        if failure is None:
            return TensorResult("missing", reason="not returned")
        if failure.kind == "unjudged":
            return TensorResult("unjudged", reason=failure.message)
        return TensorResult("error", reason=str(failure))
    result = compare(answer.tensors[name], expected, bound)
    if not result.failed and not _same(answer.tensors[name], again.tensors.get(name)):
        doubled = _same(2 * answer.tensors[name], again.tensors.get(name))
        return TensorResult("ran", "wrong", None, "a second run on a fresh object gave another answer",
                            mistake="accumulates-over-calls" if doubled else "state-carries-over")  # fmt: skip
    return result


def _same(first: Any, second: Any) -> bool:
    return isinstance(second, np.ndarray) and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


@dataclass
class Judgement:
    """Everything that was seen of one subject."""

    subject: Subject
    results: list[CaseResult]
    skipped: int  # settings that the subject does not take
    seconds: float

    @property
    def failed(self) -> list[CaseResult]:
        return [result for result in self.results if result.failed]

    @property
    def endless(self) -> bool:
        """Whether a case of it had to be stopped: it is not run in more cases to explain that."""
        return any(result.endless for result in self.results)

    @property
    def tensors(self) -> dict[str, list[TensorResult]]:
        """The results by tensor, in the order of the reference's tensors."""
        named: dict[str, list[TensorResult]] = {}
        for result in self.results:
            for name, tensor in result.tensors.items():
                named.setdefault(name, []).append(tensor)
        return named

    @property
    def verdict(self) -> str:
        """right, wrong, error, partial or unjudged: see the table of verdicts in the README."""
        judged_ones = [result for result in self.results if NO_REFERENCE not in result.notes] or self.results
        everything = [tensor for result in judged_ones for tensor in result.tensors.values()]
        judged = [tensor for tensor in everything if tensor.status != "unjudged"]
        if not judged:
            return "unjudged"
        if any(tensor.accuracy == "wrong" for tensor in judged):
            return "wrong"
        errors = [result for result in self.results if any(t.status == "error" for t in result.tensors.values())]
        if errors:
            return "error" if len(errors) == len([r for r in self.results if not r.unjudged]) else "wrong"
        if any(tensor.status == "missing" for tensor in judged):
            return "partial"
        return "right" if len(judged) == len(everything) else "unjudged"


def judge(subject: Subject, cases: Iterable[Case], skipped: int = 0, budget: float = np.inf) -> Judgement:
    """All `cases`, until `budget` seconds are over or two of them had to be stopped; what was not run then counts as
    unjudged."""
    start = time.monotonic()
    results: list[CaseResult] = []
    stopped = 0
    for case in cases:
        if stopped >= MOST_ENDLESS:
            results.append(unjudged(case, f"not run: {MOST_ENDLESS} cases before it had to be stopped"))
            continue
        if time.monotonic() - start > budget:
            results.append(unjudged(case, f"the budget of {budget:g} s ended before it"))
            continue
        result = judge_case(subject, case)
        stopped += result.endless
        results.append(result if result.failed else _light(result))
    return Judgement(subject, results, skipped, time.monotonic() - start)


def _light(result: CaseResult) -> CaseResult:
    """Without its arrays: what passed is not looked at again."""
    return CaseResult(result.case, result.tensors, result.failures, result.notes, result.flat, result.converted)
