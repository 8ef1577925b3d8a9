"""What a border is made of, and where its gradient goes: of padding layers and of a convolution's padding_mode."""

from __future__ import annotations

import numpy as np

# ---- where a place of the padded axis is taken from: at (from -before on) -> places of the image, which has n


def outside(at, n, before, after):
    """Nowhere: the border is a constant."""
    return at


def reflected(at, n, before, after):
    at = np.abs(at)
    return np.where(at >= n, 2 * (n - 1) - at, at)


def mirrored(at, n, before, after):
    """The outermost value comes twice."""
    at = np.where(at < 0, -1 - at, at)
    return np.where(at >= n, 2 * n - 1 - at, at)


def repeated(at, n, before, after):
    return np.clip(at, 0, n - 1)


def wrapped(at, n, before, after):
    """Round what a crop leaves."""
    first, last = max(-before, 0), n - max(-after, 0)
    return first + (at - first) % (last - first)


# ---- the values there, and back


def taken(x, at, axis, value):
    """x at these places along an axis, `value` where they lie outside."""
    n = x.shape[axis]
    nowhere = ((at < 0) | (at >= n)).reshape(-1, *(1,) * (x.ndim - 1 - axis % x.ndim))
    return np.where(nowhere, value, x.take(np.clip(at, 0, n - 1), axis))


def given_back(dout, at, n, axis):
    """Each gradient to the place that the value came from."""
    inside = (at >= 0) & (at < n)
    moved = np.moveaxis(dout, axis, 0)
    dx = np.zeros((n, *moved.shape[1:]))
    np.add.at(dx, at[inside], moved[inside])
    return np.moveaxis(dx, 0, axis)


def last_given_back(dout, at, n, axis):
    """Assigned, not added."""
    moved = np.moveaxis(dout, axis, 0)
    dx = np.zeros((n, *moved.shape[1:]))
    for o, place in enumerate(at):
        dx[place] = moved[o]
    return np.moveaxis(dx, 0, axis)
