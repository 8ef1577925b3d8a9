"""ReduceLROnPlateau: the schedule that looks at how training goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import SupportsFloat

from scratchnet.optim.lr_scheduler.scheduler import LRScheduler, expect_optimizer, per_group
from scratchnet.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr *= factor, where a metric has not improved for more than `patience` epochs.
    torch.optim.lr_scheduler.ReduceLROnPlateau

    step(metric) is called once an epoch. Improved means: metric < best * (1 - threshold) in mode "min",
    metric > best * (1 + threshold) in mode "max"; with threshold_mode "abs", best -+ threshold.
    After a reduction `cooldown` epochs do not count. lr never falls below min_lr, and stays if it would fall by no more
    than eps.

    Raises ValueError for factor >= 1 and unknown modes.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ):
        if factor >= 1:
            raise ValueError(f"factor={factor}: a number below 1 expected")
        if mode not in ("min", "max"):
            raise ValueError(f'mode={mode}: "min" or "max" expected')
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f'threshold_mode={threshold_mode}: "rel" or "abs" expected')
        self.optimizer = expect_optimizer(optimizer)
        self.min_lrs = per_group("min_lr", min_lr, optimizer)
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = self._rates()

    @property
    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]  # as torch's
        metric = float(metrics)
        self.last_epoch += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            lower = [max(lr * self.factor, least) for lr, least in zip(self._rates(), self.min_lrs, strict=True)]
            self._set([new if lr - new > self.eps else lr for lr, new in zip(self._rates(), lower, strict=True)])
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * metric < sign * self.best * (1 - sign * self.threshold)
        return sign * metric < sign * self.best - self.threshold
