"""Batch gradient descent and stochastic gradient descent, as the course note describes them.

Both are the same loop, `fit`; they differ in how many samples stand behind one update:

    gradient_descent    forward over the ENTIRE training set, loss, back-propagation, one update
    sgd                 the same with a mini-batch drawn at random, without samples already used in this epoch;
                        an epoch ends when every sample was used once

Source: course note, section 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.data.loader import DataLoader
from scratchnet.nn.module import Module
from scratchnet.optim.sgd import SGD
from scratchnet.training.fit import fit
from scratchnet.training.history import History
from scratchnet.training.update import Pair


def gradient_descent(net: Module, loss: Module, train: Pair, *, lr: float, epochs: int, **options: Any) -> History:
    """Batch gradient descent: an epoch is ONE update, by the gradient over the entire training set.

    train = (x, y); options: those of `fit`, such as `watch`, `chunk_size`, `progress`.
    """
    x, y = train
    entire_set = DataLoader((x, y), batch_size=len(x))
    return fit(net, loss, entire_set, SGD(net.parameters(), lr), epochs, **options)


def sgd(
    net: Module,
    loss: Module,
    train: Pair,
    *,
    lr: float,
    epochs: int,
    batch_size: int = 64,
    momentum: float = 0.0,
    rng: np.random.Generator | None = None,
    **options: Any,
) -> History:
    """Stochastic gradient descent: an epoch is one update for each mini-batch, drawn anew from `rng` every epoch.

    train = (x, y); options: those of `fit`, such as `watch`, `progress`.
    """
    mini_batches = DataLoader(train, batch_size, shuffle=True, rng=rng)
    return fit(net, loss, mini_batches, SGD(net.parameters(), lr, momentum), epochs, **options)
