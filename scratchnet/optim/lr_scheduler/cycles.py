"""Schedules that go up and down: cycles, one cycle for the whole training, restarts of a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from scratchnet.optim.lr_scheduler.scheduler import LRScheduler, expect_optimizer, per_group
from scratchnet.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """lr = base_lr + (max_lr - base_lr) * height * scale.   torch.optim.lr_scheduler.CyclicLR

    height rises from 0 to 1 in `step_size_up` epochs and falls back to 0 in `step_size_down` (as many); then the next
    cycle begins. scale by `mode`: "triangular" 1, "triangular2" 1/2^(cycle - 1), "exp_range" gamma^epoch; or the result
    of scale_fn on the number of the cycle (from 1) or, with scale_mode "iterations", of the epoch.
    cycle_momentum: momentum, or beta1, goes the other way, from max_momentum down to base_momentum.

    Raises ValueError for an unknown mode, and where momentum is to cycle and the optimizer has none.
    Source: Smith 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ):
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(f'mode={mode}: "triangular", "triangular2" or "exp_range" expected, or a scale_fn')
        self.optimizer = expect_optimizer(optimizer)
        base_lrs, self.max_lrs = (per_group(*pair, optimizer) for pair in (("base_lr", base_lr), ("max_lr", max_lr)))
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                group["lr"] = lr
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            self.base_momentums = per_group("base_momentum", base_momentum, optimizer)
            self.max_momentums = per_group("max_momentum", max_momentum, optimizer)
            if last_epoch == -1:
                begin_momentum(optimizer, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[self.mode]

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle  # 0..1 within the cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                set_momentum(group, high - (high - low) * height, self.use_beta1)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]


class OneCycleLR(LRScheduler):
    """lr from max_lr / div_factor up to max_lr and down to max_lr / div_factor / final_div_factor, once.
    torch.optim.lr_scheduler.OneCycleLR

    The rise takes the share `pct_start` of total_steps (or epochs * steps_per_epoch); in three phases the fall to the
    first lr takes as long. Between the corners lr follows half a cosine or, with anneal_strategy "linear", a line.
    cycle_momentum: momentum, or beta1, goes the other way, max_momentum, base_momentum, max_momentum.

    Raises ValueError for settings out of range, where momentum is to cycle and the optimizer has none, and for a step
    after total_steps.
    Source: Smith and Topin 2019.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 10000.0,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        self.optimizer = expect_optimizer(optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("total_steps, or epochs and steps_per_epoch expected; neither is given")
        if total_steps is not None:
            self.total_steps = positive("total_steps", total_steps)
        else:
            self.total_steps = positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start={pct_start}: a float in 0 <= pct_start <= 1 expected")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f'anneal_strategy={anneal_strategy}: "cos" or "linear" expected')
        self._anneal_func_type = anneal_strategy
        corners = [(pct_start * self.total_steps - 1, "max_lr", "base_momentum")]
        if three_phase:
            corners += [(2 * pct_start * self.total_steps - 2, "initial_lr", "max_momentum")]
        corners += [(self.total_steps - 1, "min_lr", "max_momentum")]
        starts = [(0, "initial_lr", "max_momentum"), *corners]
        self._schedule_phases: list[dict[str, Any]] = [
            {"end_step": end, "start_lr": a, "end_lr": b, "start_momentum": m, "end_momentum": n}
            for (_, a, m), (end, b, n) in zip(starts, corners)
        ]
        if last_epoch == -1:
            for group, highest in zip(optimizer.param_groups, per_group("max_lr", max_lr, optimizer), strict=True):
                group["initial_lr"], group["max_lr"] = highest / div_factor, highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            low, high = (
                per_group("base_momentum", base_momentum, optimizer),
                per_group("max_momentum", max_momentum, optimizer),
            )
            if last_epoch == -1:
                begin_momentum(optimizer, low, high)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(f"step {self.last_epoch} of a schedule of total_steps={self.total_steps}")
        start: float = 0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if self.last_epoch <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        part = (self.last_epoch - start) / (end - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                set_momentum(group, momentum, self.use_beta1)
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in groups]

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2.
    torch.optim.lr_scheduler.CosineAnnealingWarmRestarts

    T_cur counts the epochs since the last restart; after T_i of them lr jumps back to initial_lr, T_cur to 0, and T_i
    becomes T_mult * T_i. It begins with T_0. `step(epoch)` goes to any epoch, also between two: epoch + batch/batches.

    Raises ValueError unless T_0 and T_mult are whole numbers of at least 1, and for a negative epoch.
    Source: Loshchilov and Hutter 2017.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_0 = self.T_i = positive("T_0", T_0)
        self.T_mult, self.eta_min = positive("T_mult", T_mult), eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (lr - self.eta_min) * height for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur % self.T_i, self.T_i * self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"epoch={epoch}: a number that is not negative expected")
            self.T_cur, self.T_i = epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())


def positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value}: a whole number of at least 1 expected")
    return value


def uses_beta1(optimizer: Optimizer) -> bool:
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise ValueError(f"cycle_momentum: {type(optimizer).__name__} has no momentum and no betas; set it to False")
    return "betas" in optimizer.defaults


def begin_momentum(optimizer: Optimizer, low: list[float], high: list[float]) -> None:
    for group, base, top in zip(optimizer.param_groups, low, high, strict=True):
        set_momentum(group, top, "betas" in optimizer.defaults)
        group["base_momentum"], group["max_momentum"] = base, top


def set_momentum(group: dict[str, Any], momentum: float, use_beta1: bool) -> None:
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
