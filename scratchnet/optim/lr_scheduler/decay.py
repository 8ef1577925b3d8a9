"""Schedules that go one way: by steps, by a factor, along a line, a polynomial, a cosine, or by your own function."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scratchnet.optim.lr_scheduler.scheduler import LRScheduler, per_group
from scratchnet.optim.optimizer import Optimizer

Function = Callable[[int], float]


class LambdaLR(LRScheduler):
    """lr = initial_lr * lr_lambda(epoch).   torch.optim.lr_scheduler.LambdaLR

    lr_lambda: a function of the epoch, or a list of them, one for each group (ValueError for another number of them).
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function], last_epoch: int = -1):
        self.lr_lambdas: list[Function] = per_group("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [lr * function(self.last_epoch) for function, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(LRScheduler):
    """lr *= lr_lambda(epoch), from epoch 1.   torch.optim.lr_scheduler.MultiplicativeLR

    lr_lambda: a function of the epoch, or a list of them, one for each group. Raises TypeError for what is no function.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function], last_epoch: int = -1):
        self.lr_lambdas: list[Function] = per_group("lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda is a {type(function).__name__}, a function of the epoch expected")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        return [lr * function(self.last_epoch) for function, lr in zip(self.lr_lambdas, self._rates(), strict=True)]


class StepLR(LRScheduler):
    """lr *= gamma, every `step_size` epochs.   torch.optim.lr_scheduler.StepLR"""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        return self.gamma if epoch > 0 and epoch % self.step_size == 0 else 1.0

    def product(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """lr *= gamma at each of the epochs in `milestones`.   torch.optim.lr_scheduler.MultiStepLR"""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1):
        self.milestones, self.gamma = Counter(milestones), gamma  # a milestone that comes twice counts twice
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        return self.gamma ** self.milestones[epoch]

    def product(self, epoch: int) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), epoch)


class ConstantLR(LRScheduler):
    """lr = factor * initial_lr before epoch `total_iters`, then initial_lr.   torch.optim.lr_scheduler.ConstantLR

    Raises ValueError unless 0 <= factor <= 1.
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1):
        _expect_share("factor", factor)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        if epoch == 0:
            return self.factor
        return 1 / self.factor if epoch == self.total_iters else 1.0

    def product(self, epoch: int) -> float:
        return 1.0 if epoch >= self.total_iters else self.factor


class LinearLR(LRScheduler):
    """lr from start_factor * initial_lr to end_factor * initial_lr in `total_iters` equal steps, then constant.
    torch.optim.lr_scheduler.LinearLR

    Raises ValueError unless 0 < start_factor <= 1 and 0 <= end_factor <= 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        _expect_share("start_factor", start_factor, above=True)
        _expect_share("end_factor", end_factor)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        if epoch == 0:
            return self.start_factor
        if self._is_initial or epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (epoch - 1) * rise)

    def product(self, epoch: int) -> float:
        part = min(self.total_iters, epoch) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * part


class ExponentialLR(LRScheduler):
    """lr *= gamma, every epoch.   torch.optim.lr_scheduler.ExponentialLR"""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        return 1.0 if self._is_initial else self.gamma

    def product(self, epoch: int) -> float:
        return self.gamma**epoch


class PolynomialLR(LRScheduler):
    """lr = initial_lr * (1 - epoch / total_iters)^power, 0 from then on.   torch.optim.lr_scheduler.PolynomialLR"""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch: int) -> float:
        if self._is_initial or epoch > self.total_iters:
            return 1.0
        return ((1 - epoch / self.total_iters) / (1 - (epoch - 1) / self.total_iters)) ** self.power

    def product(self, epoch: int) -> float:
        return (1 - min(self.total_iters, epoch) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * epoch / T_max)) / 2.
    torch.optim.lr_scheduler.CosineAnnealingLR

    Half a cosine from initial_lr down to eta_min in T_max epochs, and back up in the next T_max. As in torch it is
    computed from the lr before, so that it goes on from an lr that something else has changed.
    Source: Loshchilov and Hutter 2017, without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def height(self, epoch: int) -> float:
        """2 at the top of the cosine, 0 at its bottom."""
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def get_lr(self) -> list[float]:
        t, eta = self.last_epoch, self.eta_min
        if self._is_initial:
            return self._rates()
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # away from the bottom, where the ratio would divide by 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - eta) * rise for lr, base in zip(self._rates(), self.base_lrs, strict=True)]
        return [self.height(t) / self.height(t - 1) * (lr - eta) + eta for lr in self._rates()]

    def anew(self) -> list[float]:
        return [self.eta_min + (lr - self.eta_min) * self.height(self.last_epoch) / 2 for lr in self.base_lrs]


def _expect_share(name: str, value: Any, above: bool = False) -> None:
    if not (0 < value <= 1 if above else 0 <= value <= 1):
        raise ValueError(f"{name}={value}: a number in 0 {'<' if above else '<='} {name} <= 1 expected")
