"""Running error analysis of what recurrent layers and attention are made of: sums of products, tanh, sigmoid, softmax.

A sum of m products, of operands that have errors already, lies within

    |a| db + da |b| + da db,   and   gamma_m (|a| + da)(|b| + db) of its own, in whatever order it is taken.

A function with slope f' passes on max|f'| dx, the maximum over what x may be (|tanh'| <= 1, |sigmoid'| <= 1/4), and
rounds by 8u F as the elementwise functions do: F = 1 for tanh, F = s for a sigmoid s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oracle.bounds import gamma
from oracle.running_error import LIBRARY, ROUNDINGS, Running


def alike(change: Callable[..., np.ndarray], *parts: Running) -> Running:
    """What only moves numbers (a transpose, a slice, a concatenation), done to values and errors alike."""
    value, error = change(*(part.value for part in parts)), change(*(part.error for part in parts))
    return Running(value, parts[0].u, parts[0].tiny, error)


def sums(products: Sequence[tuple[Running, Running]], addends: Sequence[Running] = ()) -> Running:
    """The sum of all a @ b and all addends, in any order; ROUNDINGS more for how a product is scaled or split."""
    u, tiny = products[0][0].u, products[0][0].tiny
    value, error, size, terms = np.zeros(()), np.zeros(()), np.zeros(()), ROUNDINGS
    with np.errstate(invalid="ignore", over="ignore"):
        for a, b in products:
            absolute_a, absolute_b = np.abs(a.value), np.abs(b.value)
            value = value + a.value @ b.value
            error = error + absolute_a @ b.error + a.error @ (absolute_b + b.error)
            size = size + (absolute_a + a.error) @ (absolute_b + b.error)
            terms += a.value.shape[-1]
        for addend in addends:
            value, error = value + addend.value, error + addend.error
            size, terms = size + np.abs(addend.value), terms + 1
        error = np.fmin(error + gamma(terms, u) * size + terms * tiny, np.inf)  # of NaN, which is 0 * inf: infinite
    return Running(value, u, tiny, error)


def relu(x: Running) -> Running:
    return Running(np.maximum(x.value, 0), x.u, x.tiny, x.error)


def tanh(x: Running) -> Running:
    nearest = np.minimum(np.maximum(np.abs(x.value) - x.error, 0), 300)  # where the slope is largest
    return Running(np.tanh(x.value), x.u, x.tiny, x.error / np.cosh(nearest) ** 2 + LIBRARY * x.u)


def sigmoid(x: Running) -> Running:
    e, nearest = np.exp(-np.abs(x.value)), np.exp(-np.maximum(np.abs(x.value) - x.error, 0))
    s = np.where(x.value >= 0, 1, e) / (1 + e)
    return Running(s, x.u, x.tiny, x.error * nearest / (1 + nearest) ** 2 + LIBRARY * x.u * s + x.tiny)
