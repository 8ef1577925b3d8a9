"""Optimizers, by torch.optim's names."""

from scratchnet.optim.optimizer import Optimizer
from scratchnet.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]
