"""Losses that ask for a margin: no loss where the right answer is ahead by enough, max(0, z) of the rest.

Each function stands with its gradients below it: `share` is the upstream gradient of each loss, and there is one
gradient for each input, None for labels. At z = 0 the gradient is torch's choice: 0 for the losses of class numbers,
that of z for the others. Labels y are 1 or -1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops.activation_smooth import sigmoid
from scratchnet.ops.distance import pairwise_distance_backward, pairwise_distance_forward


def multi_margin(
    x: np.ndarray, target: np.ndarray, p: int, margin: float, weight: np.ndarray | None = None
) -> np.ndarray:
    """w[t] / C * sum over c other than t of max(0, margin - x[t] + x[c])^p.   x (N, C) or (C,), target (N,) or ()"""
    excess = _multi_margin_excess(x, target, margin)
    return _class_weight(weight, target) * (excess**p).sum(axis=-1) / x.shape[-1]


def multi_margin_gradients(
    share: np.ndarray, x: np.ndarray, target: np.ndarray, p: int, margin: float, weight: np.ndarray | None = None
) -> tuple[np.ndarray, None]:
    """dx[c] = w[t] / C * p max(0, ...)^(p - 1), and dx[t] = minus the sum of all these"""
    excess = _multi_margin_excess(x, target, margin)
    factor = share * _class_weight(weight, target) / x.shape[-1]
    dx = factor[..., None] * np.where(excess > 0, p * excess ** (p - 1), 0)
    np.put_along_axis(dx, target[..., None], -dx.sum(axis=-1, keepdims=True), -1)
    return dx, None


def _multi_margin_excess(x: np.ndarray, target: np.ndarray, margin: float) -> np.ndarray:
    """max(0, margin - x[t] + x[c]) for each class c, 0 for t itself"""
    index = target[..., None]
    excess = np.maximum(margin - np.take_along_axis(x, index, -1) + x, 0)
    np.put_along_axis(excess, index, 0, -1)
    return excess


def _class_weight(weight: np.ndarray | None, target: np.ndarray) -> np.ndarray | int:
    return 1 if weight is None else weight[target]


def multi_label_margin(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """1 / C * sum over wanted classes t and the other classes c of max(0, 1 - x[t] + x[c])

    x and target (N, C) or (C,); a row of target lists the wanted classes and ends at the first -1.
    """
    z, counts = _multi_label_excess(x, target)
    return np.where(counts, np.maximum(z, 0), 0).sum(axis=(-2, -1)) / x.dtype.type(x.shape[-1])


def multi_label_margin_gradients(share: np.ndarray, x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, None]:
    """dx[c] = 1 / C for each wanted t with max(0, ...) > 0, and dx[t] the negative of it for each such c"""
    z, counts = _multi_label_excess(x, target)
    hits = (counts & (z > 0)).astype(x.dtype)  # [..., j, c]: the j-th wanted class against c
    dx = hits.sum(axis=-2)
    rows = np.indices(target.shape)[:-1]
    np.subtract.at(dx, (*rows, np.maximum(target, 0)), hits.sum(axis=-1))
    return share[..., None] * dx / x.dtype.type(x.shape[-1]), None


def _multi_label_excess(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(1 - x[t_j] + x[c] for each j and c, whether t_j is wanted and c is not)"""
    listed = np.logical_and.accumulate(target >= 0, axis=-1)
    index = np.where(listed, target, 0)
    wanted = ((index[..., :, None] == np.arange(x.shape[-1])) & listed[..., :, None]).any(axis=-2)
    z = 1 - np.take_along_axis(x, index, -1)[..., :, None] + x[..., None, :]
    return z, listed[..., :, None] & ~wanted[..., None, :]


