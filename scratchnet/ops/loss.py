"""Losses: how far the output x is from the target. Each backward gives the gradient of both, (dx, dtarget).

reduction: "none" gives one loss for each element or sample, "sum" their sum, "mean" their mean. FUNCTIONS lists the
losses that are reduced in no other way, by torch.nn's names; they stand in loss_distance.py, loss_likelihood.py and
loss_margin.py. Here are the two squared errors and those of class numbers, whose mean is weighted.
Sources: the course note, section 1; Goodfellow, Bengio and Courville 2016, section 6.2; Szegedy et al. 2016, section 7
for label smoothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops import loss_distance, loss_likelihood, loss_margin
from scratchnet.ops.softmax import log_softmax_backward, log_softmax_forward

# (the losses, the gradients of all inputs)
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    **loss_distance.FUNCTIONS,
    **loss_likelihood.FUNCTIONS,
    **loss_margin.FUNCTIONS,
}


def loss_forward(
    name: str, inputs: tuple[np.ndarray, ...], reduction: str = "mean", **settings: Any
) -> tuple[np.ndarray, Any]:
    """The losses that `name` (a key of FUNCTIONS) gives for `inputs`, reduced, and the cache.

    reduction="batchmean" divides their sum by the size of their first axis, the number of samples.
    """
    losses = FUNCTIONS[name][0](*inputs, **settings)
    divisor = losses.dtype.type(len(losses) if reduction == "batchmean" else losses.size)
    reduction = "mean" if reduction == "batchmean" else reduction
    return reduce(losses, divisor, reduction), (name, inputs, losses.shape, divisor, reduction, settings)


def loss_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray | None, ...]:
    """One gradient for each input, None for labels."""
    name, inputs, shape, divisor, reduction, settings = cache
    each = np.broadcast_to(share(dout, divisor, reduction), shape)
    return FUNCTIONS[name][1](each, *inputs, **settings)


def half_squared_error_forward(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Any]:
    """L = 1/2 * sum over n of (x[n] - target[n])^2: a number, and the cache."""
    difference = x - target
    return 0.5 * (difference * difference).sum(), difference


def half_squared_error_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """dx = dout * (x - target): the half cancels the 2.   dtarget = -dx."""
    dx = dout * cache
    return dx, -dx


def mse_forward(x: np.ndarray, target: np.ndarray, reduction: str = "mean") -> tuple[np.ndarray, Any]:
    """L[n] = (x[n] - target[n])^2, reduced (NaN for the mean of nothing), and the cache."""
    difference = x - target
    return reduce(difference * difference, x.dtype.type(x.size), reduction), (difference, reduction)


def mse_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray]:
    """dx[n] = dout * 2 (x[n] - target[n]), divided by the number of elements for the mean.   dtarget = -dx."""
    difference, reduction = cache
    dx = 2 * difference * share(dout, difference.dtype.type(difference.size), reduction)
    return dx, -dx


def nll_forward(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[np.ndarray, Any]:
    """L[n] = -w[t] x[n,t], x the logarithms of probabilities and t = target[n] the number of the right class.

    x (C,) or (N, C, ...), target in the shape of x without C, w = weight (C,). Where the target is ignore_index there
    is no loss; the mean divides by the sum of the weights w[t] that count (NaN where none does).
    """
    axis = min(x.ndim - 1, 1)
    counts = target != ignore_index
    label = np.where(counts, target, 0)
    w = np.where(counts, 1 if weight is None else weight[label], 0).astype(x.dtype)
    index = np.expand_dims(label, axis)
    chosen = np.take_along_axis(x, index, axis).squeeze(axis)
    losses = -w * np.where(counts, chosen, 0)
    return reduce(losses, w.sum(), reduction), (x, index, axis, w, counts, w.sum(), reduction)


def nll_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, None]:
    """dx[n,t] = -dout w[t], divided as the mean is, and 0 for the other classes."""
    x, index, axis, w, counts, divisor, reduction = cache
    dx = np.zeros_like(x)
    with np.errstate(invalid="ignore"):  # weights that sum to 0: NaN, as the loss
        each = np.where(counts, -w * share(dout, divisor, reduction), 0).astype(x.dtype)
    np.put_along_axis(dx, index, np.expand_dims(each, axis), axis)
    return dx, None


def cross_entropy_forward(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[np.ndarray, Any]:
    """L[n] = -sum over c of w[c] q[n,c] log p[n,c], where log p is the log-softmax of x, reduced; and the cache.

    x (C,) or (N, C, ...), weight w (C,). The target is either q itself, floats in the shape of x, or the number of the
    right class, integers in the shape of x without C: then q is 1 there and 0 elsewhere, and samples whose target is
    ignore_index have no loss. Label smoothing makes (1 - label_smoothing) q + label_smoothing / C of q.
    The mean divides by the number of samples; for class numbers by the sum of the weights w[target] that count (NaN
    where none does).
    """
    axis = min(x.ndim - 1, 1)
    classes, samples = x.shape[axis], x.shape[:axis] + x.shape[axis + 1 :]
    probabilities = target.dtype.kind == "f"
    w = np.ones(classes, x.dtype) if weight is None else weight
    if probabilities:
        q, counts = target, np.ones(samples, bool)
        divisor = x.dtype.type(counts.size)
    else:
        counts = target != ignore_index
        label = np.where(counts, target, 0)
        q = np.zeros_like(x)
        np.put_along_axis(q, np.expand_dims(label, axis), 1, axis)
        divisor = np.where(counts, w[label], 0).sum()
        divisor = np.where(divisor == 0, np.nan, divisor).astype(x.dtype)  # also of what smoothing adds
    if label_smoothing:
        q = (1 - label_smoothing) * q + label_smoothing / classes
    w = w.reshape(-1, *(1,) * (x.ndim - axis - 1))  # along the class axis
    wq = np.where(np.expand_dims(counts, axis), w * q, 0)

    logp, _ = log_softmax_forward(x, axis)
    terms = np.multiply(wq, logp, out=np.zeros_like(x), where=wq != 0)  # 0 log 0 = 0
    out = reduce(-terms.sum(axis=axis), divisor, reduction)
    dq = -(1 - label_smoothing) * w * logp if probabilities else None
    return out, (logp, axis, wq, dq, counts, divisor, reduction)


def cross_entropy_backward(dout: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """dx[n,c] = dout (p[n,c] * sum over k of w[k] q[n,k] - w[c] q[n,c]), divided as the mean is: p - q without weights.

    dtarget[n,c] = -dout (1 - label_smoothing) w[c] log p[n,c] of probabilities, divided as well; None of class numbers.
    """
    logp, axis, wq, dq, counts, divisor, reduction = cache
    each = np.expand_dims(np.where(counts, share(dout, divisor, reduction), 0), axis)
    with np.errstate(invalid="ignore"):  # weights that sum to 0: NaN, as the loss
        dx = log_softmax_backward(-wq * each, (logp, axis))
        return dx, None if dq is None else dq * each


def reduce(losses: np.ndarray, divisor: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return losses
    with np.errstate(invalid="ignore", divide="ignore"):  # the mean of nothing is NaN
        return losses.sum() / divisor if reduction == "mean" else losses.sum()


def share(dout: np.ndarray, divisor: np.ndarray, reduction: str) -> np.ndarray:
    """dL/d(losses): what the reduction passes on to each loss."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return dout / divisor if reduction == "mean" else dout
