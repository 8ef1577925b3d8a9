"""What there is to say about a layer that fails: the mistake, the condition, the smallest case."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from oracle.accuracy import settle
from oracle.cases import Case
from oracle.comparison import TensorResult, compare
from oracle.conditions import When, facts, find_when
from oracle.derivative import own_derivative
from oracle.diagnosis import Diagnosis, diagnose, seen_in, variants
from oracle.judge import CaseResult, Judgement, judge_case
from oracle.mistakes import by_layer
from oracle.mistakes.any import SECOND_LOOK, Finding, explain_any
from oracle.mistakes.kernel import Mistake
from oracle.mistakes.where import where_wrong
from oracle.reduce import size, smallest
from oracle.reference import reference
from oracle.seen import Seen, matches

PATIENCE = 0.7  # CPU seconds for pairs of mistakes, in all tensors of a layer together; a full machine takes none away
SLOW = 0.1  # seconds a case: nobody wants to wait for many more of them


@dataclass(frozen=True)
class Findings:
    """when        the condition under which it fails
    smallest    the smallest case in which the same tensor fails for the same reason
    diagnoses   what explains a wrong tensor, by tensor
    excused     conventions of the subject's course that explain a difference from torch, by tensor
    derivative  by gradient, whether it is the derivative of the subject's own forward, where that is wrong
    places      where the wrong elements lie, by tensor that nothing explains
    """

    when: When | None = None
    smallest: CaseResult | None = None
    diagnoses: dict[str, Diagnosis] = field(default_factory=dict)
    excused: dict[str, Mistake] = field(default_factory=dict)
    derivative: dict[str, bool] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def investigate(judgement: Judgement, fresh: Sequence[Case]) -> tuple[Judgement, Findings]:
    """(the judgement without what a convention excuses, the findings). `fresh` are cases that have not been run: a
    condition is tried on them before it is printed, and mistakes that explain the same are told apart by them."""
    subject = judgement.subject
    slow = judgement.endless or judgement.seconds / max(len(judgement.results), 1) > SLOW
    known = {result.case.id: result for result in judgement.failed}  # run again, memory of the answer could be met

    def judged(case: Case) -> CaseResult:
        if case.id not in known:
            known[case.id] = judge_case(subject, case)
        return known[case.id]

    diagnoses, excused = {}, {}
    until = time.process_time() + PATIENCE

    def explained(tensor: str) -> Diagnosis | None:
        return (
            _second_look(judgement, tensor)
            or diagnose(judgement, tensor, judged, () if slow else fresh, until)
            or _of_any_layer(judgement, tensor)
        )

    def excusable(found: Diagnosis | None) -> bool:
        return found is not None and all(mistake.id in subject.conventions for mistake in found.mistakes)

    for tensor in _wrong_tensors(judgement):
        found = explained(tensor)
        if found is not None and excusable(found):
            judgement = settle(_excuse(judgement, found))  # ... which may have hidden a lower precision
            excused[tensor] = found.mistakes[0]
            found = explained(tensor) if tensor in _wrong_tensors(judgement) else None  # what is left: another mistake
        elif found is None and (both := _convention_and_precision(judgement, tensor)) is not None:
            judgement, excused[tensor] = both
        if found is not None and not excusable(found):
            diagnoses[tensor] = found
    if not judgement.failed:
        return judgement, Findings(excused=excused)
    derivative = own_derivative(subject, fresh) if not slow and _has_wrong_values(judgement, "out") else {}
    if "out" in diagnoses:  # a gradient that is right for this forward has no mistake of its own
        diagnoses = {name: found for name, found in diagnoses.items() if not derivative.get(name)}
    when = _when(judgement, diagnoses, judged, () if slow else fresh)
    smallest = _smallest(judgement, diagnoses, judged, slow)
    return judgement, Findings(when, smallest, diagnoses, excused, derivative, _places(judgement, diagnoses))


def _wrong_tensors(judgement: Judgement) -> list[str]:
    return [name for name, results in judgement.tensors.items() if any(result.failed for result in results)]


def _has_wrong_values(judgement: Judgement, tensor: str) -> bool:
    """One that only raises, where it is refused, is not wrong where it answers."""
    return any(result.failed and result.status == "ran" for result in judgement.tensors.get(tensor, ()))


def _second_look(judgement: Judgement, tensor: str) -> Diagnosis | None:
    """What the judge saw beside the numbers, which may be right: a changed argument, a second run that differs."""
    failed = [result.tensors[tensor] for result in judgement.failed if tensor in result.tensors]
    named = {result.mistake for result in failed if result.failed}
    return _found(tensor, SECOND_LOOK.get(named.pop() or "") if len(named) == 1 else None, len(failed))


def _of_any_layer(judgement: Judgement, tensor: str) -> Diagnosis | None:
    """A mistake that is seen from the numbers alone, whatever the layer: the right answer doubled, turned, ..."""
    seen = _values(judgement, tensor)
    return _found(tensor, explain_any(seen, tensor) if seen else None, len(seen))


def _found(tensor: str, finding: Finding | None, cases: int) -> Diagnosis | None:
    if finding is None:
        return None
    return Diagnosis(tensor, (Mistake(finding.id, {}, "", finding.hint, finding.fix),), (), cases, cases)


def _places(judgement: Judgement, diagnoses: dict[str, Diagnosis]) -> dict[str, str]:
    """Where the wrong elements lie, of the tensors that nothing explains."""
    found = {}
    for tensor in _wrong_tensors(judgement):
        seen = _values(judgement, tensor) if tensor not in diagnoses else []
        if seen and (place := where_wrong(seen, tensor)) is not None:
            found[tensor] = place
    return found


def _values(judgement: Judgement, tensor: str) -> list[Seen]:
    failed = [result for result in judgement.failed if result.tensors.get(tensor) and result.tensors[tensor].failed]
    return [seen for result in failed if (seen := seen_in(result, tensor)) is not None]


def _excuse(judgement: Judgement, found: Diagnosis) -> Judgement:
    """The failures of the tensor that are exactly the convention's are none."""
    family = by_layer()[judgement.subject.spec]
    results = []
    for result in judgement.results:
        seen = seen_in(result, found.tensor) if result.failed else None
        if seen is not None:
            for variant in found.variants:
                value = family.compute(found.tensor, variant.edits, seen.call)
                if value is not None and matches(seen, value):
                    tensors = result.tensors | {found.tensor: TensorResult("ran", "rounding", 0.0)}
                    result = replace(result, tensors=tensors)
                    break
        results.append(result)
    return replace(judgement, results=results)


