"""LeNet-5: convolution extracts features, fully connected layers classify them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet import nn


class LeNet5(nn.Module):
    """LeNet-5 for images of 28 x 28: x (N, in_channels, 28, 28) -> scores (N, num_classes), for CrossEntropyLoss.

        LeNet5()                                               ReLU with max pooling, as it is built today
        LeNet5(activation=nn.Tanh, pooling=nn.AvgPool2d)       tanh with average pooling, nearer to 1998

        1 x 28 x 28 --conv 5x5, P=2--> 6 x 28 x 28 --pool 2--> 6 x 14 x 14
                    --conv 5x5------> 16 x 10 x 10 --pool 2--> 16 x 5 x 5 --> 400 --> 120 --> 84 --> 10

    61,706 parameters, named features.0, features.3, classifier.1, classifier.3, classifier.5 (.weight and .bias).
    `activation` is a class without arguments, `pooling` one that takes the kernel size.
    What 1998 had besides is left out: trained factors in the pooling, a partial table of connections in the second
    convolution, radial basis functions at the end.
    Source: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        pooling: Callable[[int], nn.Module] = nn.MaxPool2d,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        rng = rng or np.random.default_rng()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=2, dtype=dtype, rng=rng),
            activation(),
            pooling(2),
            nn.Conv2d(6, 16, 5, dtype=dtype, rng=rng),
            activation(),
            pooling(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120, dtype=dtype, rng=rng),
            activation(),
            nn.Linear(120, 84, dtype=dtype, rng=rng),
            activation(),
            nn.Linear(84, num_classes, dtype=dtype, rng=rng),
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.classifier(self.features(x))

    def backward(self, dout: np.ndarray) -> np.ndarray:
        return self.features.backward(self.classifier.backward(dout))
