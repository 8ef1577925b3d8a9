"""scratchnet: a neural-network library in plain NumPy, forward and hand-written backward side by side."""

from scratchnet import nn, optim
from scratchnet.nn.module import no_grad
from scratchnet.serialization import load, save

__all__ = ["load", "nn", "no_grad", "optim", "save"]
