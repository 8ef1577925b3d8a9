"""How far rounding alone may take a right answer from the reference, element by element. No tolerance is chosen here.

The standard model of floating point: every operation returns the exact result times (1 + d), |d| <= u, with the unit
roundoff u = 2**-24 in float32 and 2**-53 in float64. A sum of m products, in whatever order, then lies within

    gamma_m * sum of |x_i * w_i|,   gamma_m = m*u / (1 - m*u)

of the exact one (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3). The reference in float64
has rounded as well: both bounds are added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from oracle.formats import FORMATS

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Arrays = Mapping[str, np.ndarray]
Lengths = Callable[["Case"], Mapping[str, int]]
Twin = Callable[["Call"], dict[str, np.ndarray]]  # runs the torch twin forward and backward in float64

U = {name: form.u for name, form in FORMATS.items()}
U_REFERENCE = U["float64"]
TINY = {name: form.tiny for name, form in FORMATS.items()}


def gamma(m: int, u: float) -> float:
    """gamma_m = m*u / (1 - m*u); infinite where a sum is so long, and u so coarse, that nothing can be said."""
    return m * u / (1 - m * u) if m * u < 1 else math.inf


class Bound(Protocol):
    """The bound of every tensor of a layer."""

    def terms(self, case: Case) -> int:
        """The longest sum in the layer: it says how large exact integers may be."""
        ...

    def of_one(
        self, case: Case, call: Call, expected: Arrays, twin: Twin, u: float, tiny: float
    ) -> dict[str, np.ndarray]:
        """How far ONE implementation that computes with unit roundoff `u` may be from the exact result. `tiny` is its
        smallest normal number."""
        ...


def difference(bound: Bound, case: Case, call: Call, expected: Arrays, twin: Twin) -> dict[str, np.ndarray]:
    """How far the subject may be from the reference: both have rounded, the subject in the case's dtype."""
    subject = bound.of_one(case, call, expected, twin, U[case.dtype], TINY[case.dtype])
    if case.dtype == "float64":
        return {name: 2 * array for name, array in subject.items()}
    own = bound.of_one(case, call, expected, twin, U_REFERENCE, TINY["float64"])
    return {name: subject[name] + own[name] for name in subject}


@dataclass(frozen=True)
class SumsOfProducts:
    """A layer that is linear in each of its operands (linear, convolution, pooling).

    lengths   m for each tensor; the sums of absolute products come from the twin itself, run on absolute operands
    keep      operands that stay as they are: max pooling selects by x, and |x| would select others
    products  the two operands whose products a tensor sums, where a fast algorithm for such sums exists (convolution)
    """

    lengths: Lengths
    keep: tuple[str, ...] = ()
    products: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def terms(self, case: Case) -> int:
        return max(self.lengths(case).values())

    def of_one(
        self, case: Case, call: Call, expected: Arrays, twin: Twin, u: float, tiny: float
    ) -> dict[str, np.ndarray]:
        lengths = self.lengths(case)
        return {name: gamma(lengths[name], u) * array for name, array in self.absolute(call, twin).items()}

    def absolute(self, call: Call, twin: Twin) -> dict[str, np.ndarray]:
        """The sums of absolute products."""
        return {name: np.abs(array) for name, array in twin(_absolute(call, self.keep)).items()}

    def normwise(self, case: Case, call: Call, tensor: str) -> float | None:
        """How far an algorithm may be that transforms its operands first (FFT, Winograd): it is accurate in the norm
        of the whole tensor, and not in each element. None where no such algorithm is known.

        An FFT of length n has a relative error in the 2-norm of at most log2(n) * eta, eta = u + gamma_4 (sqrt 2 + u)
        (Higham, theorem 24.2), 6.7 u; a convolution by FFT takes three of them and a product:
        |error| <= (3 * 7 * log2(n) + 1) u * ||a|| * ||b||.
        """
        if tensor not in self.products:
            return None
        arrays = call.arrays()
        one, other = (np.asarray(arrays[name], np.float64).ravel() for name in self.products[tensor])
        transforms = 3 * 7 * np.log2(max(2 * (one.size + other.size), 2)) + 1
        return float(transforms * U[case.dtype] * np.linalg.norm(one) * np.linalg.norm(other))


@dataclass(frozen=True)
class Selection:
    """A layer that only moves values (flatten, padding, indexing): nothing rounds, every answer is exact."""

    def terms(self, case: Case) -> int:
        return 1

    def of_one(
        self, case: Case, call: Call, expected: Arrays, twin: Twin, u: float, tiny: float
    ) -> dict[str, np.ndarray]:
        return {name: np.zeros(array.shape) for name, array in expected.items()}


@dataclass(frozen=True)
class Formula:
    """A nonlinear layer: `formula(case, call, expected, u, tiny)` gives the bound of one implementation with unit
    roundoff u; the derivation stands in its docstring."""

    formula: Callable[[Case, Call, Arrays, float, float], dict[str, np.ndarray]]
    length: Callable[[Case], int] = field(default=lambda case: 1)

    def terms(self, case: Case) -> int:
        return self.length(case)

    def of_one(
        self, case: Case, call: Call, expected: Arrays, twin: Twin, u: float, tiny: float
    ) -> dict[str, np.ndarray]:
        with np.errstate(all="ignore"):  # an empty mean is NaN on purpose, and so is its bound
            bounds = self.formula(case, call, expected, u, tiny)
        return {name: np.broadcast_to(bounds[name], expected[name].shape) for name in expected}


def _absolute(call: Call, keep: tuple[str, ...]) -> Call:
    def absolute(arrays: Arrays) -> dict[str, np.ndarray]:
        return {
            name: array if name in keep or array.dtype.kind != "f" else np.abs(array) for name, array in arrays.items()
        }

    return replace(
        call,
        inputs=absolute(call.inputs),
        parameters=absolute(call.parameters),
        buffers=absolute(call.buffers),
        upstream=absolute(call.upstream),
    )
