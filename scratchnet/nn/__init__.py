"""The layers, by torch.nn's names."""

from scratchnet.nn import init
from scratchnet.nn.conv import Conv1d, Conv2d, Conv3d
from scratchnet.nn.linear import Linear
from scratchnet.nn.module import Module, Parameter
from scratchnet.nn.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "Parameter",
    "init",
]
