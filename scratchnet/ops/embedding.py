"""Embedding: a row of the weight for each index.

    out[..., :] = w[x[...], :]

It is a linear layer whose input is one-hot: out = onehot(x) w. So dw = onehot(x)^T dout: each row of dout is added to
the row that it came from, and an index that comes more than once gets the sum. Indices have no gradient.
Source: Bengio et al. 2003; Mikolov et al. 2013.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def embedding_forward(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, Any]:
    """x integers of any shape, w (V, D) -> out (*x.shape, D), out = w[x], and the cache."""
    return w[x], (x, w.shape)


def embedding_backward(dout: np.ndarray, cache: Any, padding_idx: int | None, by_frequency: bool) -> np.ndarray:
    """dw[v] = sum of dout over the places where x is v; 0 for v = padding_idx.

    by_frequency: divided by how often x is v, so that a frequent word does not learn faster than a rare one.
    """
    x, shape = cache
    dw = np.zeros(shape, dout.dtype)
    np.add.at(dw, x.reshape(-1), dout.reshape(-1, shape[1]))  # dw[x] += dout would keep one of equal indices only
    if by_frequency:
        counts = np.bincount(x.reshape(-1), minlength=shape[0])
        dw /= np.maximum(counts, 1).astype(dw.dtype)[:, None]
    if padding_idx is not None:
        dw[padding_idx] = 0
    return dw
