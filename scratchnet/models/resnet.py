"""ResNet: each block adds a correction to its input, so that gradients have a way around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.models.shared import shrunk


class _Block(nn.Module):
    """out = ReLU(correction(x) + shortcut(x)), where the shortcut is x, or downsample(x) where the shapes differ.

    Backward: of a sum both terms receive the whole gradient; x went two ways, and its gradients add up:
    dx = correction.backward(d) + shortcut.backward(d), with d = ReLU.backward(dout).
    """

    expansion: int
    relu: nn.ReLU
    downsample: nn.Sequential | None

    def correction(self) -> tuple[nn.Module, ...]:
        """The layers of the correction in their order. ReLU is one module: calls are matched last in, first out."""
        raise NotImplementedError

    def forward(self, x: np.ndarray) -> np.ndarray:
        out = x
        for layer in self.correction():
            out = layer(out)
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))

    def backward(self, dout: np.ndarray) -> np.ndarray:
        d = self.relu.backward(dout)
        dx = d
        for layer in reversed(self.correction()):
            dx = layer.backward(dx)
        return dx + (d if self.downsample is None else self.downsample.backward(d))


class BasicBlock(_Block):
    """Two convolutions of 3 x 3: (N, inplanes, H, W) -> (N, planes, H/stride, W/stride)."""

    expansion = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Sequential | None = None, **options: Any
    ):
        super().__init__()
        dtype = options.get("dtype", np.float32)
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False, **options)
        self.bn1 = nn.BatchNorm2d(planes, dtype=dtype)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False, **options)
        self.bn2 = nn.BatchNorm2d(planes, dtype=dtype)
        self.downsample = downsample

    def correction(self) -> tuple[nn.Module, ...]:
        return self.conv1, self.bn1, self.relu, self.conv2, self.bn2


class Bottleneck(_Block):
    """1 x 1 to fewer channels, 3 x 3, 1 x 1 to 4 * planes: (N, inplanes, H, W) -> (N, 4 planes, H/stride, W/stride).

    The stride stands in the convolution of 3 x 3, as in torchvision; the paper has it in the first one.
    """

    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Sequential | None = None, **options: Any
    ):
        super().__init__()
        dtype = options.get("dtype", np.float32)
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False, **options)
        self.bn1 = nn.BatchNorm2d(planes, dtype=dtype)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding=1, bias=False, **options)
        self.bn2 = nn.BatchNorm2d(planes, dtype=dtype)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False, **options)
        self.bn3 = nn.BatchNorm2d(4 * planes, dtype=dtype)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def correction(self) -> tuple[nn.Module, ...]:
        return self.conv1, self.bn1, self.relu, self.conv2, self.bn2, self.relu, self.conv3, self.bn3


class ResNet(nn.Sequential):
    """ResNet: x (N, in_channels, H, W), 224 x 224 in the paper, any size down to 1, -> scores (N, num_classes).

        conv 7x7, S=2 --> max pooling 3x3, S=2 --> layer1 ... layer4 of blocks, the last three of them halve the size
        and double the channels --> mean over the image --> fully connected

    block               BasicBlock or Bottleneck
    layers              blocks in layer1 ... layer4
    zero_init_residual  the last normalisation of each block begins with factor 0, so that the block is its shortcut
    shrink              divides all numbers of channels, for tests
    Parameters by torchvision's names: conv1.weight, layer1.0.conv1.weight, ..., layer2.0.downsample.0.weight, fc.bias.
    Convolutions begin normal by He et al. 2015 (fan_out), as torchvision's.
    Source: He, Zhang, Ren, Sun, Deep residual learning for image recognition, 2016.
    """

    def __init__(
        self,
        block: type[_Block],
        layers: tuple[int, int, int, int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        *,
        in_channels: int = 3,
        shrink: int = 1,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        rng = rng or np.random.default_rng()
        options: dict[str, Any] = {"dtype": dtype, "rng": rng}
        inplanes = shrunk(64, shrink)
        self.conv1 = nn.Conv2d(in_channels, inplanes, 7, stride=2, padding=3, bias=False, **options)
        self.bn1 = nn.BatchNorm2d(inplanes, dtype=dtype)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, blocks in enumerate(layers, 1):
            planes, stride = shrunk(32 * 2**number, shrink), 1 if number == 1 else 2
            layer = _layer(block, inplanes, planes, blocks, stride, options)
            setattr(self, f"layer{number}", layer)
            inplanes = planes * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(inplanes, num_classes, **options)
        for _, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", rng=rng)
            if zero_init_residual and isinstance(module, BasicBlock | Bottleneck):
                last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                assert last.weight is not None
                nn.init.zeros_(last.weight)


def _layer(
    block: type[Any], inplanes: int, planes: int, blocks: int, stride: int, options: dict[str, Any]
) -> nn.Sequential:
    """Blocks of one size. The first of them changes it, and its shortcut with it: by a convolution of 1 x 1."""
    out = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != out:
        shortcut = nn.Conv2d(inplanes, out, 1, stride, bias=False, **options)
        downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out, dtype=options["dtype"]))
    first = block(inplanes, planes, stride, downsample, **options)
    return nn.Sequential(first, *(block(out, planes, **options) for _ in range(blocks - 1)))


def resnet18(**options: Any) -> ResNet:
    """ResNet-18: 11,689,512 parameters. `options` are those of ResNet."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **options)


def resnet34(**options: Any) -> ResNet:
    """ResNet-34: 21,797,672 parameters."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50: 25,557,032 parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **options)
