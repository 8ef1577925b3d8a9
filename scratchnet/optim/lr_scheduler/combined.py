"""Schedules made of others: all at once, or one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from scratchnet.optim.lr_scheduler.plateau import ReduceLROnPlateau
from scratchnet.optim.lr_scheduler.scheduler import LRScheduler
from scratchnet.optim.optimizer import Optimizer


class ChainedScheduler(LRScheduler):
    """Every schedule steps; their factors multiply.   torch.optim.lr_scheduler.ChainedScheduler

    Raises ValueError for no schedules, those of different optimizers, and ReduceLROnPlateau, whose step needs a metric.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        self.optimizer = _expect_alike(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = self._rates()

    def step(self) -> None:
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self._rates()


class SequentialLR(LRScheduler):
    """The first schedule until epoch milestones[0], then the second, which begins anew, until milestones[1], ...
    torch.optim.lr_scheduler.SequentialLR

    Raises ValueError for no schedules, those of different optimizers, ReduceLROnPlateau, whose step needs a metric, and
    unless there is one milestone less than schedules.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ):
        self.optimizer = _expect_alike(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"{len(schedulers)} schedules with {len(milestones)} milestones: {len(schedulers) - 1} expected, at "
                "which one follows the other"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)  # each schedule has made its first step; only the one whose turn it is makes it again
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            schedule._update_lr(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


def _undo(schedule: Any) -> None:
    if hasattr(schedule, "_schedulers"):
        for part in schedule._schedulers:
            _undo(part)
    else:
        schedule.last_epoch -= 1


def _expect_alike(schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
    if not schedulers:
        raise ValueError("no schedules given, at least one expected")
    for number, schedule in enumerate(schedulers):
        if not isinstance(schedule, LRScheduler):
            raise TypeError(f"number {number} is a {type(schedule).__name__}, a schedule expected")
        if isinstance(schedule, ReduceLROnPlateau):
            raise ValueError(f"number {number} is a ReduceLROnPlateau: its step needs a metric, call it by itself")
        optimizer = optimizer or schedule.optimizer
        if schedule.optimizer is not optimizer:
            raise ValueError(f"number {number}, {type(schedule).__name__}, belongs to another optimizer")
    assert optimizer is not None
    return optimizer
