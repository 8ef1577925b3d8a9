"""Training: batch gradient descent and stochastic gradient descent, as the course note describes them.

Both are the same loop, `fit`; they differ in how many samples stand behind one update:

    gradient_descent    forward over the ENTIRE training set, loss, back-propagation, one update
    sgd                 the same with a mini-batch drawn at random, without samples already used in this epoch;
                        an epoch ends when every sample was used once

Source: course note, section 5.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchnet.data.loader import DataLoader
from scratchnet.nn.module import Module, no_grad
from scratchnet.optim.sgd import SGD

Pair = tuple[np.ndarray, np.ndarray]  # inputs (N, ...), targets (N, ...)


@dataclass
class History:
    """What training went through: one entry per epoch in each list, the first of them before any update.

    epochs, updates   how many were done
    seconds           spent on training so far; evaluation does not count
    loss, accuracy    of each watched set, by its name: history.accuracy["test"][-1]; accuracy in 0..1
    """

    epochs: list[int] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    loss: dict[str, list[float]] = field(default_factory=dict)
    accuracy: dict[str, list[float]] = field(default_factory=dict)


def gradient_descent(net: Module, loss: Module, train: Pair, *, lr: float, epochs: int, **options: Any) -> History:
    """Batch gradient descent: an epoch is ONE update, by the gradient over the entire training set.

    train = (x, y); options: `watch`, `chunk_size`, `progress`, `clock` of `fit`.
    """
    x, y = train
    entire_set = DataLoader((x, y), batch_size=len(x))
    return fit(net, loss, entire_set, SGD(net.parameters(), lr), epochs, **options)


def sgd(
    net: Module,
    loss: Module,
    train: Pair,
    *,
    lr: float,
    epochs: int,
    batch_size: int = 64,
    momentum: float = 0.0,
    rng: np.random.Generator | None = None,
    **options: Any,
) -> History:
    """Stochastic gradient descent: an epoch is one update for each mini-batch, drawn anew from `rng` every epoch.

    train = (x, y); options: `watch`, `progress`, `clock` of `fit`.
    """
    mini_batches = DataLoader(train, batch_size, shuffle=True, rng=rng)
    return fit(net, loss, mini_batches, SGD(net.parameters(), lr, momentum), epochs, **options)


def fit(
    net: Module,
    loss: Module,
    batches: DataLoader,
    optimizer: Any,
    epochs: int,
    *,
    watch: Mapping[str, Pair] | None = None,
    chunk_size: int | None = None,
    progress: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> History:
    """Train `net` for `epochs` passes over `batches`; returns the History.

    loss       CrossEntropyLoss() or the like: loss(out, y), whose backward() begins with the gradient of out
    optimizer  step() and zero_grad() over net's parameters
    watch      sets to evaluate before training and after each epoch: {"train": (x, y), "test": (x, y)}
    chunk_size how many samples of a batch go through the network at once (all): see `update`
    progress   show a progress bar on stderr
    clock      what seconds are read from; time.process_time leaves out what other programs take
    Raises FloatingPointError once the loss is not finite.
    """
    watch = watch or {}
    history = History(loss={name: [] for name in watch}, accuracy={name: [] for name in watch})
    updates, seconds = 0, 0.0

    def record(epoch: int) -> None:
        history.epochs.append(epoch)
        history.updates.append(updates)
        history.seconds.append(seconds)
        for name, (x, y) in watch.items():
            mean_loss, accuracy = evaluate(net, loss, x, y)
            history.loss[name].append(mean_loss)
            history.accuracy[name].append(accuracy)

    record(0)
    with _progress_bar(progress, epochs * len(batches)) as advance:
        for epoch in range(1, epochs + 1):
            net.train()
            start = clock()
            for x, y in batches:
                value = update(net, loss, optimizer, x, y, chunk_size)
                updates += 1
                if not math.isfinite(value):
                    raise FloatingPointError(
                        f"the loss is {value} at update {updates} (epoch {epoch}): training diverged; "
                        "use a smaller lr, or look for infinite inputs and weights"
                    )
                advance(f"epoch {epoch}/{epochs}, loss {value:.4f}")
            seconds += clock() - start
            record(epoch)
    return history


def update(
    net: Module, loss: Module, optimizer: Any, x: np.ndarray, y: np.ndarray, chunk_size: int | None = None
) -> float:
    """Forward, loss, back-propagation, one step of the optimizer; returns the loss before the step.

    With `chunk_size` the batch goes through in parts of that many samples, and their gradients add up to the batch's:
    for a batch too large for memory or cache. (Batch normalisation then normalises over each part.)
    """
    optimizer.zero_grad()
    total = 0.0
    for part in _parts(len(x), chunk_size or len(x)):
        share = len(x[part]) / len(x) if _averages(loss) else 1.0
        total += share * float(loss(net(x[part]), y[part]))
        dout, _ = loss.backward(share)
        net.backward(dout)
    optimizer.step()
    return total


def evaluate(net: Module, loss: Module, x: np.ndarray, y: np.ndarray, batch_size: int = 500) -> tuple[float, float]:
    """(loss, accuracy in 0..1) of `net` in eval mode, batch by batch, with nothing kept for backward.

    The loss is the mean over the samples of a loss that averages, the sum of one that sums. Accuracy is the share of
    samples whose largest output stands at the label, where y holds labels (N,); nan for targets of another kind.
    Raises ValueError without samples.
    """
    if len(x) == 0:
        raise ValueError("evaluate: no samples given, at least one expected")
    has_labels = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
    total, right = 0.0, 0
    with _eval_mode(net), no_grad():
        for part in _parts(len(x), batch_size):
            out = net(x[part])
            total += float(loss(out, y[part])) * (len(out) / len(x) if _averages(loss) else 1.0)
            right += int((out.argmax(1) == y[part]).sum()) if has_labels else 0
    return total, right / len(x) if has_labels else math.nan


def _parts(n: int, size: int) -> Iterator[slice]:
    return (slice(i, i + size) for i in range(0, n, size))


def _averages(loss: Module) -> bool:
    """Whether the loss is a mean over the samples, so that each sample counts 1/N; otherwise it is their sum."""
    return getattr(loss, "reduction", "sum") == "mean"


@contextmanager
def _eval_mode(net: Module) -> Iterator[None]:
    """`net` in eval mode inside this block; afterwards each layer is in the mode it was in."""
    modes = [(module, module.training) for _, module in net.named_modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _progress_bar(wanted: bool, total: int) -> Iterator[Callable[[str], None]]:
    """Gives a function to call after each update, with what is to be said of it."""
    if not wanted:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda text: bar.update(task, advance=1, description=text)
