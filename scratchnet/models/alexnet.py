"""AlexNet: five convolutions and three fully connected layers, with ReLU and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.models.shared import shrunk


class AlexNet(nn.Sequential):
    """AlexNet: x (N, in_channels, H, W), 224 x 224 in the paper and at least 63 x 63, -> scores (N, num_classes).

        3 x 224 x 224 --conv 11x11, S=4--> 64 x 55 x 55 --pool--> 27 --conv 5x5--> 192 --pool--> 13
        --conv 3x3--> 384 --conv 3x3--> 256 --conv 3x3--> 256 --pool--> 256 x 6 x 6 --> 9216 --> 4096 --> 4096 --> 1000

    61,100,840 parameters by torchvision's names: features.0.weight, ..., classifier.6.bias.
    dropout   probability to drop before each of the first two fully connected layers
    shrink    divides all numbers of channels and features, for tests
    Source: Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014, as torchvision has it:
    one tower and fewer filters than Krizhevsky, Sutskever and Hinton 2012, no local response normalisation.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.5,
        *,
        in_channels: int = 3,
        shrink: int = 1,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        rng = rng or np.random.default_rng()
        options: dict[str, Any] = {"dtype": dtype, "rng": rng}
        a, b, c, d, wide = (shrunk(n, shrink) for n in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, a, 11, stride=4, padding=2, **options), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, **options), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1, **options), nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1, **options), nn.ReLU(),
            nn.Conv2d(d, d, 3, padding=1, **options), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, rng=rng), nn.Linear(d * 6 * 6, wide, **options), nn.ReLU(),
            nn.Dropout(dropout, rng=rng), nn.Linear(wide, wide, **options), nn.ReLU(),
            nn.Linear(wide, num_classes, **options),
        )  # fmt: skip
