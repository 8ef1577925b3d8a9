"""What all experiments share: the networks, the split, and one training run as plain data."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from scratchnet import nn
from scratchnet.data import mnist5k, stratified_split
from scratchnet.models import MLP, LeNet5
from scratchnet.training import gradient_descent, sgd

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "LeNet-5, ReLU, max pooling": LeNet5,
    "LeNet-5, tanh, average pooling": lambda **options: LeNet5(activation=nn.Tanh, pooling=nn.AvgPool2d, **options),
    "MLP 784-100-10": lambda **options: MLP(784, 100, 10, **options),
    "MLP 784-256-128-10": lambda **options: MLP(784, 256, 128, 10, **options),
}
LENET, LENET_TANH, MLP_100, MLP_256 = NETWORKS
METHODS = {"gradient descent": gradient_descent, "SGD": sgd}

Job = dict[str, Any]
Run = dict[str, Any]
Pair = tuple[np.ndarray, np.ndarray]


def begin(job: Job) -> tuple[Pair, Pair, nn.Module, np.random.Generator, np.random.Generator]:
    """Training set, test set, the network, and the generators of weights and of batches, where the seed leaves them.

    Each seed has its own split, its own weights and its own order of mini-batches; two methods with one seed begin
    from the same split and the same weights.
    """
    split, weights, batches = np.random.default_rng(job["seed"]).spawn(3)
    train, test = stratified_split(*mnist5k(), test_size=1000, rng=split)
    if job.get("standardised"):  # mean 0 and deviation 1 over all training pixels
        mean, deviation = train[0].mean(), train[0].std()
        train, test = (((x - mean) / deviation, y) for x, y in (train, test))
    return train, test, NETWORKS[job["network"]](rng=weights), weights, batches


def train_once(job: Job) -> Run:
    """One training run: job has network, method, options (of the method), seed and, where they are not the default,
    start: the deviation of the normal distribution that all weights and biases begin with; standardised: see `begin`.
    """
    train, test, net, weights, batches = begin(job)
    if "start" in job:
        for parameter in net.parameters():
            parameter.data[...] = weights.normal(0, job["start"], parameter.shape)
    options = dict(job["options"])
    if job["method"] == "SGD":
        options["rng"] = batches
    else:
        options["chunk_size"] = 64  # the same gradient, twice as fast: 4,000 images at once do not fit into a cache
    watch = {"train": train, "test": test}
    try:
        with np.errstate(all="ignore"):
            history = METHODS[job["method"]](
                net, nn.CrossEntropyLoss(), train, watch=watch, clock=time.process_time, **options
            )
    except FloatingPointError as error:
        return {**job, "diverged": str(error)}
    return {
        **job,
        "epochs": history.epochs,
        "updates": history.updates,
        "seconds": [round(value, 3) for value in history.seconds],
        "train_loss": [float(f"{value:.5g}") for value in history.loss["train"]],
        "test_loss": [float(f"{value:.5g}") for value in history.loss["test"]],
        "train_accuracy": [round(value, 5) for value in history.accuracy["train"]],
        "test_accuracy": [round(value, 5) for value in history.accuracy["test"]],
    }


def train_all(
    jobs: list[Job], title: str, processes: int = 1, train_once: Callable[[Job], Run] = train_once
) -> list[Run]:
    """The runs of `jobs`, in their order, with a progress bar on stderr."""
    runs: dict[int, Run] = {}
    mnist5k()  # fills the cache before several processes ask for it
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=len(jobs))
        if processes == 1:
            for i, job in enumerate(jobs):
                runs[i] = train_once(job)
                bar.advance(task)
        else:
            with ProcessPoolExecutor(processes) as pool:
                started = {pool.submit(train_once, job): i for i, job in enumerate(jobs)}
                for finished in as_completed(started):
                    runs[started[finished]] = finished.result()
                    bar.advance(task)
    return [runs[i] for i in range(len(jobs))]


def first_at(run: Run, level: float) -> int | None:
    """Where in the run's lists the test accuracy first reaches `level`; None where it never does."""
    return next((i for i, value in enumerate(run["test_accuracy"]) if value >= level), None)


def thinned(run: Run) -> Run:
    """The run with every epoch up to 40, then about every 2 % more, and the last: enough to draw."""
    keep, i, n = [], 0, len(run["epochs"])
    while i < n - 1:
        keep.append(i)
        i += max(1, i // 50) if i >= 40 else 1
    keep.append(n - 1)
    return {key: [value[k] for k in keep] if isinstance(value, list) else value for key, value in run.items()}
