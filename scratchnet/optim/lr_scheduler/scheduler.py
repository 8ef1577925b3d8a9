"""LRScheduler: what all schedules of the learning rate share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from scratchnet.optim.optimizer import Optimizer


class LRScheduler:
    """Base of all schedules, by torch.optim.lr_scheduler.LRScheduler's names.

    A schedule sets the `lr` of each parameter group: once when it is made (epoch 0), and at each `step()`, which is
    called after the optimizer's, once an epoch or once a mini-batch: the schedule only counts the calls.

    A schedule writes `ratio(epoch)`, by which step number `epoch` multiplies the lr that it finds there; so several
    schedules of one optimizer multiply (ChainedScheduler). `product(epoch)` is all of them so far, lr = initial_lr *
    product: with it a schedule can begin anew (SequentialLR). Those that are no product override `get_lr`.

    last_epoch: -1 begins; the number of the last epoch goes on, and every group must have its "initial_lr" then.
    Raises TypeError for what is not an Optimizer, KeyError where "initial_lr" is missing.
    torch's deprecated step(epoch) is not taken, nor does a schedule warn when it steps before the optimizer.
    """

    product: Callable[[int], float] | None = None
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = expect_optimizer(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f'group {number} has no "initial_lr": last_epoch={last_epoch} goes on with one that began'
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def ratio(self, epoch: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} has no ratio")

    def get_lr(self) -> list[float]:
        """The lr of each group at `last_epoch`, computed from the one before. What is in force says get_last_lr()."""
        return [lr * self.ratio(self.last_epoch) for lr in self._rates()]

    def get_last_lr(self) -> list[float]:
        """The lr of each group."""
        return self._last_lr

    def step(self) -> None:
        """Go on to the next epoch."""
        self._step_count += 1
        self._update_lr()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _update_lr(self, epoch: int | None = None) -> None:
        """The next epoch, or begin anew at `epoch`."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set(self.get_lr() if epoch is None else self.anew())

    def anew(self) -> list[float]:
        """The lr of each group at `last_epoch`, whatever it was before."""
        if self.product is None:
            return self.get_lr()
        return [lr * self.product(self.last_epoch) for lr in self.base_lrs]

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = self._rates()

    # State in and out

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, in torch's form. Of functions (lr_lambda) nothing is kept, of callable objects
        their attributes."""
        return {name: _saved(value) for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take a `state_dict()`, torch's too. The optimizer's own state, with the present lr, is loaded by itself."""
        for name, value in state_dict.items():
            setattr(self, name, _restored(getattr(self, name, None), value))


def expect_optimizer(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a {type(optimizer).__name__} given, an Optimizer of scratchnet.optim expected")
    return optimizer


def per_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value for each group, from a list of them or one for all. Raises ValueError for another number of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name}: {len(value)} values given, one for all or {groups} expected, one for each group")
    return list(value)


def _saved(value: Any) -> Any:
    if isinstance(value, LRScheduler):
        return value.state_dict()
    if isinstance(value, list | tuple):
        return type(value)(map(_saved, value))
    if callable(value):
        return None if isinstance(value, FunctionType) else dict(vars(value))
    return value


def _restored(own: Any, value: Any) -> Any:
    """`value` for an attribute that is now `own`: schedules and callable objects stay, and take their state."""
    if isinstance(own, LRScheduler):
        own.load_state_dict(value)
        return own
    if callable(own):
        vars(own).update(value or {})
        return own
    if isinstance(own, list | tuple) and any(isinstance(entry, LRScheduler) or callable(entry) for entry in own):
        return type(own)(map(_restored, own, value))
    return value
