"""History: what training went through, as arrays and as a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BATCHES = "batches"


@dataclass
class Running:
    """The epoch under way: sums over the samples that went through it so far."""

    updates: int = 0
    samples: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    right: float = 0.0

    def add(self, loss: float, accuracy: float, samples: int) -> None:
        """One more update, with the means over its samples."""
        self.updates += 1
        self.samples += samples
        self.loss_sum += loss * samples
        self.right += accuracy * samples

    def means(self) -> tuple[float, float]:
        """Loss and accuracy; nan before the first update."""
        if not self.samples:
            return math.nan, math.nan
        return self.loss_sum / self.samples, self.right / self.samples


@dataclass
class History:
    """What training went through: one entry per epoch in each list, the first of them before any update.

    epochs, updates   how many were done
    seconds           spent on training so far; evaluation does not count
    lr                learning rate of the first parameter group in that epoch
    loss, accuracy    of each watched set, by its name: history.accuracy["test"][-1]; accuracy in 0..1.
                      "batches" are the mini-batches as they went through, each before its update and with whatever
                      training does to them (dropout, augmentation): free of cost, nan before the first epoch
    """

    epochs: list[int] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    loss: dict[str, list[float]] = field(default_factory=dict)
    accuracy: dict[str, list[float]] = field(default_factory=dict)

    def record(self, name: str, loss: float, accuracy: float) -> None:
        """One more entry for the set `name`."""
        self.loss.setdefault(name, []).append(loss)
        self.accuracy.setdefault(name, []).append(accuracy)

    def curve(self, monitor: str) -> list[float]:
        """The entries of "<set> loss" or "<set> accuracy": history.curve("test loss").   Raises ValueError for others.
        """
        name, _, metric = monitor.rpartition(" ")
        curves = {"loss": self.loss, "accuracy": self.accuracy}.get(metric, {})
        if name not in curves:
            known = [f'"{known} {metric}"' for known in self.loss for metric in ("loss", "accuracy")]
            raise ValueError(f'"{monitor}" is not recorded; expected is one of {", ".join(known)}: see watch=')
        return curves[name]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays of one length: "epochs", "updates", "seconds", "lr", "test loss", "test accuracy", ...

        `scratchnet.save(history.arrays(), "history.npz")` keeps them.
        """
        named = {f"{name} loss": self.loss[name] for name in self.loss}
        named |= {f"{name} accuracy": self.accuracy[name] for name in self.accuracy}
        counts = {"epochs": np.array(self.epochs, np.int64), "updates": np.array(self.updates, np.int64)}
        real = {"seconds": self.seconds, "lr": self.lr, **named}
        return counts | {name: np.array(values, np.float64) for name, values in real.items()}

    def figure(self) -> Any:
        """Loss and accuracy of each set against epochs, as a matplotlib Figure: history.figure().savefig("run.png").

        Raises ModuleNotFoundError without matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "a figure needs matplotlib, which is not installed; install it: pip install 'scratchnet-oracle[train]'"
            ) from None
        figure = Figure(figsize=(10, 4), layout="constrained")
        panels = figure.subplots(1, 2)
        for panel, curves, scale, label in zip(
            panels, (self.loss, self.accuracy), (1, 100), ("loss", "accuracy in %"), strict=True
        ):
            for name, values in curves.items():
                if not all(map(math.isnan, values)):
                    style = {"linestyle": "--", "color": "grey"} if name == BATCHES else {}
                    panel.plot(self.epochs, scale * np.array(values), label=name, **style)
            panel.set(xlabel="epochs", ylabel=label)
            panel.locator_params(axis="x", integer=True)
            panel.grid(alpha=0.3)
            if panel.lines:
                panel.legend(frameon=False)
        if all(value > 0 for values in self.loss.values() for value in values if not math.isnan(value)):
            panels[0].set_yscale("log")
        return figure
