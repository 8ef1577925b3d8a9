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
from scratchnet.training.history import BATCHES, History, Running
from scratchnet.training.interrupt import deferred_interrupt
from scratchnet.training.progress import progress_bar
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
    checkpoint_every: int | None = None,
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
    checkpoint      a file, written before the first epoch and after each one, with checkpoint_every=n also after every
                    n updates, and at Ctrl-C after the update in which it comes (a second Ctrl-C stops at once: the file
                    is then the one before). Whenever the program ends, the file is whole
    resume          go on from that file if it is there. The result is bit for bit the one of a training that was never
                    interrupted, given the same arguments and the same data in `batches` and `watch` (the file has none
                    of it: seed their split); only `epochs` may be larger
    chunk_size      how many samples of a batch go through the network at once (all): see `forward_backward`
    progress        show a progress bar on stderr
    clock           what seconds are read from; time.process_time leaves out what other programs take
    Raises FloatingPointError once the loss is not finite, ValueError for arguments that do not go together.
    """
    watch = watch or {}
    _check(watch, scheduler, schedule_each, monitor, early_stopping, checkpoint, checkpoint_every, resume)
    history, running = History(), Running()
    parts = {
        "net": net, "optimizer": optimizer, "scheduler": scheduler, "early_stopping": early_stopping,
        "batches": batches,
    }  # fmt: skip
    kept = Checkpoint(checkpoint, parts, {"net": net, "batches": batches}) if checkpoint is not None else None
    if early_stopping is not None:
        early_stopping.begin()

    def record(epoch: Running) -> None:
        """The end of an epoch: what comes once for each."""
        history.lr.append(float(optimizer.param_groups[0]["lr"]))
        history.epochs.append(len(history.epochs))
        history.updates.append(epoch.updates + sum(history.updates[-1:]))
        history.seconds.append(epoch.seconds + sum(history.seconds[-1:]))
        history.record(BATCHES, *epoch.means())
        for name, (x, y) in watch.items():
            history.record(name, *evaluate(net, loss, x, y))
        if isinstance(scheduler, ReduceLROnPlateau) and monitor is not None and history.epochs[-1]:
            scheduler.step(history.curve(monitor)[-1])
        elif scheduler is not None and schedule_each == "epoch" and history.epochs[-1]:
            scheduler.step()
        if early_stopping is not None:
            early_stopping.update(history, net)
        if kept is not None:
            kept.save(history, Running())

    def step(x: Any, y: Any) -> None:
        """One update."""
        optimizer.zero_grad()
        value, accuracy = forward_backward(net, loss, x, y, chunk_size)
        running.add(value, accuracy, len(x))
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at update {history.updates[-1] + running.updates} (epoch {len(history.epochs)}): "
                "training diverged; use a smaller lr, or look for infinite inputs and weights"
            )
        if clip_norm is not None:
            clip_grad_norm_(net.parameters(), clip_norm)
        if clip_value is not None:
            clip_grad_value_(net.parameters(), clip_value)
        optimizer.step()
        if scheduler is not None and schedule_each == "update":
            scheduler.step()

    if kept is not None and resume and kept.path.exists():
        history, running = kept.load()
        if set(history.loss) != {BATCHES, *watch}:
            raise ValueError(f"{kept.path} watched {sorted(history.loss)}, expected is {sorted({BATCHES, *watch})}")
    else:
        batches.begin()
        record(running)
    done = history.updates[-1] + running.updates
    with (
        deferred_interrupt(kept is not None) as interrupted,
        progress_bar(progress, epochs, epochs * len(batches), done) as show,
    ):
        while history.epochs[-1] < epochs and not (early_stopping and early_stopping.stopped):
            net.train()
            start = clock()
            for x, y in batches:
                step(x, y)
                done += 1
                show(len(history.epochs), *running.means())
                if kept is not None and (interrupted() or (checkpoint_every and done % checkpoint_every == 0)):
                    running.seconds += clock() - start
                    kept.save(history, running)
                    start = clock()
                if interrupted():
                    raise KeyboardInterrupt
            running.seconds += clock() - start
            record(running)
            running = Running()
            if interrupted():
                raise KeyboardInterrupt
    if early_stopping is not None:
        early_stopping.restore(net)
    return history


def _check(
    watch: Mapping[str, Pair],
    scheduler: LRScheduler | None,
    schedule_each: str,
    monitor: str | None,
    early_stopping: EarlyStopping | None,
    checkpoint: Any,
    checkpoint_every: int | None,
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
    if checkpoint_every is not None and (checkpoint is None or checkpoint_every < 1):
        raise ValueError(
            f"checkpoint_every={checkpoint_every} with checkpoint={checkpoint}: a number of updates from 1 on, and "
            "the file to write, expected"
        )
