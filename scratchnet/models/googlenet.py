"""GoogLeNet: blocks of four branches side by side, and two auxiliary heads that help the gradient on its way."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.models.shared import shrunk

# name: channels of the branches 1x1 | 1x1 then 3x3 | 1x1 then "5x5" | after pooling. Szegedy et al. 2015, table 1.
INCEPTIONS = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}
POOL_BEFORE = {"inception4a": ("maxpool3", 3), "inception5a": ("maxpool4", 2)}  # name and window
HEAD_AFTER = {"inception4a": "aux1", "inception4d": "aux2"}


class GoogLeNet(nn.Module):
    """GoogLeNet: x (N, in_channels, H, W), 224 x 224 in the paper and at least 15 x 15, -> scores (N, num_classes).

    In training with aux_logits forward returns three scores (N, num_classes): its own, aux2's and aux1's (in
    torchvision's order), and backward takes three gradients: for `AuxiliaryLoss`. In evaluation there is one.

    aux_logits           two auxiliary heads, which see the features after inception4a and inception4d
    dropout, dropout_aux probabilities to drop before the last layer, and in the heads
    shrink               divides all numbers of channels and features, for tests
    13,004,888 parameters with the heads, 6,624,904 without, by torchvision's names: conv1.conv.weight, conv1.bn.weight,
    inception3a.branch2.0.conv.weight, ..., aux1.fc1.weight, fc.bias. Weights begin normal, N(0, 0.01) cut at +-2.
    Source: Szegedy et al., Going deeper with convolutions, 2015, as torchvision has it: with batch normalisation, and
    3 x 3 in the branch that the paper calls 5 x 5.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
        *,
        in_channels: int = 3,
        shrink: int = 1,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        rng = rng or np.random.default_rng()
        options: dict[str, Any] = {"dtype": dtype, "rng": rng}
        a, b = shrunk(64, shrink), shrunk(192, shrink)
        self.conv1 = BasicConv2d(in_channels, a, 7, stride=2, padding=3, **options)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(a, a, 1, **options)
        self.conv3 = BasicConv2d(a, b, 3, padding=1, **options)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels, head_channels = b, {}
        for name, branches in INCEPTIONS.items():
            if name in POOL_BEFORE:
                pool, window = POOL_BEFORE[name]
                setattr(self, pool, nn.MaxPool2d(window, stride=2, ceil_mode=True))
            inception = Inception(channels, *(shrunk(n, shrink) for n in branches), **options)
            setattr(self, name, inception)
            channels = inception.out_channels
            head_channels[name] = channels
        self._body = [name for name, _ in self.children()]
        self.aux_logits = aux_logits
        for name, head in HEAD_AFTER.items():
            made = InceptionAux(head_channels[name], num_classes, dropout_aux, shrink, **options)
            setattr(self, head, made if aux_logits else None)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.fc = nn.Linear(channels, num_classes, **options)
        self._end = ["avgpool", "flatten", "dropout", "fc"]
        for _, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, 0, 0.01, -2, 2, rng=rng)

    def forward(self, x: np.ndarray) -> Any:
        heads = HEAD_AFTER if self.training and self.aux_logits else {}
        scores: list[np.ndarray] = []
        for name in self._body:
            x = getattr(self, name)(x)
            if name in heads:
                scores.append(getattr(self, heads[name])(x))
        for name in self._end:
            x = getattr(self, name)(x)
        self.keep(heads)
        return (x, *reversed(scores)) if heads else x

    def backward(self, dout: np.ndarray, *daux: np.ndarray) -> np.ndarray:
        """One gradient for each output of the forward it belongs to: dout, or (dout, daux2, daux1)."""
        heads = self.kept()
        if len(daux) != len(heads):
            raise ValueError(
                f"GoogLeNet: {1 + len(daux)} gradients given, {1 + len(heads)} expected, as many as forward had "
                "outputs; AuxiliaryLoss makes them in training, eval() or aux_logits=False is without heads"
            )
        dheads = dict(zip(reversed(heads.values()), daux))
        dx = dout
        for name in reversed(self._end):
            dx = getattr(self, name).backward(dx)
        for name in reversed(self._body):
            if name in heads:  # the features went to the head too: their gradients add up
                dx = dx + getattr(self, heads[name]).backward(dheads[heads[name]])
            dx = getattr(self, name).backward(dx)
        return dx


class Inception(nn.Module):
    """Four branches side by side, their channels one after the other: (N, in, H, W) -> (N, out_channels, H, W).

    Backward: each branch gets its channels of dout, and as x went into all four, dx is the sum of what they return.
    """

    def __init__(self, in_channels: int, ch1: int, red3: int, ch3: int, red5: int, ch5: int, pool: int, **options: Any):
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, ch1, 1, **options)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, red3, 1, **options), BasicConv2d(red3, ch3, 3, padding=1, **options)
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, red5, 1, **options), BasicConv2d(red5, ch5, 3, padding=1, **options)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), BasicConv2d(in_channels, pool, 1, **options)
        )
        self.out_channels = ch1 + ch3 + ch5 + pool
        self._ends = np.cumsum([ch1, ch3, ch5])

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([branch(x) for _, branch in self.children()], axis=1)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        branches = [branch for _, branch in self.children()]
        parts = np.split(dout, self._ends, axis=1)
        first, *others = (branch.backward(part) for branch, part in zip(branches, parts, strict=True))
        return sum(others, first)


class InceptionAux(nn.Sequential):
    """An auxiliary head: mean over a grid of 4 x 4, convolution of 1 x 1, two fully connected layers."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float, shrink: int, **options: Any):
        super().__init__()
        channels, wide = shrunk(128, shrink), shrunk(1024, shrink)
        self.avgpool = nn.AdaptiveAvgPool2d((4, 4))
        self.conv = BasicConv2d(in_channels, channels, 1, **options)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(channels * 4 * 4, wide, **options)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout, rng=options["rng"])
        self.fc2 = nn.Linear(wide, num_classes, **options)


class BasicConv2d(nn.Sequential):
    """Convolution without bias, batch normalisation (eps 0.001), ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001, dtype=options["dtype"])
        self.relu = nn.ReLU()


class AuxiliaryLoss(nn.Module):
    """loss(scores) + weight * (loss(aux2) + loss(aux1)) for the outputs of GoogLeNet in training, loss(scores) else.

        AuxiliaryLoss(nn.CrossEntropyLoss())

    forward((scores, aux2, aux1), target) or forward(scores, target); backward(dout) -> (one gradient for each of the
    outputs, None).   Source: Szegedy et al. 2015, section 5: weight 0.3.
    """

    def __init__(self, loss: nn.Module, weight: float = 0.3):
        super().__init__()
        self.loss, self.weight = loss, weight
        self.reduction = getattr(loss, "reduction", "sum")

    def forward(self, scores: Any, target: np.ndarray) -> np.ndarray:
        outputs = scores if isinstance(scores, tuple) else (scores,)
        weights = (1.0,) + (self.weight,) * (len(outputs) - 1)
        self.keep(weights)
        return sum(weight * self.loss(out, target) for weight, out in zip(weights, outputs, strict=True))

    def backward(self, dout: float = 1.0) -> tuple[Any, None]:
        weights = self.kept()
        last_first = [self.loss.backward(weight * dout)[0] for weight in reversed(weights)]
        return (tuple(reversed(last_first)) if len(weights) > 1 else last_first[0]), None