def multi_label_soft_margin(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """-1 / C * sum over c of w[c] (t[c] log s[c] + (1 - t[c]) log(1 - s[c])), s = sigmoid(x).   x, target (..., C)"""
    each = (1 - target) * x + np.logaddexp(0, -x)
    return (each if weight is None else weight * each).mean(axis=-1)


def multi_label_soft_margin_gradients(
    share: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """dx[c] = w[c] (s[c] - t[c]) / C;   dtarget[c] = -w[c] x[c] / C"""
    factor = share[..., None] / x.dtype.type(x.shape[-1]) * (1 if weight is None else weight)
    return factor * (sigmoid(x) - target), -factor * x


def soft_margin(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """log(1 + exp(-y x))"""
    return np.logaddexp(0, -y * x)


def soft_margin_gradients(share: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, None]:
    """dx = -y sigmoid(-y x)"""
    return -share * y * sigmoid(-y * x), None


def hinge_embedding(x: np.ndarray, y: np.ndarray, margin: float) -> np.ndarray:
    """x where y = 1, max(0, margin - x) where y = -1: x is a distance, small for what belongs together"""
    return np.where(y == 1, x, np.maximum(margin - x, 0))


def hinge_embedding_gradients(
    share: np.ndarray, x: np.ndarray, y: np.ndarray, margin: float
) -> tuple[np.ndarray, None]:
    """dx = 1 where y = 1; -1 where y = -1 and x <= margin"""
    return np.where(y == 1, share, np.where(margin - x >= 0, -share, 0)), None


def margin_ranking(x1: np.ndarray, x2: np.ndarray, y: np.ndarray, margin: float) -> np.ndarray:
    """max(0, -y (x1 - x2) + margin): for y = 1 x1 should be ahead, for y = -1 x2"""
    return np.maximum(-y * (x1 - x2) + margin, 0)


def margin_ranking_gradients(
    share: np.ndarray, x1: np.ndarray, x2: np.ndarray, y: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, None]:
    """dx1 = -y where the maximum is not the 0;   dx2 = -dx1"""
    dx1 = np.where(-y * (x1 - x2) + margin >= 0, -share * y, 0)
    return dx1, -dx1, None


COSINE_EPS = 1e-12  # added to both squared lengths


def cosine_embedding(x1: np.ndarray, x2: np.ndarray, y: np.ndarray, margin: float) -> np.ndarray:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1.   x1, x2 (N, D) or (D,), y (N,) or ()"""
    cos, _, _ = _cosine(x1, x2)
    return np.where(y == 1, 1 - cos, np.maximum(cos - margin, 0))


def cosine_embedding_gradients(
    share: np.ndarray, x1: np.ndarray, x2: np.ndarray, y: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, None]:
    """dcos/dx1 = x2 / (|x1| |x2|) - cos x1 / |x1|^2, and the same for x2"""
    cos, square1, square2 = _cosine(x1, x2)
    dcos = np.where(y == 1, -share, np.where(cos - margin >= 0, share, 0))[..., None]
    length = np.sqrt(square1 * square2)[..., None]
    dx1 = dcos * (x2 / length - (cos / square1)[..., None] * x1)
    dx2 = dcos * (x1 / length - (cos / square2)[..., None] * x2)
    return dx1, dx2, None


def _cosine(x1: np.ndarray, x2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cosine of the angle, |x1|^2, |x2|^2), over the last axis"""
    square1, square2 = ((x * x).sum(axis=-1) + COSINE_EPS for x in (x1, x2))
    return (x1 * x2).sum(axis=-1) / np.sqrt(square1 * square2), square1, square2


def triplet_margin(
    a: np.ndarray, p: np.ndarray, n: np.ndarray, margin: float, norm: float, eps: float, swap: bool
) -> np.ndarray:
    """max(0, |a - p| - |a - n| + margin): the anchor should be nearer to the positive p than to the negative n

    swap takes the smaller of |a - n| and |p - n|. The distances are norms over the last axis.
    """
    near, _ = pairwise_distance_forward(a, p, norm, eps)
    far, _ = pairwise_distance_forward(a, n, norm, eps)
    if swap:
        far = np.minimum(far, pairwise_distance_forward(p, n, norm, eps)[0])
    return np.maximum(near - far + margin, 0)


def triplet_margin_gradients(
    share: np.ndarray, a: np.ndarray, p: np.ndarray, n: np.ndarray, margin: float, norm: float, eps: float, swap: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """the gradient of |a - p| less that of |a - n| (with swap of the smaller one, half of each where they are equal),
    where the maximum is not the 0"""
    near, of_near = pairwise_distance_forward(a, p, norm, eps)
    far, of_far = pairwise_distance_forward(a, n, norm, eps)
    cross, of_cross = pairwise_distance_forward(p, n, norm, eps) if swap else (np.full_like(far, np.inf), None)
    d = np.where(near - np.minimum(far, cross) + margin >= 0, share, 0)
    first = np.where(far == cross, 0.5, far < cross).astype(far.dtype)  # the part of |a - n|
    da, dp = pairwise_distance_backward(d, of_near)
    da_far, dn = pairwise_distance_backward(-d * first, of_far)
    if not swap:
        return da + da_far, dp, dn
    dp_cross, dn_cross = pairwise_distance_backward(-d * (1 - first), of_cross)
    return da + da_far, dp + dp_cross, dn + dn_cross


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "MultiMarginLoss": (multi_margin, multi_margin_gradients),
    "MultiLabelMarginLoss": (multi_label_margin, multi_label_margin_gradients),
    "MultiLabelSoftMarginLoss": (multi_label_soft_margin, multi_label_soft_margin_gradients),
    "SoftMarginLoss": (soft_margin, soft_margin_gradients),
    "HingeEmbeddingLoss": (hinge_embedding, hinge_embedding_gradients),
    "MarginRankingLoss": (margin_ranking, margin_ranking_gradients),
    "CosineEmbeddingLoss": (cosine_embedding, cosine_embedding_gradients),
    "TripletMarginLoss": (triplet_margin, triplet_margin_gradients),
}
