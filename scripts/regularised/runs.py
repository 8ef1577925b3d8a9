"""The trainings: one network, few samples, one kind of regularisation after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.data import DataLoader, RandomCrop, mnist5k, stratified_split
from scratchnet.optim import SGD, lr_scheduler, weight_decay_groups
from scratchnet.training import EarlyStopping, evaluate, fit

SAMPLES, HELD_BACK, WATCHED, EPOCHS, BATCH, LR, MOMENTUM, PATIENCE = 500, 100, 500, 40, 32, 0.05, 0.9, 10

# name -> the strengths that are tried; one of them is chosen on seeds that are not reported
STRENGTHS: dict[str, tuple[float, ...]] = {
    "weight decay": (1e-3, 3e-3, 1e-2),
    "dropout": (0.25, 0.5, 0.7),
    "augmentation": (1, 2, 3),
}
METHODS = ("none", "weight decay", "dropout", "batch norm", "augmentation", "early stopping", "all but stopping")
Run = dict[str, Any]


def network(batch_norm: bool, dropout: float, weights: np.random.Generator, drops: np.random.Generator) -> nn.Module:
    """LeNet-5 with ReLU and max pooling; with batch normalisation before each ReLU, and dropout before each of the
    fully connected layers but the first."""
    options: dict[str, Any] = {"rng": weights}

    def then(norm: nn.Module) -> list[nn.Module]:
        return [norm, nn.ReLU()] if batch_norm else [nn.ReLU()]

    def drop() -> list[nn.Module]:
        return [nn.Dropout(dropout, rng=drops)] if dropout else []

    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, **options), *then(nn.BatchNorm2d(6)), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, **options), *then(nn.BatchNorm2d(16)), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120, **options), *then(nn.BatchNorm1d(120)), *drop(),
        nn.Linear(120, 84, **options), *then(nn.BatchNorm1d(84)), *drop(),
        nn.Linear(84, 10, **options),
    )  # fmt: skip


def train(method: str, strengths: dict[str, float], seed: int) -> Run:
    """One training. A seed has its own samples, weights and order of mini-batches; all methods share them.

    Returns the curves over the epochs (of the training samples and of 500 test images), and loss and accuracy at the
    end on all images that were not drawn for training.
    """
    used = {name: value for name, value in strengths.items() if method in (name, "all but stopping")}
    split, weights, order, drops, crops = np.random.default_rng(seed).spawn(5)
    (x, y), rest = stratified_split(*mnist5k(), test_size=5000 - SAMPLES, rng=split)
    _, watched = stratified_split(*rest, test_size=WATCHED, rng=split)
    sets = {"train": (x, y), "test": watched}
    stopping = None
    if method == "early stopping":  # the samples that decide are not trained on
        (x, y), sets["valid"] = stratified_split(x, y, test_size=HELD_BACK, rng=split)
        stopping = EarlyStopping("valid loss", PATIENCE)
    pixels = int(used.get("augmentation", 0))
    crop = RandomCrop(28, pixels, rng=crops) if pixels else None
    batches = DataLoader((x, y), BATCH, shuffle=True, drop_last=True, transform=crop, rng=order)
    batch_norm = method in ("batch norm", "all but stopping")
    net = network(batch_norm, used.get("dropout", 0.0), weights, drops)
    sgd = SGD(weight_decay_groups(net, used.get("weight decay", 0.0)), LR, MOMENTUM)
    loss = nn.CrossEntropyLoss()
    falling = lr_scheduler.CosineAnnealingLR(sgd, EPOCHS)
    history = fit(net, loss, batches, sgd, EPOCHS, watch=sets, scheduler=falling, early_stopping=stopping)
    end_loss, end_accuracy = evaluate(net, loss, *rest)
    train_loss, train_accuracy = evaluate(net, loss, x, y)
    curves = {name: [float(f"{v:.4g}") for v in values.tolist()] for name, values in history.arrays().items()
              if name.split()[0] in ("train", "test")}  # fmt: skip
    return {
        "method": method, "seed": seed, "epochs": history.epochs[-1], "curves": curves,
        "best_epoch": stopping.best_epoch if stopping else None,
        "test_loss": end_loss, "test_accuracy": end_accuracy,
        "train_loss": train_loss, "train_accuracy": train_accuracy,
    }  # fmt: skip
