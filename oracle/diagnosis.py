"""Which mistake is it? A named mistake explains a tensor when its wrong variant gives the subject's own numbers.

The rules, each of which an experiment asked for:
- no case whose VALUES contradict, the passing ones included; a variant that raises says nothing about a case;
- at least a third of the subject's wrong values are hit; of several mistakes the one with the most hits is named;
- where two mistakes explain the same failures, a case is drawn that tells them apart;
- one mistake first, then two that take turns, then any number at once of which one is seen alone somewhere, then two
  that never are: the edits of both, in both orders;
- a subject that only raises gets no mistake's name, and what nothing explains is said to be unexplained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from oracle.cases import Case
from oracle.judge import CaseResult, Judgement
from oracle.mistakes import by_layer
from oracle.mistakes.kernel import Edits, Family, Mistake, NotThere
from oracle.reduce import size
from oracle.reference import Expected, reference
from oracle.seen import Seen, explains, seen_in

ENOUGH = 1 / 3  # of the wrong values must be hit
PASSING = 8  # passing cases that a mistake must leave right
FAILING = 24  # failing cases that are looked at


@dataclass(frozen=True)
class Variant:
    """One way in which one mistake is made; two mistakes in one tensor have both."""

    mistakes: tuple[Mistake, ...]
    edits: Edits


@dataclass(frozen=True)
class Diagnosis:
    """What explains one tensor's failures: `explains` of `of` wrong values."""

    tensor: str
    mistakes: tuple[Mistake, ...]
    variants: tuple[Variant, ...]
    explains: int
    of: int


class Evidence:
    """The wrong and the right values of one tensor, and which variants give them."""

    def __init__(self, family: Family, tensor: str, failing: list[Seen], passing: Iterator[Seen]):
        self.family, self.tensor, self.failing = family, tensor, failing
        self._passing = passing
        self._right: list[Seen] = []

    def agrees(self, variant: Variant, seen: Seen) -> bool | None:
        """Whether the variant gives the subject's numbers; None where it raises."""
        try:
            wrong = self.family.compute(self.tensor, variant.edits, seen.call)
        except NotThere:
            return False
        return None if wrong is None else explains(seen, wrong)

    def hits(self, variant: Variant) -> int | None:
        """How many wrong values it gives; None where a case contradicts it."""
        count = 0
        for seen in self.failing:
            agrees = self.agrees(variant, seen)
            if agrees is False:
                return None
            count += bool(agrees)
        return count

    def contradicted_by_passing(self, variant: Variant) -> bool:
        while len(self._right) < PASSING and (seen := next(self._passing, None)) is not None:
            self._right.append(seen)
        return any(self.agrees(variant, seen) is False for seen in self._right)

    @property
    def least(self) -> int:
        return max(1, math.ceil(len(self.failing) * ENOUGH))


def variants(mistakes: Iterable[Mistake], tensor: str) -> list[Variant]:
    return [Variant((mistake,), edits) for mistake in mistakes for edits in mistake.variants.get(tensor, ())]


def diagnose(judgement: Judgement, tensor: str, judge_again: Callable[[Case], CaseResult],
             tell_apart: Sequence[Case] = (), until: float = math.inf) -> Diagnosis | None:  # fmt: skip
    """The mistake, or two, that explain the failures of `tensor`; None where none does.

    `judge_again` runs the subject on another case, taken from `tell_apart`, where two mistakes explain the same. Pairs
    of mistakes are many: they are tried until `until`, a moment of time.process_time.
    """
    family = by_layer().get(judgement.subject.spec)
    if family is None or tensor not in family.kernels:
        return None
    failing = sorted(_failing(judgement, tensor), key=lambda seen: (bool(seen.bound.any()), size(seen.case)))[:FAILING]
    if not failing:
        return None
    evidence = Evidence(family, tensor, failing, _passing(judgement, tensor, judge_again))
    singles = variants(family.mistakes, tensor)
    found = _single(evidence, singles, judge_again, tell_apart)
    if found is None:
        alone = _seen_alone(evidence, singles, until)
        found = (
            _taking_turns(evidence, alone)
            or _at_once(evidence, alone, singles, until)
            or _composed(evidence, singles, until)
        )
    return found


def _single(evidence: Evidence, singles: list[Variant], judge_again: Callable[[Case], CaseResult],
            tell_apart: Sequence[Case]) -> Diagnosis | None:  # fmt: skip
    found: list[tuple[int, Variant]] = []
    for variant in singles:
        count = evidence.hits(variant)
        if count is not None and count >= evidence.least and not evidence.contradicted_by_passing(variant):
            found.append((count, variant))
    if not found:
        return None
    most = max(count for count, _ in found)
    best = [variant for count, variant in found if count == most]
    for case in tell_apart:
        if len({variant.mistakes for variant in best}) == 1:
            break
        best = _told_apart(evidence, best, case, judge_again)
    return Diagnosis(evidence.tensor, best[0].mistakes, (best[0],), most, len(evidence.failing))


