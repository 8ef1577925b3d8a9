"""Outside of its bound, and yet not wrong: four explanations that are tried before anything is called a mistake.

more accurate than torch   on a nonlinear function the exact result decides (oracle.exact)
lower-precision            the subject computes in float32 (or half) inside of float64; claimed on evidence only: its
                           dtype, values that all fit into the lower precision, or a failure on `wide` integers
less accurate than torch   in float16 and bfloat16 (oracle.half): within the derived bound all the same
different-algorithm        a convolution by FFT or Winograd: accurate in the norm of the tensor, not in each element
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from oracle.bounds import Formula, SumsOfProducts
from oracle.comparison import TensorResult, compare
from oracle.exact import exact
from oracle.formats import FORMATS, Format
from oracle.half import derived
from oracle.judge import CaseResult, Judgement
from oracle.reduce import size
from oracle.reference import in_float64, run_twin

LOWER = tuple(FORMATS[name] for name in ("float32", "float16", "bfloat16"))


def settle(judgement: Judgement) -> Judgement:
    """The judgement in which failures that one of the four explains are none; each tensor is explained as a whole."""
    for tensor in [name for name, results in judgement.tensors.items() if any(r.accuracy == "wrong" for r in results)]:
        for explanation in (_less_accurate, _lower_precision, _different_algorithm, _more_accurate):
            judgement = explanation(judgement, tensor)
    return judgement


def _failing(judgement: Judgement, tensor: str) -> list[CaseResult]:
    return [result for result in judgement.failed if result.tensors.get(tensor, _NONE).accuracy == "wrong"]


_NONE = TensorResult("missing")


def _values(result: CaseResult, tensor: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(what came, what torch has), where both are finite numbers of one shape."""
    if result.answer is None or result.expected is None or result.tensors[tensor].wrong is None:
        return None
    actual, expected = result.answer.tensors[tensor], result.expected.tensors[tensor]
    finite = np.isfinite(actual).all() and np.isfinite(expected).all()
    return (actual, expected) if finite else None


def _with(judgement: Judgement, changes: dict[int, CaseResult]) -> Judgement:
    return replace(judgement, results=[changes.get(id(result), result) for result in judgement.results])


def _set(result: CaseResult, tensor: str, outcome: TensorResult, note: str) -> CaseResult:
    return replace(result, tensors=result.tensors | {tensor: outcome}, notes=(*result.notes, note))


# ---- more accurate than torch


def _more_accurate(judgement: Judgement, tensor: str) -> Judgement:
    """In every failing case of a nonlinear layer the exact result is within the bound of the subject's. The first case
    that it does not explain ends it, because exact numbers are slow."""
    changes = {}
    for result in sorted(_failing(judgement, tensor), key=lambda result: size(result.case)):
        if not isinstance(result.case.spec.bound, Formula) or _values(result, tensor) is None:
            return judgement
        assert result.call is not None and result.expected is not None and result.answer is not None
        truth = exact(result.call)
        if truth is None or tensor not in truth or truth[tensor].shape != result.expected.tensors[tensor].shape:
            return judgement
        outcome = compare(result.answer.tensors[tensor], truth[tensor], result.expected.bounds[tensor])
        if outcome.failed:
            return judgement
        changes[id(result)] = _set(result, tensor, outcome, "more-accurate-than-torch")
    return _with(judgement, changes)


# ---- less accurate than torch


def _less_accurate(judgement: Judgement, tensor: str) -> Judgement:
    changes = {}
    for result in _failing(judgement, tensor):
        values = _values(result, tensor)
        if result.call is None or result.expected is None or not result.call.half or values is None:
            return judgement
        call = in_float64(result.call)
        bound = derived(result.case, call, result.expected.tensors, run_twin, tensor)
        if result.case.exact or bound is None or compare(*values, bound).failed:
            return judgement
        outcome = replace(result.tensors[tensor], accuracy="lower-precision", wrong=None)
        changes[id(result)] = _set(result, tensor, outcome, "less-accurate-than-torch")
    return _with(judgement, changes)


