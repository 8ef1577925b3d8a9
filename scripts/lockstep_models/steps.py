"""Lockstep: two implementations of one network, with the same weights and the same mini-batches."""

from __future__ import annotations

from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import torch
from networks import NETWORKS

from scratchnet import nn, optim
from scratchnet.data import DataLoader, mnist5k, stratified_split
from scratchnet.training import update

MOMENTUM, BATCH = 0.9, 64


def images(dtype: Any, samples: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """`samples` of MNIST-5k, as many of each digit, with two zeros around each: (N, 1, 32, 32), (N,)."""
    _, (x, y) = stratified_split(*mnist5k(dtype), test_size=samples, rng=np.random.default_rng(0))
    return np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2))), y


def lockstep(
    network: str, x: np.ndarray, y: np.ndarray, updates: int, seed: int = 0
) -> tuple[np.ndarray, float, float]:
    """Losses (updates, 2) before each update in scratchnet and in torch, in the dtype of x; the largest difference of
    any weight or buffer at the end; and how far the weight that moved most has moved.
    """
    weights, batches = np.random.default_rng(seed).spawn(2)
    make, lr = NETWORKS[network]
    net, twin = make(weights, x.dtype)
    start = net.state_dict()
    own = optim.SGD(net.parameters(), lr, MOMENTUM)
    theirs = torch.optim.SGD(twin.parameters(), lr, MOMENTUM)
    loss, losses = nn.CrossEntropyLoss(), []
    loader = DataLoader((x, y), BATCH, shuffle=True, drop_last=True, rng=batches)
    for batch_x, batch_y in islice(chain.from_iterable(repeat(loader)), updates):
        value = update(net, loss, own, batch_x, batch_y)
        theirs.zero_grad()
        expected = torch.nn.functional.cross_entropy(twin(torch.from_numpy(batch_x)), torch.from_numpy(batch_y))
        expected.backward()
        theirs.step()
        losses.append((value, expected.item()))
    end, theirs_end = net.state_dict(), twin.state_dict()
    parted = max(float(np.abs(value - theirs_end[name].numpy()).max()) for name, value in end.items())
    moved = max(float(np.abs(p.data - start[name]).max()) for name, p in net.named_parameters())
    return np.array(losses), parted, moved