def _told_apart(
    evidence: Evidence, best: list[Variant], case: Case, judge_again: Callable[[Case], CaseResult]
) -> list[Variant]:
    """Those of `best` that also give the subject's numbers on `case`, where they differ on it."""
    call = case.call()
    answers = [evidence.family.compute(evidence.tensor, variant.edits, call) for variant in best]
    first = answers[0]
    if all(_equal(first, other) for other in answers[1:]):
        return best
    seen = seen_in(judge_again(case), evidence.tensor)
    if seen is None:
        return best
    return [variant for variant in best if evidence.agrees(variant, seen) is not False] or best


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


def _seen_alone(evidence: Evidence, singles: list[Variant], until: float) -> dict[Variant, list[bool | None]]:
    """The variants that explain some of the failures, and which; none where there is no time to try them all."""
    alone = {}
    for variant in singles:
        if time.process_time() > until:
            return {}
        agreed = [evidence.agrees(variant, seen) for seen in evidence.failing]
        if any(agreed) and not evidence.contradicted_by_passing(variant):
            alone[variant] = agreed
    return alone


def _taking_turns(evidence: Evidence, alone: dict[Variant, list[bool | None]]) -> Diagnosis | None:
    """Two mistakes of which each explains some of the failures and together they explain all."""
    best: Diagnosis | None = None
    for one, other in combinations(alone, 2):
        if one.mistakes == other.mistakes:
            continue
        pairs = list(zip(alone[one], alone[other]))
        if any(a is False and b is False for a, b in pairs):
            continue
        count = sum(bool(a or b) for a, b in pairs)
        if count >= evidence.least and (best is None or count > best.explains):
            best = Diagnosis(evidence.tensor, one.mistakes + other.mistakes, (one, other), count, len(evidence.failing))
    return best


def _at_once(evidence: Evidence, alone: dict[Variant, list[bool | None]], singles: list[Variant],
             until: float) -> Diagnosis | None:  # fmt: skip
    """Any number of mistakes, made one after the other on the same kernel: the one that explains most alone, and then
    each that explains more with those before it."""
    most, best = 0, Variant((), ())
    first = sorted(alone, key=lambda variant: -sum(map(bool, alone[variant])))
    for variant in (*first, *(singles if first else ())):
        if time.process_time() > until:
            return None
        if set(variant.mistakes) & set(best.mistakes):
            continue
        more = Variant(best.mistakes + variant.mistakes, best.edits + variant.edits)
        count = sum(bool(evidence.agrees(more, seen)) for seen in evidence.failing)
        if count > most:
            most, best = count, more
    if len(best.mistakes) < 2 or most < evidence.least or evidence.hits(best) is None:
        return None
    if evidence.contradicted_by_passing(best):
        return None
    return Diagnosis(evidence.tensor, best.mistakes, (best,), most, len(evidence.failing))


def _composed(evidence: Evidence, singles: list[Variant], until: float) -> Diagnosis | None:
    """Two mistakes at once: the edits of both, made one after the other on the same kernel."""
    for one in singles:
        for other in singles:
            if one.mistakes == other.mistakes:
                continue
            if time.process_time() > until:
                return None
            both = Variant(one.mistakes + other.mistakes, one.edits + other.edits)
            if evidence.agrees(both, evidence.failing[0]) is not True:
                continue
            count = evidence.hits(both)
            if count is not None and count >= evidence.least and not evidence.contradicted_by_passing(both):
                return Diagnosis(evidence.tensor, both.mistakes, (both,), count, len(evidence.failing))
    return None


# ---- evidence


def _failing(judgement: Judgement, tensor: str) -> Iterator[Seen]:
    for result in judgement.failed:
        if tensor in result.tensors and result.tensors[tensor].accuracy == "wrong":
            seen = seen_in(result, tensor)
            if seen is not None:
                yield seen


def _passing(judgement: Judgement, tensor: str, judge_again: Callable[[Case], CaseResult]) -> Iterator[Seen]:
    """Cases in which the tensor is right, each of another setting: there the subject's numbers are the reference's."""
    seen = set()
    for result in judgement.results:
        setting = str((result.case.args, result.case.shapes))
        if (
            tensor in result.tensors
            and result.tensors[tensor].accuracy in ("exact", "rounding")
            and setting not in seen
        ):
            seen.add(setting)
            call = result.call or result.case.call()
            expected: Expected = result.expected or reference(result.case, call)
            value = expected.tensors[tensor]
            yield Seen(result.case, call, value, value, expected.bounds[tensor])
