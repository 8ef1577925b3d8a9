"""Upsampling in any number of spatial axes, one axis after the other: each output is a weighted sum of a few inputs.

    out[o] = sum over t of weight[o, t] * x[index[o, t]]           dx[index[o, t]] += weight[o, t] * dout[o]

The modes differ in index and weight alone. Output o of an axis looks at the input's coordinate

    s = (o + 1/2) * ratio - 1/2   pixels are areas, and their centres are mapped    (align_corners=False)
    s = o * (I - 1)/(O - 1)       the outermost centres are mapped to each other    (align_corners=True)

where ratio = I/O, or 1/scale_factor where that is given. nearest takes the pixel at floor(o * ratio); linear the two
neighbours of s, cubic four of them, what lies outside of the input is its outermost pixel.
Source: Keys 1981 for cubic, with a = -0.75; the coordinates are torch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops.padding import add_at

Taps = tuple[np.ndarray, np.ndarray]  # (index, weight), both (outputs, taps): where each output of an axis comes from


def upsample_forward(x: np.ndarray, taps: list[Taps]) -> tuple[np.ndarray, Any]:
    """x (..., *sizes), taps for each of the last axes -> out (..., *out sizes), and the cache."""
    sizes = x.shape[x.ndim - len(taps) :]
    out: Any = x
    for axis, (index, weight) in enumerate(taps, start=-len(taps)):
        out = sum(_along(w, axis) * np.take(out, i, axis) for i, w in zip(index.T, weight.T.astype(x.dtype)))
    return out, (taps, sizes)


def upsample_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes): every input gets back the shares that it gave."""
    taps, sizes = cache
    dx: Any = dout
    for axis, ((index, weight), size) in enumerate(zip(taps, sizes, strict=True), start=-len(taps)):
        weights = weight.T.astype(dout.dtype)
        dx = sum(add_at(_along(w, axis) * dx, i, size, axis) for i, w in zip(index.T, weights, strict=True))
    return dx


def _along(weight: np.ndarray, axis: int) -> np.ndarray:
    """A weight for each output along one axis, counted from the end."""
    return weight.reshape(-1, *(1,) * (-axis - 1))


def nearest_taps(size: int, out: int, scale: float | None) -> Taps:
    """The pixel at floor(o * I/O), or at floor(o / scale): the one to the left of the mapped centre."""
    places = np.arange(out)
    source = places * size // out if scale is None else np.floor(places / scale).astype(np.int64)
    return np.minimum(source, size - 1)[:, None], np.ones((out, 1))


def linear_taps(size: int, out: int, scale: float | None, align_corners: bool) -> Taps:
    """The two pixels beside s, each weighted by how near it is: 1 - |s - i|."""
    s = np.maximum(_coordinates(size, out, scale, align_corners), 0)
    left = np.minimum(np.floor(s).astype(np.int64), size - 1)
    part = s - left
    return np.stack([left, np.minimum(left + 1, size - 1)], axis=1), np.stack([1 - part, part], axis=1)


def cubic_taps(size: int, out: int, scale: float | None, align_corners: bool) -> Taps:
    """The two pixels on either side of s, weighted by Keys's kernel of their distance."""
    s = _coordinates(size, out, scale, align_corners)
    index = np.floor(s).astype(np.int64)[:, None] + np.arange(-1, 3)
    return np.clip(index, 0, size - 1), _keys(np.abs(s[:, None] - index))


def _coordinates(size: int, out: int, scale: float | None, align_corners: bool) -> np.ndarray:
    if align_corners:
        return np.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return (np.arange(out) + 0.5) * (size / out if scale is None else 1 / scale) - 0.5


def _keys(t: np.ndarray, a: float = -0.75) -> np.ndarray:
    """The cubic convolution kernel at distance t (0 to 2): 1 at 0, 0 at 1 and 2."""
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, far)
