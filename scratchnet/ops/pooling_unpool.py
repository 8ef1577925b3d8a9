"""Max unpooling: what max pooling took is put back where it stood, and everything else is 0.

    out[index[y]] = x[y]          dx[y] = dout[index[y]]

Of several values for one place the last stays. It is max pooling's dx without the addition.
Source: Zeiler and Fergus 2014, section 2.1.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.ops.windows import Sizes


def max_unpool_forward(x: np.ndarray, index: np.ndarray, out_sizes: Sizes) -> tuple[np.ndarray, Any]:
    """x (..., *sizes), index (int64, as x: flat positions in the spatial axes of out) -> out (..., *out_sizes), cache.

    Raises ValueError where an index lies outside of out.
    """
    lead, places = x.shape[: x.ndim - len(out_sizes)], prod(out_sizes)
    if index.size and (index.min() < 0 or index.max() >= places):
        raise ValueError(
            f"indices from {index.min()} to {index.max()}: 0 to {places - 1} expected, flat positions in an output of "
            f"sizes {out_sizes}"
        )
    flat = index.reshape(prod(lead), prod(x.shape[len(lead) :]))
    out = np.zeros((prod(lead), places), x.dtype)
    np.put_along_axis(out, flat, x.reshape(flat.shape), axis=1)
    return out.reshape(*lead, *out_sizes), (flat, x.shape)


def max_unpool_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out_sizes) -> dx (..., *sizes): each value gets the gradient of the place that it was put to."""
    flat, shape = cache
    planes = dout.reshape(len(flat), dout.size // max(len(flat), 1))
    return np.take_along_axis(planes, flat, axis=1).reshape(shape)
