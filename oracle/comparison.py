"""Comparison: one tensor of a subject against the reference. Structure first, then values in units of the bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Status = Literal["ran", "missing", "error", "unjudged"]
Accuracy = Literal["exact", "rounding", "lower-precision", "different-algorithm", "wrong"]
ORDER: tuple[Accuracy, ...] = ("exact", "rounding", "lower-precision", "different-algorithm", "wrong")


@dataclass(frozen=True)
class TensorResult:
    """What is known of one tensor in one case.

    worst    the largest error in units of the bound; None where it has no finite value, `reason` then says why
    element  the index of the worst element
    wrong    where it is outside of its bound: a boolean array in the reference's shape, None where shapes differ
    mistake  the id of the mistake, where how it was found says which (a second run that differs)
    """

    status: Status
    accuracy: Accuracy | None = None
    worst: float | None = None
    reason: str | None = None
    element: tuple[int, ...] | None = None
    wrong: np.ndarray | None = None
    mistake: str | None = None

    @property
    def failed(self) -> bool:
        return self.status in ("error",) or self.accuracy == "wrong"


def compare(actual: Any, expected: np.ndarray, bound: np.ndarray) -> TensorResult:
    """`actual` against `expected`: |actual - expected| <= bound for every element, equal where the bound is 0, NaN and
    infinities exactly where the reference has them."""
    problem = _structure(actual, expected)
    if problem is not None:
        return TensorResult("ran", "wrong", None, problem)
    if expected.size == 0:
        return TensorResult("ran", "exact", 0.0)
    actual = actual.astype(np.float64)
    with np.errstate(all="ignore"):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        error = np.abs(actual - expected)
        ratio = np.where(same, 0.0, error / bound)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    wrong = ratio > 1
    element = tuple(int(i) for i in np.unravel_index(np.argmax(ratio), ratio.shape))
    worst = float(ratio[element])
    if not wrong.any():
        return TensorResult("ran", "exact" if worst == 0 else "rounding", worst, None, element)
    return TensorResult("ran", "wrong", worst if np.isfinite(worst) else None, _values(actual, expected, wrong),
                        element, wrong)  # fmt: skip


def _structure(actual: Any, expected: np.ndarray) -> str | None:
    if not isinstance(actual, np.ndarray):
        return f"a {type(actual).__name__}, no array"
    if actual.dtype.kind not in "fiu":
        return f"dtype {actual.dtype}, numbers expected"
    if actual.shape != expected.shape:
        return f"wrong shape: {_shape(actual.shape)}, {_shape(expected.shape)} expected"
    return None


def _values(actual: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    share = f"{int(wrong.sum())} of {wrong.size} elements differ"
    if np.isnan(actual[wrong]).any():
        return f"NaN, where the reference has none; {share}"
    if np.isinf(actual[wrong]).any():
        return f"inf, where the reference has none; {share}"
    return share


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def worst_accuracy(results: list[TensorResult]) -> Accuracy | None:
    """The least of the accuracies that were reached."""
    reached = [result.accuracy for result in results if result.accuracy is not None]
    return max(reached, key=ORDER.index) if reached else None
