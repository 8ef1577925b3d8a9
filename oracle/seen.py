"""What was seen of one tensor in one case, and whether other numbers are the same up to rounding."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Whether what came is `wrong` up to rounding: equal where whole numbers are exact. The bound belongs to what is
    right; a wrong value of another size rounds in proportion to its size."""
    actual, expected, bound = seen.actual, seen.expected, seen.bound
    if actual.shape != wrong.shape:
        return False
    same = (actual == wrong) | (np.isnan(actual) & np.isnan(wrong))
    if same.all():
        return True
    with np.errstate(all="ignore"):
        fits = np.array_equal(actual.astype(np.float32), actual, equal_nan=True)
        u = U[seen.case.dtype if seen.call.half else "float32" if fits else "float64"]
        most, right, error = _largest(wrong), _largest(expected), _largest(bound)
        if error == 0 and most < 1 / u and np.array_equal(wrong, np.rint(wrong), equal_nan=True):
            return False
        scale = max(1.0, most / right) if error < right * FAR_BELOW else 1.0
        allowed = error * scale + gamma(STEPS, u) * most
        return bool((same | (np.abs(actual - wrong) <= allowed)).all())


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0, where=np.isfinite(array)))


def wrong_elements(seen: Seen) -> np.ndarray:
    """Where the tensor is outside of its bound."""
    with np.errstate(all="ignore"):
        near = (seen.actual == seen.expected) | (np.abs(seen.actual - seen.expected) <= seen.bound)
    return ~(near | (np.isnan(seen.actual) & np.isnan(seen.expected)))
