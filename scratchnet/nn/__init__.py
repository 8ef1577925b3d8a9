"""The layers, by torch.nn's names."""

from scratchnet.nn import init
from scratchnet.nn.activation import ReLU, Sigmoid, Tanh
from scratchnet.nn.container import ModuleDict, ModuleList, Sequential
from scratchnet.nn.conv import Conv1d, Conv2d, Conv3d
from scratchnet.nn.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from scratchnet.nn.linear import Linear
from scratchnet.nn.loss import CrossEntropyLoss, HalfSquaredError, MSELoss
from scratchnet.nn.module import Module, Parameter
from scratchnet.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from scratchnet.nn.normalization_per_sample import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from scratchnet.nn.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from scratchnet.nn.shape import Flatten, Identity
from scratchnet.nn.softmax import LogSoftmax, Softmax

__all__ = [
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "Flatten",
    "GroupNorm",
    "HalfSquaredError",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "init",
]
