"""What the networks of this folder share."""

from __future__ import annotations

import numpy as np

from scratchnet import nn


def shrunk(channels: int, shrink: int) -> int:
    """A number of channels or features, divided by `shrink`: the same network, small enough for a test."""
    if shrink < 1:
        raise ValueError(f"shrink={shrink}: 1 (the network of the paper) or more expected")
    return max(1, channels // shrink)


class FeaturesThenClassifier(nn.Module):
    """Convolutions extract features, a mean over a fixed grid makes their number independent of the image's size, fully
    connected layers classify: x (N, C, H, W) -> scores (N, num_classes)."""

    features: nn.Sequential
    avgpool: nn.Module
    flatten: nn.Module
    classifier: nn.Sequential

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))

    def backward(self, dout: np.ndarray) -> np.ndarray:
        dfeatures = self.flatten.backward(self.classifier.backward(dout))
        return self.features.backward(self.avgpool.backward(dfeatures))
