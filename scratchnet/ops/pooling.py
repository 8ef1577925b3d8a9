"""Pooling in any number of spatial axes: each window of the input gives one output, its maximum or its mean.

    max   out[y] = max over r of x[y*stride + r*dilation - padding]
    mean  out[y] = (sum over r of x[y*stride + r - padding]) / divisor[y]

where y and r run over positions in all spatial axes; the padding never is a maximum, and adds 0 to a sum. Backward:

    max   dx[index[y]] += dout[y]                             forward remembered where the maximum stood
    mean  dx[y*stride + r - padding] += dout[y] / divisor[y]  for every r
Source: the course note, sections 2 and 4.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.ops.padding import Widths, crop, pad
from scratchnet.ops.windows import Sizes, output_size, taps


def max_pool_forward(
    x: np.ndarray, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool = False
) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *out sizes), and the cache (index, x.shape, number of spatial axes).

    `index` (int64, as out) is the place of the maximum: its flat position in the spatial axes of x. Of equal values the
    first is taken; NaN counts as the largest, and of several the last is taken (as in torch).
    Raises ValueError where the output size would be 0, or where a window meets nothing but padding.
    """
    lead, sizes = x.shape[: x.ndim - len(kernel)], x.shape[x.ndim - len(kernel) :]
    out_sizes = _pooled_sizes(sizes, kernel, stride, padding, dilation, ceil_mode)
    xp = pad(x, _widths(sizes, kernel, stride, padding, dilation, out_sizes), -np.inf)

    out = np.full((*lead, *out_sizes), -np.inf, x.dtype)
    winner = np.empty(out.shape, np.min_scalar_type(prod(kernel)))  # the number of the tap that is ahead
    winner[...] = _first_taps(sizes, kernel, stride, padding, dilation, out_sizes)
    for number, (_, place) in enumerate(taps(kernel, stride, dilation, out_sizes)):
        window = np.ascontiguousarray(xp[place])  # in one piece: it is read four times
        ahead = (window > out) | (window != window)
        np.maximum(out, window, out=out)
        np.maximum(winner, np.multiply(ahead, number, dtype=winner.dtype), out=winner)  # later taps, larger numbers

    starts = np.ix_(*(np.arange(o) * s - p for o, s, p in zip(out_sizes, stride, padding)))
    steps = np.ix_(*(np.arange(f) * d for f, d in zip(kernel, dilation)))
    index = _flat(starts, sizes) + _flat(steps, sizes).take(winner)
    return out, (index, x.shape, len(kernel))


def max_pool_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes): each gradient goes to the place of its maximum alone."""
    index, shape, axes = cache
    planes, plane, outputs = prod(shape[:-axes]), prod(shape[-axes:]), prod(index.shape[-axes:])
    places = index.reshape(planes, outputs) + plane * np.arange(planes)[:, None]
    dx = np.zeros(planes * plane, dout.dtype)
    np.add.at(dx, places.ravel(), dout.ravel())  # windows that overlap may have one maximum: the gradients add
    return dx.reshape(shape)


def avg_pool_forward(
    x: np.ndarray,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *out sizes), and the cache.

    The divisor is the number of places in the window, padding included unless count_include_pad is False; what
    ceil_mode lets hang over the padded input never counts. divisor_override takes its place everywhere.
    Raises ValueError where the output size would be 0.
    """
    lead, sizes = x.shape[: x.ndim - len(kernel)], x.shape[x.ndim - len(kernel) :]
    once = (1,) * len(kernel)
    out_sizes = _pooled_sizes(sizes, kernel, stride, padding, once, ceil_mode)
    widths = _widths(sizes, kernel, stride, padding, once, out_sizes)
    if divisor_override is not None:
        divisor = np.array(divisor_override, x.dtype)
    else:
        border = padding if count_include_pad else (0,) * len(kernel)
        divisor = _divisor(sizes, kernel, stride, padding, border, out_sizes).astype(x.dtype)

    xp = pad(x, widths)
    out = np.zeros((*lead, *out_sizes), x.dtype)
    for _, place in taps(kernel, stride, once, out_sizes):
        out += xp[place]
    out /= divisor
    return out, (xp.shape, kernel, stride, widths, divisor)


def avg_pool_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes): every place of a window gets the same share of its gradient."""
    padded_shape, kernel, stride, widths, divisor = cache
    share = dout / divisor
    dxp = np.zeros(padded_shape, dout.dtype)
    for _, place in taps(kernel, stride, (1,) * len(kernel), dout.shape[dout.ndim - len(kernel) :]):
        dxp[place] += share
    return crop(dxp, widths)


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> int:
    """O = floor((I + 2P - (D*(Ps - 1) + 1)) / S) + 1, or ceil instead of floor: then the last window may hang over
    the end, but must not start in the padding there.   Raises ValueError where that is not positive.
    """
    if not ceil_mode:
        return output_size(size, kernel, stride, 2 * padding, dilation)
    extent = dilation * (kernel - 1) + 1
    out = -((extent - size - 2 * padding) // stride) + 1
    if (out - 1) * stride >= size + padding:
        out -= 1
    return out if out > 0 else output_size(size, kernel, stride, 2 * padding, dilation)


def _pooled_sizes(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    each = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return tuple(pooled_size(*axis, ceil_mode) for axis in each)


def _widths(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out_sizes: Sizes) -> Widths:
    """The padding before and after, the overhang of ceil_mode included: as far as the last window reaches."""
    ends = [(o - 1) * s + d * (f - 1) + 1 for o, s, d, f in zip(out_sizes, stride, dilation, kernel)]
    return [(p, max(p, end - p - size)) for p, end, size in zip(padding, ends, sizes)]


def _flat(positions: tuple[np.ndarray, ...], sizes: Sizes) -> np.ndarray:
    """The flat index of positions in a plane of `sizes`, as np.ravel_multi_index, but linear (negatives as well)."""
    index = np.zeros((1,) * len(sizes), np.int64)
    for position, size in zip(positions, sizes, strict=True):
        index = index * size + position
    return index


def _first_taps(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out_sizes: Sizes
) -> np.ndarray:
    """For each window the number of its first tap inside of the input: where a maximum of -inf stands."""
    firsts = []
    for size, f, s, p, d, o in zip(sizes, kernel, stride, padding, dilation, out_sizes, strict=True):
        start = np.arange(o) * s - p
        first = np.maximum(-(start // d), 0)  # start + first*d >= 0
        if np.any((first >= f) | (start + first * d >= size)):
            raise ValueError(
                f"a window lies in the padding alone and has no maximum: size {size}, kernel_size {f}, stride {s}, "
                f"padding {p}, dilation {d}; use a smaller padding or dilation"
            )
        firsts.append(first)
    return _flat(np.ix_(*firsts), kernel)


def _divisor(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, border: Sizes, out_sizes: Sizes) -> np.ndarray:
    """How many places of each window lie in the input with a `border` around it."""
    counts = []
    for size, f, s, p, b, o in zip(sizes, kernel, stride, padding, border, out_sizes, strict=True):
        start = np.arange(o) * s - p
        counts.append(np.minimum(start + f, size + b) - np.maximum(start, -b))
    return np.asarray(prod(np.ix_(*counts)))
