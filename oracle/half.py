"""float16 and bfloat16, where a worst-case bound says little: a sum of 256 products has gamma = 1 in bfloat16.

The rule of the field stands in its place: the error of a subject, against float64, is at most twice that of torch in
the same dtype, taken over the whole tensor (so the kernels of FlashAttention are tested). torch may have been lucky, so
its error counts as one rounding of the largest element at least: whoever computes in float32 and rounds once at the
end is then always within the rule. Whole numbers stay exact, as long as torch is exact on them too.

A module that rounds after every step is right and yet less accurate than torch, which rounds once. Within the derived
bound that is a lower precision and no mistake (`oracle.accuracy`). What so coarse a bound lets through is caught by
whole numbers: it is asked only where sums are short enough for them to be exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracle.bounds import Arrays, Twin
from oracle.cases import Case
from oracle.formats import FORMATS
from oracle.subjects import Call
from oracle.values import room

TIMES = 2  # torch's own error


class NotInHalf(RuntimeError):
    """torch has no answer of its own in this dtype: the layer is not there, or the values are too large for it."""


def bounds(case: Case, expected: Arrays, answers: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """The bound of every tensor, one number for all of its elements. `answers` are torch's own in the case's dtype, of
    which the best counts.

    Raises NotInHalf where none of them has numbers for all that is a number.
    """
    return {
        name: np.full(right.shape, _allowed(case, name, right, [own[name] for own in answers]))
        for name, right in expected.items()
    }


def _allowed(case: Case, name: str, right: np.ndarray, answers: Sequence[np.ndarray]) -> float:
    if right.size == 0 or right.dtype.kind != "f":
        return 0.0
    finite = np.isfinite(right)
    alike = [own for own in answers if np.array_equal(finite, np.isfinite(own))]
    if not alike:
        raise NotInHalf(f"{name} has numbers that are too large for torch in {case.dtype}")
    error = min(float(np.max(np.abs(own[finite] - right[finite]), initial=0)) for own in alike)
    if case.exact and error == 0:
        return 0.0
    form, largest = FORMATS[case.dtype], float(np.max(np.abs(right), initial=0, where=finite))
    return TIMES * max(error, form.u * largest, form.tiny * form.u)


def derived(case: Case, call: Call, expected: Arrays, twin: Twin, tensor: str) -> np.ndarray | None:
    """The derived bound; None where a sum has so many terms that no whole numbers are exact: there it is infinite."""
    if room(case) < 1:
        return None
    form = FORMATS[case.dtype]
    with np.errstate(all="ignore"):
        bound = case.spec.bound.of_one(case, call, expected, twin, form.u, form.tiny)[tensor]
    return np.where(np.isnan(bound), np.inf, bound)
