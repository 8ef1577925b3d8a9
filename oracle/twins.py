"""Whole networks in torch.nn, for scratchnet.models to be held against: torchvision's architectures and names.

torchvision itself is not needed. Written from the papers' tables and torchvision's published names, with torch's own
functions for everything without weights, so that nothing is shared with scratchnet but the names of the parameters.

    twin = build("resnet18", net.state_dict(), num_classes=10, shrink=16)
    net.load_state_dict(state_of(twin))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

VGG_PLAN = {
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
}
RESNET_PLAN = {18: (False, (2, 2, 2, 2)), 34: (False, (3, 4, 6, 3)), 50: (True, (3, 4, 6, 3))}
GOOGLENET_PLAN = """3a 64 96 128 16 32 32; 3b 128 128 192 32 96 64; 4a 192 96 208 16 48 64; 4b 160 112 224 24 64 64;
4c 128 128 256 24 64 64; 4d 112 144 288 32 64 64; 4e 256 160 320 32 128 128; 5a 256 160 320 32 128 128;
5b 384 192 384 48 128 128"""


def build(model: str, state: Mapping[str, np.ndarray] | None = None, **settings: Any) -> nn.Module:
    """The network `model` ("alexnet", "vgg16_bn", "resnet50", "googlenet", ...), with the arrays of `state` copied in.

    settings: num_classes, in_channels, shrink, dropout, dropout_aux, aux_logits, as far as the network has them.
    Raises ValueError for an unknown model, RuntimeError where `state` does not fit.
    """
    if model not in MODELS:
        raise ValueError(f"no network is called {model!r}: {', '.join(MODELS)} expected")
    cls, fixed = MODELS[model]
    twin = cls(**fixed, **settings)
    if state is not None:
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
        twin.to(next(iter(tensors.values())).dtype).load_state_dict(tensors)
    return twin


def state_of(twin: nn.Module) -> dict[str, np.ndarray]:
    """The parameters and buffers of a torch module as arrays, for `load_state_dict` of scratchnet."""
    return {name: value.detach().numpy().copy() for name, value in twin.state_dict().items()}


class AlexNetTwin(nn.Module):
    def __init__(self, num_classes: int = 1000, dropout: float = 0.5, in_channels: int = 3, shrink: int = 1):
        super().__init__()
        c = [n // shrink for n in (64, 192, 384, 256, 256)]
        self.features, self.classifier = nn.Module(), nn.Module()
        place = (0, 3, 6, 8, 10)
        kernels = ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
        for i, before, after, (kernel, stride, padding) in zip(place, [in_channels, *c], c, kernels):
            self.features.add_module(str(i), nn.Conv2d(before, after, kernel, stride, padding))
        wide = 4096 // shrink
        for i, before, after in ((1, c[-1] * 36, wide), (4, wide, wide), (6, wide, num_classes)):
            self.classifier.add_module(str(i), nn.Linear(before, after))
        self.p = dropout

    def forward(self, x: Tensor) -> Tensor:
        for i, conv in self.features.named_children():
            x = F.relu(conv(x))
            if i in ("0", "3", "10"):
                x = F.max_pool2d(x, 3, 2)
        x = F.adaptive_avg_pool2d(x, 6).flatten(1)
        one, two, three = self.classifier.children()
        x = F.relu(one(F.dropout(x, self.p, self.training)))
        return three(F.relu(two(F.dropout(x, self.p, self.training))))


class VGGTwin(nn.Module):
    def __init__(
        self, depth: int, batch_norm: bool, num_classes: int = 1000, dropout: float = 0.5, in_channels: int = 3,
        shrink: int = 1,
    ):  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for entry in VGG_PLAN[depth].split():
            if entry == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(width, int(entry) // shrink, 3, padding=1))
            width = int(entry) // shrink
            layers += [nn.BatchNorm2d(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
        self.features = nn.Sequential(*layers)
        wide = 4096 // shrink
        self.classifier = nn.Sequential(
            nn.Linear(width * 49, wide), nn.ReLU(), nn.Dropout(dropout), nn.Linear(wide, wide), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(wide, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 7).flatten(1))


class ResidualTwin(nn.Module):
    """Of two convolutions 3x3, or (deep) of 1x1, 3x3, 1x1, with `stride` in the first of 3x3."""

    def __init__(self, before: int, planes: int, stride: int, deep: bool):
        super().__init__()
        after = planes * (4 if deep else 1)
        plan = ((1, planes), (3, planes), (1, after)) if deep else ((3, planes), (3, planes))
        width, self.depth = before, len(plan)
        for i, (kernel, out) in enumerate(plan, 1):
            step = stride if i == (2 if deep else 1) else 1
            self.add_module(f"conv{i}", nn.Conv2d(width, out, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(out))
            width = out
        if stride > 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i in range(1, self.depth + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = F.relu(out) if i < self.depth else out
        return F.relu(out + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNetTwin(nn.Module):
    def __init__(self, depth: int, num_classes: int = 1000, in_channels: int = 3, shrink: int = 1):
        super().__init__()
        deep, blocks = RESNET_PLAN[depth]
        width = 64 // shrink
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for i, planes in enumerate((64, 128, 256, 512)):
            layer = nn.Sequential()
            for k in range(blocks[i]):
                layer.append(ResidualTwin(width, planes // shrink, 2 if i > 0 and k == 0 else 1, deep))
                width = planes // shrink * (4 if deep else 1)
            self.add_module(f"layer{i + 1}", layer)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in (1, 2, 3, 4):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


class ConvTwin(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class InceptionTwin(nn.Module):
    def __init__(self, before: int, one: int, red3: int, three: int, red5: int, five: int, pool: int):
        super().__init__()
        self.branch1 = ConvTwin(before, one, 1)
        self.branch2 = nn.Sequential(ConvTwin(before, red3, 1), ConvTwin(red3, three, 3))
        self.branch3 = nn.Sequential(ConvTwin(before, red5, 1), ConvTwin(red5, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvTwin(before, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class HeadTwin(nn.Module):
    def __init__(self, before: int, num_classes: int, p: float, shrink: int):
        super().__init__()
        self.conv = ConvTwin(before, 128 // shrink, 1)
        self.fc1 = nn.Linear(128 // shrink * 16, 1024 // shrink)
        self.fc2 = nn.Linear(1024 // shrink, num_classes)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), self.p, self.training))


class GoogLeNetTwin(nn.Module):
    def __init__(
        self, num_classes: int = 1000, aux_logits: bool = True, dropout: float = 0.2, dropout_aux: float = 0.7,
        in_channels: int = 3, shrink: int = 1,
    ):  # fmt: skip
        super().__init__()
        a, width = 64 // shrink, 192 // shrink
        self.conv1, self.conv2, self.conv3 = ConvTwin(in_channels, a, 7, 2), ConvTwin(a, a, 1), ConvTwin(a, width, 3)
        heads = {}
        for line in GOOGLENET_PLAN.split(";"):
            name, *channels = line.split()
            one, red3, three, red5, five, pool = (int(n) // shrink for n in channels)
            self.add_module(f"inception{name}", InceptionTwin(width, one, red3, three, red5, five, pool))
            width = one + three + five + pool
            heads[name] = width
        if aux_logits:
            self.aux1 = HeadTwin(heads["4a"], num_classes, dropout_aux, shrink)
            self.aux2 = HeadTwin(heads["4d"], num_classes, dropout_aux, shrink)
        self.aux_logits, self.p = aux_logits, dropout
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Any:
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        scores = []
        for name, block in self.named_children():
            if name.startswith("inception"):
                if name in ("inception4a", "inception5a"):
                    x = F.max_pool2d(x, 3 if name == "inception4a" else 2, 2, ceil_mode=True)
                x = block(x)
                if self.training and self.aux_logits and name in ("inception4a", "inception4d"):
                    scores.append((self.aux1 if name == "inception4a" else self.aux2)(x))
        x = self.fc(F.dropout(x.mean((2, 3)), self.p, self.training))
        return (x, *reversed(scores)) if scores else x


MODELS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "alexnet": (AlexNetTwin, {}),
    "vgg11": (VGGTwin, {"depth": 11, "batch_norm": False}),
    "vgg11_bn": (VGGTwin, {"depth": 11, "batch_norm": True}),
    "vgg16": (VGGTwin, {"depth": 16, "batch_norm": False}),
    "vgg16_bn": (VGGTwin, {"depth": 16, "batch_norm": True}),
    "googlenet": (GoogLeNetTwin, {}),
    "resnet18": (ResNetTwin, {"depth": 18}),
    "resnet34": (ResNetTwin, {"depth": 34}),
    "resnet50": (ResNetTwin, {"depth": 50}),
}
