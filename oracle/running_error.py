"""Running error analysis: a number that knows how far rounding may have taken it.

A formula in NumPy's own words, run on Running numbers instead of arrays, gives its result and the bound of its error:
each operation passes on the errors of its operands by its derivative and adds its own rounding (Wilkinson; Higham,
Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3).

An operation is charged ROUNDINGS of them, so that another form of the formula, with up to as many operations where
this has one (b m + (1 - b) g and m + (1 - b)(g - m), a division and a product with the reciprocal), is inside too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

ROUNDINGS = 4


class Running(NDArrayOperatorsMixin):
    """value +- error, in arithmetic of unit roundoff u, whose smallest normal number is tiny."""

    def __init__(self, value: Any, u: float, tiny: float, error: Any = 0.0):
        self.value, self.u, self.tiny = np.asarray(value, np.float64), u, tiny
        self.error = np.broadcast_to(error, self.value.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        values = [entry.value if isinstance(entry, Running) else np.asarray(entry, np.float64) for entry in inputs]
        if ufunc in DECIDED:
            return ufunc(*values)
        if ufunc not in CARRIED:
            return NotImplemented
        errors = [entry.error if isinstance(entry, Running) else np.zeros(()) for entry in inputs]
        with np.errstate(all="ignore"):
            out = ufunc(*values)
            error = np.nan_to_num(CARRIED[ufunc](out, *values, *errors), nan=0.0, posinf=np.inf)
        if ufunc not in UNROUNDED:
            error = error + ROUNDINGS * self.u * np.abs(out) + self.tiny
        return Running(out, self.u, self.tiny, error)


def _power(out: Any, a: Any, n: Any, da: Any, dn: Any) -> Any:
    """|n a^(n-1)| da + |ln a| out dn, and a rounding for each of the n products."""
    return np.abs(n) * np.abs(a) ** (n - 1) * da + np.abs(np.log(np.abs(a))) * np.abs(out) * dn


def _of_the_larger(out: Any, a: Any, b: Any, da: Any, db: Any) -> Any:
    """Where it is certain which operand is the larger one, its error alone."""
    return np.where(a - da > b + db, da, np.where(b - db > a + da, db, np.maximum(da, db)))


# out, operands, their errors -> the error that they bring
CARRIED: dict[np.ufunc, Callable[..., Any]] = {
    np.add: lambda out, a, b, da, db: da + db,
    np.subtract: lambda out, a, b, da, db: da + db,
    np.negative: lambda out, a, da: da,
    np.absolute: lambda out, a, da: da,
    np.maximum: _of_the_larger,
    np.minimum: lambda out, a, b, da, db: _of_the_larger(-out, -a, -b, da, db),
    np.multiply: lambda out, a, b, da, db: np.abs(a) * db + np.abs(b) * da + da * db,
    np.divide: lambda out, a, b, da, db: (da + np.abs(out) * db) / np.maximum(np.abs(b) - db, 0),
    np.sqrt: lambda out, a, da: np.where(da < a, da / out, np.sqrt(da)),
    np.power: _power,
}
UNROUNDED = {np.negative, np.absolute, np.maximum, np.minimum}
# decided by the values alone: where rounding could decide otherwise, no bound is meant to hold
DECIDED = {np.sign, np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}
