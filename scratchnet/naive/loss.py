"""Losses as loops. O output of the network, Ot target, L loss, dL its upstream gradient (1 at the end of a network);
each gradient function gives (dO, dOt).

The losses of one number or one row at a time stand in loss_distance.py, loss_likelihood.py and loss_margin.py; `losses`
and `losses_gradients` apply them to all samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchnet.naive import loss_distance, loss_likelihood, loss_margin
from scratchnet.naive.softmax import log_softmax

OF_NUMBERS = {**loss_distance.FUNCTIONS, **loss_likelihood.FUNCTIONS, **loss_margin.FUNCTIONS}
OF_ROWS = loss_margin.OF_ROWS


def losses(name: str, inputs: tuple[np.ndarray, ...], reduction: str = "mean", **settings: Any) -> np.ndarray:
    """L[n] = f(inputs[n]) for each number or row n, or the sum or the mean of these; `name` is a key of OF_NUMBERS or
    OF_ROWS. A weight is one for each number, or one row for all rows."""
    shape = _samples(name, inputs)
    f, _ = (OF_ROWS if name in OF_ROWS else OF_NUMBERS)[name]
    L = np.zeros(shape, inputs[0].dtype)
    for n in np.ndindex(shape):
        L[n] = f(*(_at(I, n, name) for I in inputs), **_settings_at(settings, n, name))
    return _reduce(L, len(L) if reduction == "batchmean" else L.size, reduction)


def losses_gradients(
    name: str, dL: np.ndarray, inputs: tuple[np.ndarray, ...], reduction: str = "mean", **settings: Any
) -> tuple[np.ndarray | None, ...]:
    """The gradient of each input: dI[n] = dL * slope(inputs[n]), for the mean divided by the number of losses."""
    shape = _samples(name, inputs)
    _, slopes = (OF_ROWS if name in OF_ROWS else OF_NUMBERS)[name]
    divisor = shape[0] if reduction == "batchmean" else math.prod(shape)
    gradients: list[np.ndarray | None] = [np.zeros(I.shape, inputs[0].dtype) for I in inputs]
    for n in np.ndindex(shape):
        own = slopes(*(_at(I, n, name) for I in inputs), **_settings_at(settings, n, name))
        for k, slope in enumerate(own):
            gradient = gradients[k]
            if slope is None or gradient is None:
                gradients[k] = None
            elif name in OF_ROWS:
                for c, s in enumerate(slope):
                    gradient[(*n, c)] = _share(dL, n, divisor, reduction) * s
            else:
                gradient[_place(n, gradient.shape)] += _share(dL, n, divisor, reduction) * slope
    return tuple(gradients)


def _samples(name: str, inputs: tuple[np.ndarray, ...]) -> tuple[int, ...]:
    return inputs[0].shape[:-1] if name in OF_ROWS else inputs[0].shape


def _at(I: np.ndarray, n: tuple[int, ...], name: str) -> Any:
    return I[n] if name in OF_ROWS else I[_place(n, I.shape)]


def _settings_at(settings: dict[str, Any], n: tuple[int, ...], name: str) -> dict[str, Any]:
    return {
        key: value[_place(n, value.shape)] if isinstance(value, np.ndarray) and name in OF_NUMBERS else value
        for key, value in settings.items()
    }


def _place(n: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Where place n of an array stands in one of `shape` that is broadcast to it."""
    return tuple(0 if size == 1 else i for i, size in zip(n[len(n) - len(shape) :], shape))


