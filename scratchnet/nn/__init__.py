"""The layers, by torch.nn's names."""

from scratchnet.nn import init
from scratchnet.nn.activation import ReLU, Sigmoid, Tanh
from scratchnet.nn.container import ModuleDict, ModuleList, Sequential
from scratchnet.nn.conv import Conv1d, Conv2d, Conv3d
from scratchnet.nn.linear import Linear
from scratchnet.nn.loss import CrossEntropyLoss, HalfSquaredError, MSELoss
from scratchnet.nn.module import Module, Parameter
from scratchnet.nn.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from scratchnet.nn.shape import Flatten, Identity
from scratchnet.nn.softmax import LogSoftmax, Softmax

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "CrossEntropyLoss",
    "Flatten",
    "HalfSquaredError",
    "Identity",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "init",
]
