"""How far rounding alone may take a right answer from the reference, element by element. No tolerance is chosen here.

The standard model of floating point: every operation returns the exact result times (1 + d), |d| <= u, with the unit
roundoff u = 2**-24 in float32 and 2**-53 in float64. A sum of m products, in whatever order, then lies within

    gamma_m * sum of |x_i * w_i|,   gamma_m = m*u / (1 - m*u)

of the exact one (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3). The reference in float64
has rounded as well: both bounds are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Arrays = Mapping[str, np.ndarray]
Lengths = Callable[["Case"], Mapping[str, int]]
Twin = Callable[["Call"], dict[str, np.ndarray]]  # runs the torch twin forward and backward in float64

U = {"float32": 2.0**-24, "float64": 2.0**-53}
U_REFERENCE = U["float64"]
TINY = {name: float(np.finfo(name).tiny) for name in U}  # the smallest normal number: below it rounding is absolute


def gamma(m: int, u: float) -> float:
    """gamma_m = m*u / (1 - m*u)"""
    return m * u / (1 - m * u)


class Bound(Protocol):
    """The bound of every tensor of a layer."""

    def terms(self, case: Case) -> int:
        """The longest sum in the layer: it says how large exact integers may be."""
        ...

    def __call__(self, case: Case, call: Call, expected: Arrays, twin: Twin) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class SumsOfProducts:
    """A layer that is linear in each of its operands (linear, convolution, pooling).

    `lengths` gives m for each tensor; the sums of absolute products come from the twin itself, run on absolute
    operands. Operands named in `keep` stay as they are: max pooling selects by x, and |x| would select others.
    """

    lengths: Lengths
    keep: tuple[str, ...] = ()

    def terms(self, case: Case) -> int:
        return max(self.lengths(case).values())

    def __call__(self, case: Case, call: Call, expected: Arrays, twin: Twin) -> dict[str, np.ndarray]:
        absolute = twin(_absolute(call, self.keep))
        u = U[case.dtype]
        lengths = self.lengths(case)
        return {
            name: (gamma(lengths[name], u) + gamma(lengths[name], U_REFERENCE)) * np.abs(absolute[name])
            for name in expected
        }


@dataclass(frozen=True)
class Selection:
    """A layer that only moves values (flatten, padding, indexing): nothing rounds, every answer is exact."""

    def terms(self, case: Case) -> int:
        return 1

    def __call__(self, case: Case, call: Call, expected: Arrays, twin: Twin) -> dict[str, np.ndarray]:
        return {name: np.zeros(array.shape) for name, array in expected.items()}


@dataclass(frozen=True)
class Formula:
    """A nonlinear layer: `formula(case, call, expected, u)` gives the bound of one implementation with unit roundoff u
    (the derivation stands in its docstring); the subject's and the reference's are added."""

    formula: Callable[[Case, Call, Arrays, float, float], dict[str, np.ndarray]]
    length: Callable[[Case], int] = field(default=lambda case: 1)

    def terms(self, case: Case) -> int:
        return self.length(case)

    def __call__(self, case: Case, call: Call, expected: Arrays, twin: Twin) -> dict[str, np.ndarray]:
        with np.errstate(all="ignore"):  # an empty mean is NaN on purpose, and so is its bound
            subject = self.formula(case, call, expected, U[case.dtype], TINY[case.dtype])
            reference = self.formula(case, call, expected, U_REFERENCE, TINY["float64"])
        return {name: subject[name] + reference[name] for name in expected}


def _absolute(call: Call, keep: tuple[str, ...]) -> Call:
    def absolute(arrays: Arrays) -> dict[str, np.ndarray]:
        return {name: array if name in keep or array.dtype.kind != "f" else np.abs(array) for name, array in arrays.items()}

    return replace(
        call,
        inputs=absolute(call.inputs),
        parameters=absolute(call.parameters),
        buffers=absolute(call.buffers),
        upstream=absolute(call.upstream),
    )
