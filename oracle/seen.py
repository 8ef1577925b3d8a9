"""What was seen of one tensor in one case, and whether other numbers are the same up to rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oracle.bounds import U, gamma
from oracle.cases import Case
from oracle.judge import CaseResult
from oracle.subjects import Call

STEPS = 16  # operations that a mistake may add to the right computation, each with its rounding
FAR_BELOW = 2.0**-10  # of the values, and a bound says how it grows with them


@dataclass(frozen=True)
class Seen:
    """One case of one tensor: what came, and what was right."""

    case: Case
    call: Call
    actual: np.ndarray
    expected: np.ndarray
    bound: np.ndarray


def seen_in(result: CaseResult, tensor: str) -> Seen | None:
    if result.answer is None or result.expected is None or result.call is None:
        return None
    actual = result.answer.tensors.get(tensor)
    if not isinstance(actual, np.ndarray) or actual.dtype.kind not in "fiu" or tensor not in result.expected.tensors:
        return None
    return Seen(result.case, result.call, actual.astype(np.float64), result.expected.tensors[tensor],
                result.expected.bounds[tensor])  # fmt: skip


def matches(seen: Seen, wrong: np.ndarray) -> bool:
    """Whether `wrong` explains what came."""
    return explains(seen, wrong) is True


def explains(seen: Seen, wrong: np.ndarray) -> bool | None:
    """Whether what came is `wrong` up to rounding: equal where whole numbers are exact. The bound belongs to what is
    right; a wrong value of another size rounds in proportion to its size. None where that says nothing: what came is
    just outside of its bound, and `wrong` is right there."""
    actual, expected, bound = seen.actual, seen.expected, seen.bound
    if actual.shape != wrong.shape:
        return False
    same = (actual == wrong) | (np.isnan(actual) & np.isnan(wrong))
    if same.all():
        return True
    with np.errstate(all="ignore"):
        u = unit_roundoff(seen)
        most, right, error = _largest(wrong), _largest(expected), _largest(bound)
        if error == 0 and most < 1 / u and np.array_equal(wrong, np.rint(wrong), equal_nan=True):
            return False
        scale = max(1.0, most / right) if error < right * FAR_BELOW else 1.0
        allowed = error * scale + forgiven(seen) * most
        near = bool((same | (np.abs(actual - wrong) <= allowed)).all())
    if near and _is_right(replace(seen, actual=wrong)) and not _is_right(seen):
        return True if 2 * _largest(actual - wrong) < _largest(actual - expected) else None
    return near


def forgiven(seen: Seen) -> float:
    """The relative error that the steps of a mistake may add."""
    return gamma(STEPS, unit_roundoff(seen))


def unit_roundoff(seen: Seen) -> float:
    """Of what the subject computed in, as its numbers show it."""
    with np.errstate(all="ignore"):
        fits = np.array_equal(seen.actual.astype(np.float32), seen.actual, equal_nan=True)
    return U[seen.call.half or ("float32" if fits else "float64")]


def _is_right(seen: Seen) -> bool:
    return seen.actual.shape == seen.expected.shape and not wrong_elements(seen).any()


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0, where=np.isfinite(array)))


def wrong_elements(seen: Seen) -> np.ndarray:
    """Where the tensor is outside of its bound."""
    with np.errstate(all="ignore"):
        near = (seen.actual == seen.expected) | (np.abs(seen.actual - seen.expected) <= seen.bound)
    return ~(near | (np.isnan(seen.actual) & np.isnan(seen.expected)))
