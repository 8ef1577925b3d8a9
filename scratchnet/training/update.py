"""What happens to one batch: an update of the weights, or an evaluation without one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchnet.nn.module import Module, no_grad, no_input_grad

Pair = tuple[np.ndarray, np.ndarray]  # inputs (N, ...), targets (N, ...)


def update(
    net: Module, loss: Module, optimizer: Any, x: np.ndarray, y: np.ndarray, chunk_size: int | None = None
) -> float:
    """Forward, loss, back-propagation, one step of the optimizer; returns the loss before the step."""
    optimizer.zero_grad()
    value, _ = forward_backward(net, loss, x, y, chunk_size)
    optimizer.step()
    return value


def forward_backward(
    net: Module, loss: Module, x: np.ndarray, y: np.ndarray, chunk_size: int | None = None
) -> tuple[float, float]:
    """Adds the gradients of `loss(net(x), y)` into net's parameters; returns (loss, accuracy), as `evaluate`.

    With `chunk_size` the batch goes through in parts of that many samples, and their gradients add up to the batch's:
    for a batch too large for memory or cache. (Batch normalisation then normalises over each part.)
    """
    total, right = 0.0, 0.0
    for part in parts(len(x), chunk_size or len(x)):
        share = len(x[part]) / len(x) if averages(loss) else 1.0
        with no_input_grad(x):
            out = net(x[part])
        total += share * float(loss(out, y[part]))
        right += count_right(out, y[part])
        dout, _ = loss.backward(share)
        net.backward(*dout if isinstance(dout, tuple) else (dout,))
    return total, right / len(x)


def evaluate(net: Module, loss: Module, x: np.ndarray, y: np.ndarray, batch_size: int = 500) -> tuple[float, float]:
    """(loss, accuracy in 0..1) of `net` in eval mode, batch by batch, with nothing kept for backward.

    The loss is the mean over the samples of a loss that averages, the sum of one that sums. Accuracy is the share of
    samples whose largest output stands at the label, where y holds labels (N,); nan for targets of another kind.
    Raises ValueError without samples.
    """
    if len(x) == 0:
        raise ValueError("evaluate: no samples given, at least one expected")
    total, right = 0.0, 0.0
    with eval_mode(net), no_grad():
        for part in parts(len(x), batch_size):
            out = net(x[part])
            total += float(loss(out, y[part])) * (len(y[part]) / len(y) if averages(loss) else 1.0)
            right += count_right(out, y[part])
    return total, right / len(x)


def predict(net: Module, x: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """The outputs of `net` for x (N, ...), in eval mode, batch by batch, with nothing kept for backward.

    Raises ValueError without samples.
    """
    if len(x) == 0:
        raise ValueError("predict: no samples given, at least one expected")
    with eval_mode(net), no_grad():
        return np.concatenate([net(x[part]) for part in parts(len(x), batch_size)])


def count_right(out: Any, y: np.ndarray) -> float:
    """How many samples have their largest output at the label y (N,); nan for targets of another kind.

    Of several outputs (GoogLeNet's, in training) the first counts.
    """
    scores = out[0] if isinstance(out, tuple) else out
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer) or scores.ndim != 2:
        return math.nan
    return float((scores.argmax(1) == y).sum())


def parts(n: int, size: int) -> Iterator[slice]:
    return (slice(i, i + size) for i in range(0, n, size))


def averages(loss: Module) -> bool:
    """Whether the loss is a mean over the samples, so that each sample counts 1/N; otherwise it is their sum."""
    return getattr(loss, "reduction", "sum") == "mean"


@contextmanager
def eval_mode(net: Module) -> Iterator[None]:
    """`net` in eval mode inside this block; afterwards each layer is in the mode it was in."""
    modes = [(module, module.training) for _, module in net.named_modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
