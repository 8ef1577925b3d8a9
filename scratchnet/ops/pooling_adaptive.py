"""Adaptive pooling in any number of spatial axes: the output size is given, the windows follow from it.

On each axis of size I, output y of O sees the places from floor(y*I/O) to ceil((y+1)*I/O), the end not included:
windows of about equal size, which overlap by one where O does not divide I.

    max   out[y] = max of x in window y           dx[index[y]] += dout[y]
    mean  out[y] = mean of x in window y          dx[i] += dout[y] / places, for every place i of window y
Source: He et al. 2014, Spatial pyramid pooling, section 2; the bounds are torch's.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from scratchnet.ops.windows import Sizes


def adaptive_avg_pool_forward(x: np.ndarray, out_sizes: Sizes) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *out_sizes), and the cache."""
    n = len(out_sizes)
    out = np.empty((*x.shape[: x.ndim - n], *out_sizes), x.dtype)
    for y, window in adaptive_windows(x.shape[x.ndim - n :], out_sizes):
        position: Any = (..., *y)
        out[position] = x[(..., *window)].mean(axis=tuple(range(-n, 0)))
    return out, (x.shape, n)


def adaptive_avg_pool_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out_sizes) -> dx (..., *sizes): every place of a window gets the same share of its gradient."""
    shape, n = cache
    dx = np.zeros(shape, dout.dtype)
    for y, window in adaptive_windows(shape[len(shape) - n :], dout.shape[dout.ndim - n :]):
        position: Any = (..., *y)
        share = dout[position] / prod(place.stop - place.start for place in window)
        dx[(..., *window)] += share.reshape(*share.shape, *(1,) * n)
    return dx


def adaptive_max_pool_forward(x: np.ndarray, out_sizes: Sizes) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *out_sizes), and the cache (index, x.shape, number of spatial axes), as that of
    max_pool_forward: max_pool_backward takes it.

    Of equal values the first is taken; NaN counts as the largest, and of several the last is taken (as in torch).
    """
    n = len(out_sizes)
    lead, sizes = x.shape[: x.ndim - n], x.shape[x.ndim - n :]
    out = np.empty((*lead, *out_sizes), x.dtype)
    index = np.empty(out.shape, np.int64)
    plane = np.arange(prod(sizes)).reshape(sizes)  # the flat position of every place
    for y, window in adaptive_windows(sizes, out_sizes):
        position: Any = (..., *y)
        places = plane[window].ravel()
        values = x[(..., *window)].reshape(*lead, len(places))
        nan = np.isnan(values)
        last_nan = len(places) - 1 - nan[..., ::-1].argmax(axis=-1)
        winner = np.where(nan.any(axis=-1), last_nan, values.argmax(axis=-1))
        index[position] = places[winner]
        out[position] = np.take_along_axis(values, winner[..., None], -1)[..., 0]
    return out, (index, x.shape, n)


def adaptive_windows(sizes: Sizes, out_sizes: Sizes) -> Iterator[tuple[Sizes, Any]]:
    """Every output position with the window of the input that it sees."""
    for y in np.ndindex(*out_sizes):
        axes = zip(y, sizes, out_sizes, strict=True)
        yield y, tuple(slice(yi * i // o, -(-(yi + 1) * i // o)) for yi, i, o in axes)
