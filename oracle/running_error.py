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

from oracle.bounds import gamma

ROUNDINGS = 4
LIBRARY = 8  # of exp and log: what bounds of elementwise functions leave room for


class Running(NDArrayOperatorsMixin):
    """value +- error, in arithmetic of unit roundoff u, whose smallest normal number is tiny."""

    def __init__(self, value: Any, u: float, tiny: float, error: Any = 0.0):
        self.value, self.u, self.tiny = np.asarray(value, np.float64), u, tiny
        same = isinstance(error, np.ndarray) and error.shape == self.value.shape
        self.error = error if same else np.broadcast_to(error, self.value.shape)

    @property
    def T(self) -> Running:
        return Running(self.value.T, self.u, self.tiny, self.error.T)

    def __getitem__(self, at: Any) -> Running:
        return Running(self.value[at], self.u, self.tiny, self.error[at])

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
            error = np.fmax(CARRIED[ufunc](out, *values, *errors), 0.0)  # of NaN: 0
        if ufunc not in UNROUNDED:
            roundings = LIBRARY if ufunc in (np.exp, np.log) else ROUNDINGS
            error = error + roundings * self.u * np.abs(out) + self.tiny
        return Running(out, self.u, self.tiny, error)


def _times(size: Any, error: Any) -> Any:
    """A product of which one factor is 0 is 0, even where the other one may be off by anything."""
    return np.fmax(size * error, 0.0)  # 0 times infinity is NaN, which fmax passes over


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
    np.multiply: lambda out, a, b, da, db: _times(np.abs(a), db) + _times(np.abs(b) + db, da),
    np.divide: lambda out, a, b, da, db: (da + _times(np.abs(out), db)) / np.maximum(np.abs(b) - db, 0),
    np.sqrt: lambda out, a, da: np.where(da < a, da / out, np.sqrt(da)),
    np.power: _power,
    np.exp: lambda out, a, da: out * np.expm1(da),
    np.log: lambda out, a, da: -np.log1p(-np.minimum(da / a, 1)),
}
UNROUNDED = {np.negative, np.absolute, np.maximum, np.minimum}
# decided by the values alone: where rounding could decide otherwise, no bound is meant to hold
DECIDED = {np.sign, np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}


def total(x: Running, axis: int | None = None, keepdims: bool = False) -> Running:
    """The sum, in any order: gamma_n of the absolute values."""
    n = x.value.size if axis is None else x.value.shape[axis]
    absolute = np.abs(x.value).sum(axis, keepdims=keepdims)
    error = x.error.sum(axis, keepdims=keepdims) + gamma(n, x.u) * absolute
    return Running(x.value.sum(axis, keepdims=keepdims), x.u, x.tiny, error)


def where(condition: Any, a: Any, b: Any) -> Any:
    """np.where, chosen by a condition that rounding does not touch."""
    given = next((entry for entry in (a, b) if isinstance(entry, Running)), None)
    if given is None:
        return np.where(condition, a, b)
    pairs = ((entry.value, entry.error) if isinstance(entry, Running) else (entry, 0.0) for entry in (a, b))
    values, errors = zip(*pairs)
    return Running(np.where(condition, *values), given.u, given.tiny, np.where(condition, *errors))


def step(z: Running, at_zero: float) -> Running:
    """1 where z > 0, 0 where z < 0, `at_zero` at 0; either is right where z is 0 but for its rounding."""
    value = np.where(z.value == 0, at_zero, z.value > 0)
    return Running(value, z.u, z.tiny, np.where(np.abs(z.value) <= z.error, 1.0, 0.0))


def expand(x: Running, axis: int) -> Running:
    """np.expand_dims"""
    return Running(np.expand_dims(x.value, axis), x.u, x.tiny, np.expand_dims(x.error, axis))