def _convention_and_precision(judgement: Judgement, tensor: str) -> tuple[Judgement, Mistake] | None:
    """(the judgement, the convention) where a convention explains some failures and a lower precision all others: no
    mistake fits both kinds."""
    family = by_layer().get(judgement.subject.spec)
    for variant in variants(family.mistakes if family else (), tensor):
        if variant.mistakes[0].id in judgement.subject.conventions:
            rest = settle(_excuse(judgement, Diagnosis(tensor, variant.mistakes, (variant,), 0, 0)))
            if tensor not in _wrong_tensors(rest):
                return rest, variant.mistakes[0]
    return None


def _when(judgement: Judgement, diagnoses: dict[str, Diagnosis], judged, fresh: Sequence[Case]) -> When | None:
    """The mistake's own condition, or those of all mistakes joined by "or", where it is met by exactly the failing
    cases; else the simplest that is found."""
    failing = [result.case for result in judgement.failed]
    wrong = set(_wrong_tensors(judgement))

    def fails(result: CaseResult) -> bool | None:
        """None where none of the wrong tensors was judged: a layer without bias says nothing of its gradient."""
        return result.failed or (False if not result.unjudged and wrong & result.tensors.keys() else None)

    passing = [result.case for result in judgement.results if fails(result) is False]
    mistakes = list(dict.fromkeys(mistake for found in diagnoses.values() for mistake in found.mistakes))

    def shows(case: Case) -> bool:
        table = facts(case)
        return any(mistake.shows(table) for mistake in mistakes)

    visible = (case for case in passing if shows(case) and _is_seen(diagnoses.values(), case))
    if mistakes and all(mistake.when for mistake in mistakes) and all(map(shows, failing)) and not any(visible):
        whens = list(dict.fromkeys(mistake.when for mistake in mistakes))
        said = "always" if "always" in whens else " or ".join(whens)
        return When(said, None, shows, (len(failing), len(failing)))
    return find_when(failing, passing, lambda case: fails(judged(case)), fresh)


def _is_seen(diagnoses: Iterable[Diagnosis], case: Case) -> bool:
    """Whether what was diagnosed gives other numbers than torch in `case`: sums may be zero by chance."""
    family, call = by_layer()[case.spec.name], case.call()
    expected = reference(case, call)
    for found in diagnoses:
        for variant in found.variants if found.tensor in expected.tensors else ():
            value = family.compute(found.tensor, variant.edits, call)
            right, bound = expected.tensors[found.tensor], expected.bounds[found.tensor]
            if value is not None and compare(value, right, bound).failed:
                return True
    return False


def _smallest(judgement: Judgement, diagnoses: dict[str, Diagnosis], judged, slow: bool) -> CaseResult:
    """The smallest case in which the same tensor fails in the same way: with the same mistake, where one is known."""
    family = by_layer().get(judgement.subject.spec)
    first = min(judgement.failed, key=lambda result: (_is_error(result), size(result.case)))
    if slow or any(failure.stopped for failure in first.failures.values()):
        return first
    wrong = [name for name, tensor in first.tensors.items() if tensor.failed]
    name = next((name for name in wrong if name in diagnoses), wrong[0])
    status, found = first.tensors[name].status, diagnoses.get(name)

    def fails(case: Case) -> bool:
        if not judgement.subject.takes(case.settings, case.training, case.shapes):
            return False
        result = judged(case)
        if name not in result.tensors or not result.tensors[name].failed or result.tensors[name].status != status:
            return False
        seen = seen_in(result, name)
        if found is None or not found.variants or family is None or seen is None:
            return True
        values = (family.compute(name, variant.edits, seen.call) for variant in found.variants)
        return any(value is not None and matches(seen, value) for value in values)

    return judged(smallest(first.case, fails))


def _is_error(result: CaseResult) -> bool:
    return all(tensor.status == "error" for tensor in result.tensors.values() if tensor.failed)