# ---- lower precision


def _lower_precision(judgement: Judgement, tensor: str) -> Judgement:
    failing = sorted(_failing(judgement, tensor), key=lambda result: size(result.case))
    for precision in LOWER:
        changes = {}
        for result in failing if _evident(failing, tensor, precision) else ():
            outcome = _inside(result, tensor, precision)
            if outcome is None:  # bounds are slow, and one case that it does not explain is enough
                break
            changes[id(result)] = _set(result, tensor, outcome, "lower-precision")
        if changes and len(changes) == len(failing):
            return _with(judgement, changes)
    return judgement


def _inside(result: CaseResult, tensor: str, precision: Format) -> TensorResult | None:
    """The result as lower-precision, where it lies within the bound of that precision; None where it does not.

    The inputs were rounded as well: each operand of a product brings u of its own, so the bound is taken for both.
    Whole numbers below 1/u are exact in the lower precision too: who is off there does something else.
    """
    values = _values(result, tensor)
    if values is None or result.call is None or result.call.half or precision.u <= 2.0**-result.case.bits:
        return None
    case, call = result.case, in_float64(result.call)
    assert result.expected is not None
    bounds = case.spec.bound.of_one(case, call, result.expected.tensors, run_twin, precision.u, precision.tiny)
    sizes = _absolute_size(result, tensor)
    wrong = result.tensors[tensor].wrong
    if case.exact and wrong is not None and (wrong & (sizes < 1 / precision.u)).any():
        return None
    rounded_inputs = 2 * precision.u * sizes
    outcome = compare(*values, bounds[tensor] + rounded_inputs + result.expected.bounds[tensor])
    return None if outcome.failed else replace(outcome, accuracy="lower-precision", worst=0.0)


def _absolute_size(result: CaseResult, tensor: str) -> np.ndarray:
    """What the rounding of the inputs is relative to: the sum of absolute products, gamma_1 of which is u times it."""
    assert result.call is not None and result.expected is not None
    bound = result.case.spec.bound
    if isinstance(bound, SumsOfProducts):
        return bound.absolute(in_float64(result.call), run_twin)[tensor]
    return np.abs(result.expected.tensors[tensor])


def _evident(failing: list[CaseResult], tensor: str, precision: Format) -> bool:
    """A lower dtype; or the output, that is known to be of a lower precision in every case in which this one fails; or
    values that all fit into the lower precision where the right ones do not; or, on `wide` integers, most of the
    elements that need more bits are off: one element alone is a mistake, not a precision."""
    if failing and all(result.tensors.get("out", _NONE).accuracy == "lower-precision" for result in failing):
        return True
    off, needing = 0, 0
    for result in failing:
        values = _values(result, tensor)
        if values is None:
            return False
        actual, expected = values
        with np.errstate(all="ignore"):
            if actual.dtype.kind == "f" and np.finfo(actual.dtype).eps / 2 > FORMATS[result.case.dtype].u:
                return True
            needs = precision.nearest(expected) != expected
            if needs.any() and np.array_equal(precision.nearest(actual.astype(np.float64)), actual):
                return True
        if result.case.style == "wide" and result.case.exact:
            off, needing = off + int(np.sum(needs & (actual != expected))), needing + int(needs.sum())
    return off > needing / 2


# ---- a different algorithm


def _different_algorithm(judgement: Judgement, tensor: str) -> Judgement:
    """All failing cases lie within the normwise bound."""
    failing = _failing(judgement, tensor)
    changes = {}
    for result in failing:
        bound, values = result.case.spec.bound, _values(result, tensor)
        if not isinstance(bound, SumsOfProducts) or values is None or result.call is None:
            return judgement
        allowed = bound.normwise(result.case, result.call, tensor)
        if allowed is None or np.max(np.abs(values[0] - values[1])) > allowed:
            return judgement
        outcome = replace(result.tensors[tensor], accuracy="different-algorithm", wrong=None)
        changes[id(result)] = _set(result, tensor, outcome, "different-algorithm")
    return _with(judgement, changes)
