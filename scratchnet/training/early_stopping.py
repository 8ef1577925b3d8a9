"""EarlyStopping: the end of training where a watched set no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchnet.nn.module import Module
from scratchnet.training.history import History


class EarlyStopping:
    """Stop after `patience` epochs in a row without a new best of `monitor`, and return to the weights of the best.

        fit(net, loss, batches, optimizer, 200, watch={"valid": valid}, early_stopping=EarlyStopping("valid loss"))

    monitor        "<watched set> loss", smaller is better, or "<watched set> accuracy", larger is better. Choose a
                   set of its own: a test set that decides when to stop is no test any more
    patience       epochs to wait, 1 or more
    min_delta      a new best is better by more than this, in units of the metric
    restore_best   whether `fit` ends with the weights of the best epoch, also where it went through all its epochs;
                   else with the last ones

    After training: best (the metric), best_epoch, stopped (whether patience ran out).
    Raises ValueError for settings out of range.   Source: Prechelt, Early stopping - but when?, 1998.
    """

    def __init__(
        self, monitor: str = "valid loss", patience: int = 10, min_delta: float = 0.0, restore_best: bool = True
    ):
        if monitor.rpartition(" ")[2] not in ("loss", "accuracy"):
            raise ValueError(f'EarlyStopping: monitor={monitor!r}, "<set> loss" or "<set> accuracy" expected')
        if patience < 1 or not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping: patience={patience}, min_delta={min_delta}: patience >= 1 and min_delta >= 0 expected"
            )
        self.monitor, self.patience, self.min_delta, self.restore_best = monitor, patience, min_delta, restore_best
        self.sign = 1.0 if monitor.endswith("loss") else -1.0
        self.begin()

    def begin(self) -> None:
        """Forget what was seen: `fit` calls it, so that one object serves several trainings."""
        self.best, self.best_epoch, self.stopped = self.sign * math.inf, 0, False
        self._weights: dict[str, np.ndarray] = {}

    def update(self, history: History, net: Module) -> bool:
        """Look at the newest entry of `history`; returns whether to stop. nan is never better."""
        metric, epoch = history.curve(self.monitor)[-1], history.epochs[-1]
        if self.sign * metric < self.sign * self.best - self.min_delta:
            self.best, self.best_epoch = metric, epoch
            if self.restore_best:
                self._weights = net.state_dict()
        self.stopped = epoch - self.best_epoch >= self.patience
        return self.stopped

    def restore(self, net: Module) -> None:
        """Give `net` the weights and buffers of the best epoch, if they were kept."""
        if self._weights:
            net.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("best", "best_epoch", "stopped", "_weights")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
