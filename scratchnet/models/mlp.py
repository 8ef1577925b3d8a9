"""MLP: fully connected layers with an activation between them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from scratchnet import nn


class MLP(nn.Module):
    """Flatten, then Linear layers of the given sizes with an activation between each two.

        MLP(784, 100, 10)     784 inputs, one hidden layer of 100, 10 outputs

    x (N, ...) with sizes[0] numbers a sample -> (N, sizes[-1]); the last layer's outputs are scores (logits), for
    CrossEntropyLoss. `activation` is a class such as nn.ReLU or nn.Tanh.
    Parameters: layers.1.weight, layers.1.bias, layers.3.weight, ... (Flatten and activations count).
    Raises ValueError for fewer than two sizes.   Source: course note, section 1.
    """

    def __init__(
        self,
        *sizes: int,
        activation: Callable[[], nn.Module] = nn.ReLU,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"MLP{sizes}: at least two sizes expected, of the input and of the output: MLP(784, 10)")
        rng = rng or np.random.default_rng()
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after, dtype=dtype, rng=rng), activation()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.layers(x)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        return self.layers.backward(dout)
