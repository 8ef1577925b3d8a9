"""Lockstep: the same network in scratchnet and in torch, with the same weights and the same mini-batches.

What is compared is the loss of each update. In float64 the two agree to rounding; the difference grows while
training goes on, because each step starts from weights that already differ in their last digits.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch

from scratchnet import nn
from scratchnet.data import DataLoader
from scratchnet.models import LeNet5
from scratchnet.optim import SGD
from scratchnet.training import update

LAYERS: dict[str, tuple[Any, Any, Any, Any]] = {
    "relu": (nn.ReLU, nn.MaxPool2d, torch.nn.ReLU, torch.nn.MaxPool2d),
    "tanh": (nn.Tanh, nn.AvgPool2d, torch.nn.Tanh, torch.nn.AvgPool2d),
}


class TorchLeNet5(torch.nn.Module):
    """torch's twin of scratchnet.models.LeNet5: the same names, so that its state loads as it is."""

    def __init__(self, activation: Any, pooling: Any):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 6, 5, padding=2), activation(), pooling(2),
            torch.nn.Conv2d(6, 16, 5), activation(), pooling(2),
        )  # fmt: skip
        self.classifier = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(400, 120), activation(),
            torch.nn.Linear(120, 84), activation(), torch.nn.Linear(84, 10),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


def lockstep(
    x: np.ndarray, y: np.ndarray, kind: str, *, updates: int, seed: int = 0, lr: float = 0.05, momentum: float = 0.9
) -> tuple[np.ndarray, np.ndarray]:
    """(scratchnet's losses, torch's losses) of the first `updates` mini-batches of 64, in the dtype of x.

    x (N, 1, 28, 28), y (N,); kind "relu" or "tanh".
    """
    activation, pooling, torch_activation, torch_pooling = LAYERS[kind]
    weights, batches = np.random.default_rng(seed).spawn(2)
    net = LeNet5(activation=activation, pooling=pooling, dtype=x.dtype, rng=weights)
    loss, optimizer = nn.CrossEntropyLoss(), SGD(net.parameters(), lr, momentum)

    twin = TorchLeNet5(torch_activation, torch_pooling)
    twin.to(torch.float64 if x.dtype == np.float64 else torch.float32)
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    twin_optimizer = torch.optim.SGD(twin.parameters(), lr, momentum)

    losses = []
    loader = DataLoader((x, y), 64, shuffle=True, rng=batches)
    every_batch = (batch for _ in iter(int, 1) for batch in loader)  # epoch after epoch
    for batch_x, batch_y in islice(every_batch, updates):
        own = update(net, loss, optimizer, batch_x, batch_y)
        twin_optimizer.zero_grad()
        twin_loss = torch.nn.functional.cross_entropy(twin(torch.from_numpy(batch_x)), torch.from_numpy(batch_y))
        twin_loss.backward()
        twin_optimizer.step()
        losses.append((own, twin_loss.item()))
    own_losses, twin_losses = np.array(losses).T
    return own_losses, twin_losses
