"""Forward and backward of typical layers in float32 on one thread, and updates of LeNet-5."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import scratchnet.models as models
import scratchnet.nn as nn
from scratchnet.optim import SGD
from scratchnet.training import update

# layer, arguments, input shape
LAYERS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("Linear", {"in_features": 784, "out_features": 256}, (64, 784)),
    ("Conv2d", {"in_channels": 1, "out_channels": 6, "kernel_size": 5, "padding": 2}, (64, 1, 28, 28)),
    ("Conv2d", {"in_channels": 6, "out_channels": 16, "kernel_size": 5}, (64, 6, 14, 14)),
    ("Conv2d", {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "padding": 1}, (8, 64, 32, 32)),
    ("Conv2d", {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "padding": 1, "groups": 64}, (8, 64, 32, 32)),
    ("MaxPool2d", {"kernel_size": 2}, (64, 6, 28, 28)),
    ("MaxPool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, (8, 64, 56, 56)),
    ("AvgPool2d", {"kernel_size": 2}, (64, 6, 28, 28)),
    ("ReLU", {}, (64, 64, 28, 28)),
    ("Tanh", {}, (64, 64, 28, 28)),
    ("Softmax", {"dim": 1}, (256, 1000)),
]
LENETS = (("ReLU", "MaxPool2d"), ("Tanh", "AvgPool2d"))
BATCHES = (32, 64, 128)
SGD_SETTINGS: dict[str, Any] = {"lr": 0.05, "momentum": 0.9}


def seconds(step: Callable[[], Any]) -> float:
    """CPU seconds: what other programs take does not count, as long as they leave the caches alone."""
    start = time.process_time()
    step()
    return time.process_time() - start


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> tuple[float, float, float]:
    """(least ms of ours, of theirs, their ratio), in turns, after one run of each that is not counted.

    The least, because what disturbs on a shared machine only ever adds.
    """
    ours(), theirs()
    a, b = (min(times) for times in zip(*((seconds(ours), seconds(theirs)) for _ in range(repeats))))
    return 1e3 * a, 1e3 * b, a / b


def layer_steps(name: str, args: dict[str, Any], shape: tuple[int, ...]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One forward and backward of scratchnet's layer, and of torch's."""
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    ours, theirs = getattr(nn, name)(**args), getattr(torch.nn, name)(**args)
    dout = np.ones_like(ours(x))
    x_torch, dout_torch = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dout)

    def our_step() -> None:
        ours(x)
        ours.backward(dout)

    def their_step() -> None:
        x_torch.grad = None
        theirs(x_torch).backward(dout_torch)

    return our_step, their_step


def update_steps(activation: str, pooling: str, batch: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One update of LeNet-5: forward, loss, backward, SGD with momentum."""
    rng = np.random.default_rng(0)
    x, target = rng.random((batch, 1, 28, 28), np.float32), rng.integers(0, 10, batch)
    ours = models.LeNet5(activation=getattr(nn, activation), pooling=getattr(nn, pooling), rng=rng)
    our_loss = nn.CrossEntropyLoss()
    our_sgd = SGD(ours.parameters(), **SGD_SETTINGS)
    f, pool = getattr(torch.nn, activation), getattr(torch.nn, pooling)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2), f(), pool(2), torch.nn.Conv2d(6, 16, 5), f(), pool(2), torch.nn.Flatten(),
        torch.nn.Linear(400, 120), f(), torch.nn.Linear(120, 84), f(), torch.nn.Linear(84, 10),
    )  # fmt: skip
    their_loss, their_sgd = torch.nn.CrossEntropyLoss(), torch.optim.SGD(theirs.parameters(), **SGD_SETTINGS)
    x_torch, target_torch = torch.from_numpy(x), torch.from_numpy(target)

    def their_step() -> None:
        their_sgd.zero_grad()
        their_loss(theirs(x_torch), target_torch).backward()
        their_sgd.step()

    return lambda: update(ours, our_loss, our_sgd, x, target), their_step


def run(console: Console, repeats: int) -> None:
    torch.set_num_threads(1)
    table = Table(
        f"forward + backward, float32, one thread, least of {repeats}", box=None, header_style="dim", pad_edge=False
    )
    for column in ("scratchnet ms", "torch ms", "ratio"):
        table.add_column(column, justify="right")
    for name, args, shape in LAYERS:
        text = f"{name}({', '.join(f'{key}={value}' for key, value in args.items())}) on {'x'.join(map(str, shape))}"
        ours, theirs, ratio = paired(*layer_steps(name, args, shape), repeats)
        table.add_row(text, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.2f}")
    for (activation, pooling), batch in product(LENETS, BATCHES):
        ours, theirs, ratio = paired(*update_steps(activation, pooling, batch), 10 * repeats)
        name = f"an update of LeNet-5, {activation}, {pooling}, batch {batch}, least of {10 * repeats}"
        table.add_row(name, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.2f}")
    console.print(table)
