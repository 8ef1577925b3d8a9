"""Normalisation in any number of axes: x is centred and scaled by its own statistics.

    xh = (x - mean) / s,   s = sqrt(var + eps),   out = w * xh + b

Batch, layer, group and instance norm differ only in the axes over which mean and var are taken:

    batch      x (N, C, *sizes)          all but C
    layer      x (..., *normalized)      the normalized ones
    group      x (N, G, C/G, *sizes)     all but N and G
    instance   x (N, C, *sizes)          the sizes

Backward, g = w * dout. Each x moves its own xh, and all others of its group of m through mean and s:

    ds/dx[i] = xh[i] / m        d xh[j] / dx[i] = ((1 if i is j else 0) - 1/m - xh[i] xh[j] / m) / s

and the sum over j of g[j] d xh[j]/dx[i] is

    dx = (g - mean(g) - xh * mean(g * xh)) / s

dw is the sum of dout * xh and db the sum of dout, over every axis along which w and b are repeated. With mean and var
that do not come from x (running statistics) only g / s is left of dx.
Source: Ioffe and Szegedy 2015 (batch); Ba, Kiros and Hinton 2016 (layer); Ulyanov, Vedaldi and Lempitsky 2016
(instance); Wu and He 2018 (group); Zhang and Sennrich 2019 (RMS); Krizhevsky, Sutskever and Hinton 2012 (local).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

Axes = tuple[int, ...]


def moments(x: np.ndarray, axes: Axes) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (biased) variance over `axes`, which stay as axes of size 1. The mean is subtracted before squares are
    taken: mean(x^2) - mean^2 would cancel where the mean is far from 0."""
    mean = _mean(x, axes)
    d = x - mean
    return mean, _mean(np.multiply(d, d, out=d), axes)


def normalize_forward(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, w: np.ndarray | None, b: np.ndarray | None, eps: float
) -> tuple[np.ndarray, Any]:
    """out = w * (x - mean) / sqrt(var + eps) + b, and the cache; everything broadcasts against x."""
    s = np.sqrt(var + eps)
    xh = x - mean
    xh /= s
    return _affine(xh, w, b), (xh, s, w)


def normalize_backward(dout: np.ndarray, cache: Any, axes: Axes) -> tuple[np.ndarray, Any, Any]:
    """-> dx, and dw and db in the shape of w (None without w).

    `axes` are those over which mean and var were taken from x, () where they were given.
    """
    xh, s, w = cache
    g = dout if w is None else dout * w
    if axes:
        dx = g - _mean(g, axes) - xh * _mean(g * xh, axes)
        dx /= s
    else:
        dx = g / s
    return dx, *_affine_gradients(dout, xh, w)


def update_running(running: np.ndarray, new: np.ndarray, momentum: float) -> None:
    """running = (1 - momentum) * running + momentum * new, in place: momentum is the weight of the NEW value."""
    running *= 1 - momentum
    running += momentum * new


def rms_norm_forward(x: np.ndarray, w: np.ndarray | None, axes: Axes, eps: float) -> tuple[np.ndarray, Any]:
    """out = w * x / s, s = sqrt(mean(x^2) + eps): scaled, but not centred."""
    s = np.sqrt(_mean(x * x, axes) + eps)
    xh = x / s
    return _affine(xh, w, None), (xh, s, w)


def rms_norm_backward(dout: np.ndarray, cache: Any, axes: Axes) -> tuple[np.ndarray, np.ndarray | None]:
    """dx = (g - xh * mean(g * xh)) / s: as above, without the path through the mean."""
    xh, s, w = cache
    g = dout if w is None else dout * w
    dx = g - xh * _mean(g * xh, axes)
    dx /= s
    return dx, _affine_gradients(dout, xh, w)[0]


def local_response_norm_forward(
    x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> tuple[np.ndarray, Any]:
    """out[c] = x[c] S[c]^-beta,   S[c] = k + alpha/size * sum of x[c']^2 over c - size//2 <= c' <= c + (size-1)//2."""
    S = k + alpha / size * _channel_sums(x * x, size // 2, (size - 1) // 2)
    out = x * S**-beta
    return out, (x, S, out, size, alpha, beta)


def local_response_norm_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx[c] = dout[c] S[c]^-beta - 2 alpha beta/size * x[c] * sum of (dout * out / S)[c'] over the c' that see c.

    x[c] stands in its own numerator, and in the S of every channel whose window holds it: those windows reach
    (size-1)//2 channels down and size//2 up, the mirror image of forward's.
    """
    x, S, out, size, alpha, beta = cache
    seen = _channel_sums(dout * out / S, (size - 1) // 2, size // 2)
    return dout * S**-beta - 2 * alpha * beta / size * x * seen


def _mean(x: np.ndarray, axes: Axes) -> np.ndarray:
    """The mean over `axes`, kept with size 1; 0 for a mean of nothing (an empty batch)."""
    return x.sum(axis=axes, keepdims=True) / max(prod(x.shape[axis] for axis in axes), 1)


def _affine(xh: np.ndarray, w: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
    out = xh.copy() if w is None else xh * w
    if b is not None:
        out += b
    return out


def _affine_gradients(dout: np.ndarray, xh: np.ndarray, w: np.ndarray | None) -> tuple[Any, Any]:
    """dw, db: summed over the axes along which w has size 1, or no axis at all."""
    if w is None:
        return None, None
    lead = dout.ndim - w.ndim
    axes = (*range(lead), *(lead + axis for axis, size in enumerate(w.shape) if size == 1))
    return (dout * xh).sum(axis=axes).reshape(w.shape), dout.sum(axis=axes).reshape(w.shape)


def _channel_sums(a: np.ndarray, before: int, after: int) -> np.ndarray:
    """sum of a[:, c'] over c - before <= c' <= c + after, within the channels."""
    total = np.zeros_like(a)
    for step in range(-before, after + 1):
        into, source = slice(max(-step, 0), max(a.shape[1] - step, 0)), slice(max(step, 0), max(a.shape[1] + step, 0))
        if into.start < a.shape[1] and source.start < a.shape[1]:
            total[:, into] += a[:, source]
    return total
