"""The complementary error function, which NumPy does not have:   erfc(x) = 2 / sqrt(pi) * integral of exp(-t^2) from x.

Rational approximations on three ranges of y = |x|, to the last digits of float64:

    y <= 0.46875      1 - x R(x^2)
    y <= 4            exp(-y^2) R(y)                                     and erfc(-x) = 2 - erfc(x)
    y > 4             exp(-y^2) / y (1 / sqrt(pi) - R(1 / y^2) / y^2)
Source: Cody 1969, Rational Chebyshev approximations for the error function.
"""

from __future__ import annotations

import math

import numpy as np

# Coefficients of numerator and denominator, the highest power first.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x) for x of any shape, in its dtype: from 2 at -inf to 0 at inf."""
    y = np.clip(np.abs(x), None, 30)  # beyond, erfc is 0 or 2 in every dtype; NaN stays NaN
    near = 1 - np.clip(x, -0.5, 0.5) * _ratio(_NEAR, np.minimum(y, 0.5) ** 2)
    middle = _ratio(_MIDDLE, np.minimum(y, 4))
    big = np.maximum(y, 4)
    far = (1 / math.sqrt(math.pi) - _ratio(_FAR, big**-2) / big**2) / big
    # exp(-y^2), y^2 = coarse^2 + (y - coarse)(y + coarse): coarse has few digits, so that its square is exact
    coarse = np.floor(y * 16) / 16
    tail = np.exp(-coarse * coarse) * np.exp(-(y - coarse) * (y + coarse)) * np.where(y <= 4, middle, far)
    return np.where(y <= 0.46875, near, np.where(x < 0, 2 - tail, tail))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    above, below = coefficients
    return _polynomial(above, x) / _polynomial(below, x)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """c[0] x^n + ... + c[n] by Horner's rule."""
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = total * x + c
    return total
