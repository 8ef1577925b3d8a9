"""Lockstep: the same network in scratchnet and in torch, with the same weights and the same mini-batches.

What is compared is the loss of each update. In float64 the two agree to rounding; the difference grows while
training goes on, because each step starts from weights that already differ in their last digits.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import torch

from scratchnet import nn
from scratchnet.data import DataLoader
from scratchnet.models import LeNet5
from scratchnet.optim import SGD
from scratchnet.training import update

KINDS: dict[str, Any] = {"relu": (nn.ReLU, nn.MaxPool2d), "tanh": (nn.Tanh, nn.AvgPool2d)}


def torch_twin(module: nn.Module) -> torch.nn.Module:
    """The same network in torch, with the same names and a copy of the weights, in their dtype.

    For networks whose modules apply their children one after the other, as those of `scratchnet.models` do here.
    """
    twin = _structure(module)
    state = {name: torch.from_numpy(value) for name, value in module.state_dict().items()}
    twin.to(next(iter(state.values())).dtype).load_state_dict(state)
    return twin


def _structure(module: nn.Module) -> torch.nn.Module:
    match module:
        case nn.Conv2d():
            settings: Any = (module.kernel_size, module.stride, module.padding)
            return torch.nn.Conv2d(module.in_channels, module.out_channels, *settings)
        case nn.Linear():
            return torch.nn.Linear(module.in_features, module.out_features)
        case nn.MaxPool2d() | nn.AvgPool2d():
            return getattr(torch.nn, type(module).__name__)(module.kernel_size)
        case nn.ReLU() | nn.Tanh() | nn.Flatten():
            return getattr(torch.nn, type(module).__name__)()
    return torch.nn.Sequential(OrderedDict((name, _structure(child)) for name, child in module.children()))


def torch_update(twin: torch.nn.Module, optimizer: torch.optim.Optimizer, x: np.ndarray, y: np.ndarray) -> float:
    """The loss before the step, as scratchnet.training.update with CrossEntropyLoss."""
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y))
    loss.backward()
    optimizer.step()
    return loss.item()


def lockstep(
    x: np.ndarray, y: np.ndarray, kind: str, *, updates: int, seed: int = 0, lr: float = 0.05, momentum: float = 0.9
) -> tuple[np.ndarray, np.ndarray]:
    """(scratchnet's losses, torch's losses) of the first `updates` mini-batches of 64, in the dtype of x.

    x (N, 1, 28, 28), y (N,); kind "relu" or "tanh".
    """
    activation, pooling = KINDS[kind]
    weights, batches = np.random.default_rng(seed).spawn(2)
    net = LeNet5(activation=activation, pooling=pooling, dtype=x.dtype, rng=weights)
    loss, optimizer = nn.CrossEntropyLoss(), SGD(net.parameters(), lr, momentum)

    twin = torch_twin(net)
    twin_optimizer = torch.optim.SGD(twin.parameters(), lr, momentum)

    losses = []
    loader = DataLoader((x, y), 64, shuffle=True, rng=batches)
    epoch_after_epoch = chain.from_iterable(repeat(loader))
    for batch_x, batch_y in islice(epoch_after_epoch, updates):
        own = update(net, loss, optimizer, batch_x, batch_y)
        losses.append((own, torch_update(twin, twin_optimizer, batch_x, batch_y)))
    own_losses, twin_losses = np.array(losses).T
    return own_losses, twin_losses