def nll(
    O: np.ndarray, Ot: np.ndarray, weight: np.ndarray | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> np.ndarray:
    """L[n] = -weight[t] * O[n,t], t = Ot[n]; 0 where t is ignore_index"""
    axis = min(O.ndim - 1, 1)
    L = np.zeros(Ot.shape, O.dtype)
    for n in np.ndindex(L.shape):
        if Ot[n] != ignore_index:
            L[n] = -_weight(weight, Ot[n]) * O[(*n[:axis], Ot[n], *n[axis:])]
    return _reduce(L, _divisor(L, Ot, weight, ignore_index), reduction)


def nll_gradient(
    dL: np.ndarray,
    O: np.ndarray,
    Ot: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[np.ndarray, None]:
    """dO[n,t] = -dL * weight[t], 0 for the other classes; for the mean divided as the loss is"""
    axis, dO = min(O.ndim - 1, 1), np.zeros_like(O)
    divisor = _divisor(Ot, Ot, weight, ignore_index)
    for n in np.ndindex(Ot.shape):
        if Ot[n] != ignore_index:
            share = _share(dL, n, divisor, reduction)
            dO[(*n[:axis], Ot[n], *n[axis:])] = -_weight(weight, Ot[n]) * share
    return dO, None


def half_squared_error(O: np.ndarray, Ot: np.ndarray) -> np.ndarray:
    """L = 1/2 * sum over n of (O[n] - Ot[n])^2"""
    L = np.zeros((), O.dtype)
    for n in np.ndindex(O.shape):
        L[()] += (O[n] - Ot[n]) ** 2 / 2
    return L


def half_squared_error_gradient(dL: np.ndarray, O: np.ndarray, Ot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dO[n] = dL * (O[n] - Ot[n]),   dOt[n] = -dO[n]"""
    dO, dOt = np.zeros_like(O), np.zeros_like(Ot)
    for n in np.ndindex(O.shape):
        dO[n] = dL * (O[n] - Ot[n])
        dOt[n] = -dO[n]
    return dO, dOt


def mse(O: np.ndarray, Ot: np.ndarray, reduction: str = "mean") -> np.ndarray:
    """L[n] = (O[n] - Ot[n])^2, or the sum or the mean of these"""
    L = np.zeros_like(O)
    for n in np.ndindex(O.shape):
        L[n] = (O[n] - Ot[n]) ** 2
    return _reduce(L, O.size, reduction)


def mse_gradient(
    dL: np.ndarray, O: np.ndarray, Ot: np.ndarray, reduction: str = "mean"
) -> tuple[np.ndarray, np.ndarray]:
    """dO[n] = dL * 2 (O[n] - Ot[n]), for the mean divided by the number of n;   dOt[n] = -dO[n]"""
    dO, dOt = np.zeros_like(O), np.zeros_like(Ot)
    for n in np.ndindex(O.shape):
        dO[n] = 2 * (O[n] - Ot[n]) * _share(dL, n, O.size, reduction)
        dOt[n] = -dO[n]
    return dO, dOt


def cross_entropy(
    O: np.ndarray,
    Ot: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> np.ndarray:
    """L[n] = -sum over c of weight[c] * q[n,c] * log p[n,c]   where p is the softmax of O, and q what it should be"""
    axis, C = min(O.ndim - 1, 1), O.shape[min(O.ndim - 1, 1)]
    logp = log_softmax(O, axis)
    L = np.zeros(O.shape[:axis] + O.shape[axis + 1 :], O.dtype)
    for n in np.ndindex(L.shape):
        for c in range(C):
            q = _wanted(Ot, n, c, C, axis, ignore_index, label_smoothing)
            if q != 0:
                L[n] -= _weight(weight, c) * q * logp[(*n[:axis], c, *n[axis:])]
    return _reduce(L, _divisor(L, Ot, weight, ignore_index), reduction)


def cross_entropy_gradient(
    dL: np.ndarray,
    O: np.ndarray,
    Ot: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[np.ndarray, np.ndarray | None]:
    """dO[n,c] = dL * sum over k of weight[k] * q[n,k] * (p[n,c] - (1 if k is c else 0))

    dOt[n,c] = -dL * (1 - label_smoothing) * weight[c] * log p[n,c] where Ot are probabilities, None where they are
    class numbers; for the mean both are divided as the loss is."""
    axis, C = min(O.ndim - 1, 1), O.shape[min(O.ndim - 1, 1)]
    logp, dO = log_softmax(O, axis), np.zeros_like(O)
    dOt = np.zeros_like(Ot) if Ot.dtype.kind == "f" else None
    samples = np.zeros(O.shape[:axis] + O.shape[axis + 1 :], O.dtype)
    divisor = _divisor(samples, Ot, weight, ignore_index)
    for n in np.ndindex(samples.shape):
        for c in range(C):
            place = (*n[:axis], c, *n[axis:])
            for k in range(C):
                q = _wanted(Ot, n, k, C, axis, ignore_index, label_smoothing)
                if dOt is None and Ot[n] == ignore_index:
                    continue
                step = _weight(weight, k) * q * (math.exp(logp[place]) - (1 if k == c else 0))
                dO[place] += step * _share(dL, n, divisor, reduction)
            if dOt is not None:
                dOt[place] = -(1 - label_smoothing) * _weight(weight, c) * logp[place]
                dOt[place] *= _share(dL, n, divisor, reduction)
    return dO, dOt


def _wanted(Ot, n, c, C, axis, ignore_index, label_smoothing):
    """q[n,c]: the probability that sample n should have for class c; 0 where it is ignored."""
    if Ot.dtype.kind == "f":
        q = Ot[(*n[:axis], c, *n[axis:])]
    elif Ot[n] == ignore_index:
        return 0
    else:
        q = 1 if Ot[n] == c else 0
    return (1 - label_smoothing) * q + label_smoothing / C


def _weight(weight, c):
    return 1 if weight is None else weight[c]


def _divisor(L, Ot, weight, ignore_index):
    """What the mean divides by: the number of samples, or the sum of the weights of the classes that are wanted."""
    if Ot.dtype.kind == "f":
        return L.size
    return sum(_weight(weight, Ot[n]) for n in np.ndindex(L.shape) if Ot[n] != ignore_index)


def _reduce(L: np.ndarray, divisor: float, reduction: str) -> np.ndarray:
    if reduction == "none":
        return L
    total = np.zeros((), L.dtype)
    for n in np.ndindex(L.shape):
        total[()] += L[n]
    if reduction in ("mean", "batchmean"):
        total[()] = total / divisor if divisor else math.nan
    return total


def _share(dL, n, divisor, reduction):
    """What the reduction passes on of dL to the loss of sample n."""
    if reduction == "none":
        return dL[n]
    if reduction == "sum":
        return dL
    return dL / divisor if divisor else math.nan
