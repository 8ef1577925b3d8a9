"""The layers, by torch.nn's names."""

from scratchnet.nn import init
from scratchnet.nn.conv import Conv1d, Conv2d, Conv3d
from scratchnet.nn.linear import Linear
from scratchnet.nn.module import Module, Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "Linear", "Module", "Parameter", "init"]
