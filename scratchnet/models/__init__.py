"""Networks of the course, built from scratchnet.nn."""

from scratchnet.models.lenet import LeNet5
from scratchnet.models.mlp import MLP

__all__ = ["MLP", "LeNet5"]
