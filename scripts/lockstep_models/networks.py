"""Pairs of one network: in scratchnet, and in torch with the same names and a copy of the weights.

All take images (N, 1, 32, 32), MNIST with two zeros around it; the last two read them as 32 rows of 32 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oracle import twins
from scratchnet import models, nn

Pair = tuple[nn.Module, torch.nn.Module]
HIDDEN = 32


def vgg(rng: np.random.Generator, dtype: Any) -> Pair:
    settings: dict[str, Any] = {"num_classes": 10, "in_channels": 1, "shrink": 16, "dropout": 0.0}
    net = models.vgg11_bn(dtype=dtype, rng=rng, **settings)
    for _, module in net.named_modules():  # N(0, 0.01) is made for layers of 4096: of 256, it hardly learns
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, rng=rng)
    return net, twins.build("vgg11_bn", net.state_dict(), **settings)


def resnet(rng: np.random.Generator, dtype: Any) -> Pair:
    settings: dict[str, Any] = {"num_classes": 10, "in_channels": 1, "shrink": 16}
    net = models.resnet18(dtype=dtype, rng=rng, **settings)
    return net, twins.build("resnet18", net.state_dict(), **settings)


class RowsLSTM(nn.Module):
    """An LSTM reads the rows from top to bottom; its last output is classified."""

    def __init__(self, rng: np.random.Generator, dtype: Any):
        super().__init__()
        self.lstm = nn.LSTM(32, HIDDEN, batch_first=True, dtype=dtype, rng=rng)
        self.fc = nn.Linear(HIDDEN, 10, dtype=dtype, rng=rng)

    def forward(self, x: np.ndarray) -> np.ndarray:
        out, _ = self.lstm(x[:, 0])
        self.keep((x.shape, out.shape))
        return self.fc(out[:, -1])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        x_shape, out_shape = self.kept()
        douts = np.zeros(out_shape, dout.dtype)
        douts[:, -1] = self.fc.backward(dout)
        return self.lstm.backward(douts, None).reshape(x_shape)


class RowsLSTMTwin(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(32, HIDDEN, batch_first=True)
        self.fc = torch.nn.Linear(HIDDEN, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.lstm(x[:, 0])[0][:, -1])


class RowsTransformer(nn.Module):
    """Each row becomes a vector, one encoder layer lets the rows look at each other, their mean is classified."""

    def __init__(self, rng: np.random.Generator, dtype: Any):
        super().__init__()
        options: dict[str, Any] = {"dtype": dtype, "rng": rng}
        self.embed = nn.Linear(32, HIDDEN, **options)
        self.encoder = nn.TransformerEncoderLayer(HIDDEN, 4, 64, dropout=0.0, batch_first=True, **options)
        self.fc = nn.Linear(HIDDEN, 10, **options)

    def forward(self, x: np.ndarray) -> np.ndarray:
        rows = self.encoder(self.embed(x[:, 0]))
        self.keep((x.shape, rows.shape))
        return self.fc(rows.mean(1))

    def backward(self, dout: np.ndarray) -> np.ndarray:
        x_shape, rows_shape = self.kept()
        drows = np.broadcast_to(self.fc.backward(dout)[:, None] / rows_shape[1], rows_shape)
        return self.embed.backward(self.encoder.backward(drows)).reshape(x_shape)


class RowsTransformerTwin(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Linear(32, HIDDEN)
        self.encoder = torch.nn.TransformerEncoderLayer(HIDDEN, 4, 64, dropout=0.0, batch_first=True)
        self.fc = torch.nn.Linear(HIDDEN, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.encoder(self.embed(x[:, 0])).mean(1))


def _pair(net: nn.Module, twin: torch.nn.Module) -> Pair:
    state = {name: torch.from_numpy(value) for name, value in net.state_dict().items()}
    twin.to(next(iter(state.values())).dtype).load_state_dict(state)
    return net, twin


# name -> how to make the pair, and the learning rate at which it trains steadily
NETWORKS: dict[str, tuple[Callable[[np.random.Generator, Any], Pair], float]] = {
    "VGG-11 with batch norm, a 16th of its channels": (vgg, 0.005),
    "ResNet-18, a 16th of its channels": (resnet, 0.05),
    "LSTM of 32 on rows": (lambda rng, dtype: _pair(RowsLSTM(rng, dtype), RowsLSTMTwin()), 0.2),
    "transformer encoder, one layer of 32, on rows": (
        lambda rng, dtype: _pair(RowsTransformer(rng, dtype), RowsTransformerTwin()), 0.05,
    ),
}  # fmt: skip
