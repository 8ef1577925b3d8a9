"""Losses that ask for a margin, of one sample: L, and its slopes for each input, None for labels.

o is a number or a row of C scores, t a class number, a row of them, or a label 1 or -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scratchnet.naive.activation_smooth import _log_1_plus_exp, sigmoid


def multi_margin(o, t, p, margin, weight=None):
    """L = w[t] / C * sum over c other than t of max(0, margin - o[t] + o[c])^p"""
    C, w = len(o), 1 if weight is None else weight[t]
    return w * sum(max(margin - o[t] + o[c], 0) ** p for c in range(C) if c != t) / C


def multi_margin_slopes(o, t, p, margin, weight=None):
    C, w, do = len(o), 1 if weight is None else weight[t], [0 for _ in o]
    for c in range(C):
        z = margin - o[t] + o[c]
        if c != t and z > 0:
            do[c] += w * p * z ** (p - 1) / C
            do[t] -= w * p * z ** (p - 1) / C
    return do, None


def _wanted(t):
    """The class numbers before the first -1"""
    row = [int(c) for c in t]
    return row[: row.index(-1)] if -1 in row else row


def multi_label_margin(o, t):
    """L = 1 / C * sum over wanted classes k and the other classes c of max(0, 1 - o[k] + o[c])"""
    C, wanted = len(o), _wanted(t)
    return sum(max(1 - o[k] + o[c], 0) for k in wanted for c in range(C) if c not in wanted) / C


def multi_label_margin_slopes(o, t):
    C, wanted, do = len(o), _wanted(t), [0 for _ in o]
    for k in wanted:
        for c in range(C):
            if c not in wanted and 1 - o[k] + o[c] > 0:
                do[c] += 1
                do[k] -= 1
    return [d / (o[0] - o[0] + C) for d in do], None


def multi_label_soft_margin(o, t, weight=None):
    """L = 1 / C * sum over c of w[c] (t[c] log(1 + exp(-o[c])) + (1 - t[c]) log(1 + exp(o[c])))"""
    C, w = len(o), [1 for _ in o] if weight is None else weight
    each = (w[c] * (t[c] * _log_1_plus_exp(-o[c]) + (1 - t[c]) * _log_1_plus_exp(o[c])) for c in range(C))
    return sum(each) / C


def multi_label_soft_margin_slopes(o, t, weight=None):
    C, w = len(o), [1 for _ in o] if weight is None else weight
    return [w[c] * (sigmoid(o[c]) - t[c]) / C for c in range(C)], [-w[c] * o[c] / C for c in range(C)]


def soft_margin(o, t):
    return _log_1_plus_exp(-t * o)


def soft_margin_slopes(o, t):
    return -t * sigmoid(-t * o), None


def hinge_embedding(o, t, margin):
    return o if t == 1 else max(margin - o, 0)


def hinge_embedding_slopes(o, t, margin):
    return 1 if t == 1 else -1 if margin - o >= 0 else 0, None


def margin_ranking(o1, o2, t, margin):
    return max(-t * (o1 - o2) + margin, 0)


def margin_ranking_slopes(o1, o2, t, margin):
    s = -t if -t * (o1 - o2) + margin >= 0 else 0
    return s, -s, None


def _cosine(o1, o2):
    """(cosine, |o1|^2, |o2|^2)"""
    square1, square2 = sum(a * a for a in o1) + 1e-12, sum(b * b for b in o2) + 1e-12
    return sum(a * b for a, b in zip(o1, o2)) / math.sqrt(square1 * square2), square1, square2


def cosine_embedding(o1, o2, t, margin):
    cos, _, _ = _cosine(o1, o2)
    return 1 - cos if t == 1 else max(cos - margin, 0)


def cosine_embedding_slopes(o1, o2, t, margin):
    """dcos/do1 = o2 / (|o1| |o2|) - cos o1 / |o1|^2"""
    cos, square1, square2 = _cosine(o1, o2)
    s = -1 if t == 1 else 1 if cos - margin >= 0 else 0
    length = math.sqrt(square1 * square2)
    d1 = [s * (b / length - cos * a / square1) for a, b in zip(o1, o2)]
    d2 = [s * (a / length - cos * b / square2) for a, b in zip(o1, o2)]
    return d1, d2, None


def _distance(a, b, p, eps):
    sizes = [abs(x - y + eps) for x, y in zip(a, b)]
    return max(sizes) if p == math.inf else sum(size**p for size in sizes) ** (1 / p)


def _distance_slopes(a, b, p, eps):
    """sign(v) (|v| / norm)^(p - 1), v = a - b + eps; for p = inf the largest share 1"""
    norm, v = _distance(a, b, p, eps), [x - y + eps for x, y in zip(a, b)]
    if p == math.inf:
        count = sum(abs(x) == norm for x in v)
        return [(1 if x > 0 else -1) / count if abs(x) == norm else 0 for x in v]
    return [(1 if x > 0 else -1) * (abs(x) / norm) ** (p - 1) if x != 0 else 0 for x in v]


def triplet_margin(a, p, n, margin, norm, eps, swap):
    """max(0, |a - p| - |a - n| + margin); swap: the smaller of |a - n| and |p - n|"""
    far = _distance(a, n, norm, eps)
    if swap:
        far = min(far, _distance(p, n, norm, eps))
    return max(_distance(a, p, norm, eps) - far + margin, 0)


def triplet_margin_slopes(a, p, n, margin, norm, eps, swap):
    near, far, cross = (_distance(*pair, norm, eps) for pair in ((a, p), (a, n), (p, n)))
    D = range(len(a))
    if near - (min(far, cross) if swap else far) + margin < 0:
        return [0 for _ in D], [0 for _ in D], [0 for _ in D]
    first = 1 if not swap or far < cross else 0.5 if far == cross else 0  # the part of |a - n|
    g_near, g_far, g_cross = (_distance_slopes(*pair, norm, eps) for pair in ((a, p), (a, n), (p, n)))
    da = [g_near[i] - first * g_far[i] for i in D]
    dp = [-g_near[i] - (1 - first) * g_cross[i] for i in D]
    dn = [first * g_far[i] + (1 - first) * g_cross[i] for i in D]
    return da, dp, dn


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "SoftMarginLoss": (soft_margin, soft_margin_slopes),
    "HingeEmbeddingLoss": (hinge_embedding, hinge_embedding_slopes),
    "MarginRankingLoss": (margin_ranking, margin_ranking_slopes),
}
OF_ROWS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "MultiMarginLoss": (multi_margin, multi_margin_slopes),
    "MultiLabelMarginLoss": (multi_label_margin, multi_label_margin_slopes),
    "MultiLabelSoftMarginLoss": (multi_label_soft_margin, multi_label_soft_margin_slopes),
    "CosineEmbeddingLoss": (cosine_embedding, cosine_embedding_slopes),
    "TripletMarginLoss": (triplet_margin, triplet_margin_slopes),
}
