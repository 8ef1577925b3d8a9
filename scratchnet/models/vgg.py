"""VGG: convolutions of 3 x 3 one after the other, deeper than before."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.models.shared import shrunk

# The convolutions between two poolings, by their number of filters.
LAYERS: dict[int, tuple[tuple[int, ...], ...]] = {
    11: ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    16: ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}


class VGG(nn.Sequential):
    """VGG: x (N, in_channels, H, W), 224 x 224 in the paper and at least 32 x 32, -> scores (N, num_classes).

    Five times some convolutions of 3 x 3 with ReLU, then max pooling, which halves the size; the mean over a grid of
    7 x 7; three fully connected layers: 25088 --> 4096 --> 4096 --> num_classes.

    layers      the filters of each convolution, one tuple for what stands before each pooling: LAYERS[11], LAYERS[16]
    batch_norm  batch normalisation between convolution and ReLU
    dropout     probability to drop after each of the first two fully connected layers
    shrink      divides all numbers of channels and features, for tests
    Parameters by torchvision's names: features.0.weight, ..., classifier.6.bias. They begin as torchvision's:
    convolutions normal by He et al. 2015 (fan_out), fully connected weights N(0, 0.01), biases 0.
    Source: Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2015.
    """

    def __init__(
        self,
        layers: tuple[tuple[int, ...], ...],
        batch_norm: bool = False,
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
        features: list[nn.Module] = []
        before = in_channels
        for filters in layers:
            for full in filters:
                width = shrunk(full, shrink)
                features.append(nn.Conv2d(before, width, 3, padding=1, **options))
                features += [nn.BatchNorm2d(width, dtype=dtype)] if batch_norm else []
                features.append(nn.ReLU())
                before = width
            features.append(nn.MaxPool2d(2, 2))
        wide = shrunk(4096, shrink)
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(before * 7 * 7, wide, **options), nn.ReLU(), nn.Dropout(dropout, rng=rng),
            nn.Linear(wide, wide, **options), nn.ReLU(), nn.Dropout(dropout, rng=rng),
            nn.Linear(wide, num_classes, **options),
        )  # fmt: skip
        for _, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", rng=rng)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01, rng=rng)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def vgg11(**options: Any) -> VGG:
    """VGG-11 (configuration A): 8 convolutions, 132,863,336 parameters. `options` are those of VGG."""
    return VGG(LAYERS[11], **options)


def vgg11_bn(**options: Any) -> VGG:
    """VGG-11 with batch normalisation: 132,868,840 parameters."""
    return VGG(LAYERS[11], batch_norm=True, **options)


def vgg16(**options: Any) -> VGG:
    """VGG-16 (configuration D): 13 convolutions, 138,357,544 parameters."""
    return VGG(LAYERS[16], **options)


def vgg16_bn(**options: Any) -> VGG:
    """VGG-16 with batch normalisation: 138,365,992 parameters."""
    return VGG(LAYERS[16], batch_norm=True, **options)
