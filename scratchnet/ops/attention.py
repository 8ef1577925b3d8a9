"""Attention: each query takes a mean of the values, weighted by how well their keys fit it.

    scores  = q k^T / sqrt(d) + mask           (L, S): one for each query and key, divided so that they stay of size 1
    p       = softmax(scores) along the keys   mask -inf: this key is not seen, its p is 0
    weights = p * dropped / (1 - rate)         dropout, 1 without
    out     = weights v                        (L, dv)

Backward, from the last line to the first:

    dv       = weights^T dout                  dweights = dout v^T (and what comes back through the weights themselves)
    dp       = dweights * dropped / (1 - rate)
    dscores  = p * (dp - sum over the keys of dp p)
    dq       = dscores k / sqrt(d)             dk = dscores^T q / sqrt(d),   dmask = dscores

Several heads do this side by side on their own d features of q, k and v: the features are split into one more axis.
Source: Vaswani et al. 2017.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet.ops.softmax import softmax_backward, softmax_forward


def scaled_dot_product_forward(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, factor: np.ndarray | None, safe: bool
) -> tuple[np.ndarray, np.ndarray, Any]:
    """q (..., L, d), k (..., S, d), v (..., S, dv), mask that broadcasts to (..., L, S), added to the scores, and
    factor, what dropout multiplies the weights by -> out (..., L, dv), weights (..., L, S), and the cache.

    A query that sees no key at all gets 0 if `safe`, else NaN: the softmax of nothing.
    """
    scores = (q / sqrt(q.shape[-1])) @ np.swapaxes(k, -1, -2)
    if mask is not None:
        scores = scores + mask
    blind = (scores == -np.inf).all(axis=-1, keepdims=True)
    p, softmax_cache = softmax_forward(np.where(blind, 0, scores), -1)
    p[...] = np.where(blind, 0 if safe else np.nan, p)
    weights = p if factor is None else p * factor
    return weights @ v, weights, (q, k, v, weights, factor, softmax_cache)


def scaled_dot_product_backward(
    dout: np.ndarray, dweights: np.ndarray | None, cache: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dout (..., L, dv), dweights (..., L, S) where the weights were used as well -> dq, dk, dv, dscores (which is
    dmask, before it is summed over the axes along which the mask was repeated)."""
    q, k, v, weights, factor, softmax_cache = cache
    dv = np.swapaxes(weights, -1, -2) @ dout
    through_out = dout @ np.swapaxes(v, -1, -2)
    dp = through_out if dweights is None else through_out + dweights
    dp = dp if factor is None else dp * factor
    dscores = softmax_backward(dp, softmax_cache)
    scale = 1 / sqrt(q.shape[-1])
    return (dscores @ k) * scale, (np.swapaxes(dscores, -1, -2) @ q) * scale, dv, dscores


def split_heads(x: np.ndarray, heads: int) -> np.ndarray:
    """(T, N, heads*d) -> (N, heads, T, d)"""
    steps, batch, features = x.shape
    return x.reshape(steps, batch, heads, features // heads).transpose(1, 2, 0, 3)


def join_heads(x: np.ndarray) -> np.ndarray:
    """(N, heads, T, d) -> (T, N, heads*d)"""
    batch, heads, steps, size = x.shape
    return x.transpose(2, 0, 1, 3).reshape(steps, batch, heads * size)
