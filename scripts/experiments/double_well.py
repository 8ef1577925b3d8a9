"""A toy of two parameters with two valleys: who leaves the shallow one?

    f(a, b) = (a^2 - 1)^2/4 + a/16 + b^2/2       valleys near a = +1 (shallow) and a = -1 (deep), a ridge between
    f_i(a, b) = f(a, b) + s_i . (a, b)           the loss of sample i; the s_i are drawn once and sum to 0

The mean of the f_i is f, so gradient descent follows f; SGD sees the s_i of its mini-batch, without samples already
used in this epoch. No network is trained here: this shows that noise CAN carry over a ridge, and nothing more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.nn import Parameter
from scratchnet.optim import SGD

SAMPLES, LR, EPOCHS, DEVIATION = 64, 0.1, 100, 4.0
SHALLOW, DEEP = (0.97, 0.0), (-1.03, 0.0)


def f(a: Any, b: Any) -> Any:
    return (a**2 - 1) ** 2 / 4 + a / 16 + b**2 / 2


def gradient(w: np.ndarray) -> np.ndarray:
    """w (runs, 2) -> df/da, df/db (runs, 2)."""
    a, b = w[:, 0], w[:, 1]
    return np.stack([a * (a**2 - 1) + 1 / 16, b], axis=1)


def descend(start: tuple[float, float], batch_size: int, runs: int, rng: np.random.Generator) -> np.ndarray:
    """The paths of `runs` runs from `start`: (updates + 1, runs, 2). batch_size = SAMPLES is gradient descent."""
    s = rng.normal(0, DEVIATION, (SAMPLES, 2))
    s -= s.mean(0)
    w = Parameter(np.tile(start, (runs, 1)))
    optimizer = SGD([w], LR)
    path = [w.data.copy()]
    for _ in range(EPOCHS):
        order = rng.permuted(np.tile(np.arange(SAMPLES), (runs, 1)), axis=1)  # each run's own
        for batch in np.split(order, SAMPLES // batch_size, axis=1):
            w.grad = gradient(w.data) + s[batch].mean(1)
            optimizer.step()
            path.append(w.data.copy())
    return np.stack(path)


def double_well(runs: int = 1000) -> dict[str, Any]:
    """For each batch size: the share of runs that end in the other valley than the one they started in."""
    rows = []
    for batch_size in (1, 2, 4, 8, 16, SAMPLES):
        row: dict[str, Any] = {"batch_size": batch_size, "updates": EPOCHS * SAMPLES // batch_size}
        for name, start in (("shallow", SHALLOW), ("deep", DEEP)):
            end = descend(start, batch_size, runs, np.random.default_rng(batch_size))[-1, :, 0]
            row[f"left_{name}"] = float((end * start[0] < 0).mean())
        rows.append(row)
    return {"runs": runs, "samples": SAMPLES, "lr": LR, "epochs": EPOCHS, "deviation": DEVIATION, "rows": rows}
