"""fit: the loop over epochs and mini-batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scratchnet.data.loader import DataLoader
from scratchnet.nn.module import Module
from scratchnet.optim.clip import clip_grad_norm_, clip_grad_value_
from scratchnet.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from scratchnet.optim.optimizer import Optimizer
from scratchnet.training.checkpoint import Checkpoint
from scratchnet.training.early_stopping import EarlyStopping
from scratchnet.training.history import BATCHES, History
from scratchnet.training.progress import Show, progress_bar
from scratchnet.training.update import Pair, evaluate, forward_backward


def fit(
    net: Module,
    loss: Module,
    batches: DataLoader,
    optimizer: Optimizer,
    epochs: int,
    *,
    watch: Mapping[str, Pair] | None = None,
    scheduler: LRScheduler | None = None,
    schedule_each: str = "epoch",
    monitor: str | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    early_stopping: EarlyStopping | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    chunk_size: int | None = None,
    progress: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> History:
    """Train `net` until it went through `batches` `epochs` times; returns the History.

    loss            CrossEntropyLoss() or the like: loss(out, y), whose backward() begins with the gradient of out
    optimizer       step() and zero_grad() over net's parameters
    watch           sets to evaluate before training and after each epoch: {"train": (x, y), "test": (x, y)}
    scheduler       steps after each epoch, or with schedule_each="update" after each update (OneCycleLR, CyclicLR);
                    a ReduceLROnPlateau looks at `monitor`: "<watched set> loss" or "<watched set> accuracy"
    clip_norm       largest norm of all gradients together, clip_value the largest gradient, before each step
    early_stopping  see EarlyStopping
    checkpoint      a file, written before the first epoch and after each one; Ctrl-C leaves it whole
    resume          go on from that file if it is there. The result is bit for bit the one of a training that was never
                    interrupted, given the same arguments and the same data in `batches` and `watch` (the file has none
                    of it: seed their split); only `epochs` may be larger
    chunk_size      how many samples of a batch go through the network at once (all): see `forward_backward`
    progress        show a progress bar on stderr
    clock           what seconds are read from; time.process_time leaves out what other programs take
    Raises FloatingPointError once the loss is not finite, ValueError for arguments that do not go together.
    """
    watch = watch or {}
    _check(watch, scheduler, schedule_each, monitor, early_stopping, checkpoint, resume)
    history = History()
    parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler, "early_stopping": early_stopping}
    kept = Checkpoint(checkpoint, parts, {"net": net, "batches": batches}) if checkpoint is not None else None
    if early_stopping is not None:
        early_stopping.begin()

    def record(updates: int, seconds: float, batch_loss: float, batch_accuracy: float) -> None:
        """The end of an epoch: what comes once for each."""
        history.lr.append(float(optimizer.param_groups[0]["lr"]))
        history.epochs.append(len(history.epochs))
        history.updates.append(updates)
        history.seconds.append(seconds)
        history.record(BATCHES, batch_loss, batch_accuracy)
        for name, (x, y) in watch.items():
            history.record(name, *evaluate(net, loss, x, y))
        if isinstance(scheduler, ReduceLROnPlateau) and monitor is not None and history.epochs[-1]:
            scheduler.step(history.curve(monitor)[-1])
        elif scheduler is not None and schedule_each == "epoch" and history.epochs[-1]:
            scheduler.step()
        if early_stopping is not None:
            early_stopping.update(history, net)
        if kept is not None:
            kept.save(history)

    def step(x: Any, y: Any) -> tuple[float, float]:
        optimizer.zero_grad()
        result = forward_backward(net, loss, x, y, chunk_size)
        if clip_norm is not None:
            clip_grad_norm_(net.parameters(), clip_norm)
        if clip_value is not None:
            clip_grad_value_(net.parameters(), clip_value)
        optimizer.step()
        if scheduler is not None and schedule_each == "update":
            scheduler.step()
        return result

    if kept is not None and resume and kept.path.exists():
        history = kept.load()
        if set(history.loss) != {BATCHES, *watch}:
            raise ValueError(f"{kept.path} watched {sorted(history.loss)}, expected is {sorted({BATCHES, *watch})}")
    else:
        record(0, 0.0, math.nan, math.nan)
    with progress_bar(progress, epochs, epochs * len(batches), history.updates[-1]) as show:
        while history.epochs[-1] < epochs and not (early_stopping and early_stopping.stopped):
            net.train()
            start = clock()
            means = _epoch(step, batches, history, show)
            record(history.updates[-1] + len(batches), history.seconds[-1] + clock() - start, *means)
    if early_stopping is not None:
        early_stopping.restore(net)
    return history


def _epoch(
    step: Callable[[Any, Any], tuple[float, float]], batches: DataLoader, history: History, show: Show
) -> tuple[float, float]:
    """One pass over `batches`; returns the means of loss and accuracy over its samples."""
    epoch, samples, loss_sum, right = history.epochs[-1] + 1, 0, 0.0, 0.0
    for number, (x, y) in enumerate(batches, 1):
        value, accuracy = step(x, y)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at update {history.updates[-1] + number} (epoch {epoch}): training diverged; "
                "use a smaller lr, or look for infinite inputs and weights"
            )
        samples += len(x)
        loss_sum += value * len(x)
        right += accuracy * len(x)
        show(epoch, loss_sum / samples, right / samples)
    return (loss_sum / samples, right / samples) if samples else (math.nan, math.nan)


def _check(
    watch: Mapping[str, Pair],
    scheduler: LRScheduler | None,
    schedule_each: str,
    monitor: str | None,
    early_stopping: EarlyStopping | None,
    checkpoint: Any,
    resume: bool,
) -> None:
    """Before the first epoch, not after it."""
    names = History(loss={name: [] for name in (BATCHES, *watch)}, accuracy={name: [] for name in (BATCHES, *watch)})
    if BATCHES in watch:
        raise ValueError(f'watch: "{BATCHES}" are the mini-batches themselves; another name expected')
    if schedule_each not in ("epoch", "update"):
        raise ValueError(f'schedule_each={schedule_each!r}: "epoch" or "update" expected')
    if isinstance(scheduler, ReduceLROnPlateau):
        if monitor is None or schedule_each == "update":
            raise ValueError(
                'ReduceLROnPlateau looks at a metric once an epoch: monitor="<watched set> loss" or "... accuracy" '
                'and schedule_each="epoch" expected'
            )
        names.curve(monitor)
    if early_stopping is not None:
        names.curve(early_stopping.monitor)
    if resume and checkpoint is None:
        raise ValueError("resume=True without checkpoint=, the file to go on from")
