"""Connectionist temporal classification: the loss of a sequence of labels that is not aligned with its frames.

Each frame t has log-probabilities x[t,c] of C classes, one of which is the blank. An alignment names one class for each
frame; without repetitions, and then without blanks, it has to spell the labels. The loss is minus the logarithm of the
summed probability of all of them:

    e               the labels with a blank before, between and after them: S labels make 2 S + 1 places
    alpha[t,s]      the log-probability of all beginnings that stand at place s in frame t:
    alpha[0,0..1] = x[0,e[0..1]]                         an alignment begins with a blank or the first label
    alpha[t,s]    = x[t,e[s]] + log(exp alpha[t-1,s]     it stays at its place,
                                  + exp alpha[t-1,s-1]   goes on by one,
                                  + exp alpha[t-1,s-2])  or leaves out a blank between two different labels
    loss          = -log(exp alpha[T-1,2S] + exp alpha[T-1,2S-1])

The endings beta are the same read backwards, and exp(alpha + beta - x) sums all alignments that are at s in frame t.
Source: Graves, Fernandez, Gomez and Schmidhuber 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops.loss import reduce, share


def ctc_forward(
    x: np.ndarray, labels: list[np.ndarray], frames: np.ndarray, blank: int, reduction: str, zero_infinity: bool
) -> tuple[np.ndarray, Any]:
    """x (T, N, C), for each of N sequences its labels (integers, no blank) and the number of its frames -> the losses
    (N,) or reduced, and the cache.

    The mean divides each loss by the number of its labels (at least 1), then by N. Where no alignment fits, because
    there are more labels than frames, the loss is infinite; zero_infinity makes it and its gradient 0.
    """
    places = [extended(row, blank) for row in labels]
    alphas = [beginnings(x[:T, n], e, blank) for n, (T, e) in enumerate(zip(frames, places))]
    losses = np.array([-np.logaddexp.reduce(alpha[-1, -2:]) for alpha in alphas], x.dtype).reshape(len(labels))
    counts = np.array([max(len(row), 1) if reduction == "mean" else 1 for row in labels], x.dtype)
    kept = np.where(np.isinf(losses) & zero_infinity, 0, losses)
    out = reduce(kept / counts, x.dtype.type(len(labels)), reduction)
    return out, (x, places, alphas, losses, counts, blank, reduction, zero_infinity)


def ctc_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dx[t,c] = dout (exp x[t,c] - the part of the alignments that have class c in frame t), 0 beyond the frames

    This is the gradient of the scores before a log-softmax, as in torch: a log-softmax behind it leaves it as it is,
    because it sums to 0 over the classes. So x has to come from a log-softmax.
    """
    x, places, alphas, losses, counts, blank, reduction, zero_infinity = cache
    each = np.broadcast_to(share(dout, x.dtype.type(len(places)), reduction), losses.shape) / counts
    dx = np.zeros_like(x)
    for n, (e, alpha) in enumerate(zip(places, alphas)):
        if zero_infinity and np.isinf(losses[n]):
            continue
        own = x[: len(alpha), n]
        beta = beginnings(own[::-1], e[::-1], blank)[::-1, ::-1]
        of_class = np.full(own.shape, -np.inf, x.dtype)
        np.logaddexp.at(of_class.T, e, (alpha + beta).T)
        with np.errstate(invalid="ignore"):  # inf - inf where nothing fits: NaN, as in torch
            dx[: len(alpha), n] = each[n] * (np.exp(own) - np.exp(of_class + losses[n] - own))
    return dx


def extended(labels: np.ndarray, blank: int) -> np.ndarray:
    """blank, label, blank, label, ..., blank"""
    e = np.full(2 * len(labels) + 1, blank)
    e[1::2] = labels
    return e


def beginnings(x: np.ndarray, e: np.ndarray, blank: int) -> np.ndarray:
    """alpha (T, places) of one sequence x (T, C)"""
    alpha = np.full((len(x), len(e)), -np.inf, x.dtype)
    alpha[0, :2] = x[0, e[:2]]
    leaves_out = np.full(len(e), False)
    leaves_out[2:] = (e[2:] != blank) & (e[2:] != e[:-2])
    for t in range(1, len(x)):
        stays = alpha[t - 1]
        total = stays.copy()
        total[1:] = np.logaddexp(total[1:], stays[:-1])
        total[2:] = np.where(leaves_out[2:], np.logaddexp(total[2:], stays[:-2]), total[2:])
        alpha[t] = total + x[t, e]
    return alpha
