"""Initialisers, by torch.nn.init's names. Each fills an array or Parameter in place and returns it.

`rng` is a numpy.random.Generator; without one, fresh entropy is drawn.
"""

from __future__ import annotations

import math

import numpy as np

from scratchnet.nn.module import Parameter


def uniform_(tensor: Parameter, a: float = 0.0, b: float = 1.0, rng: np.random.Generator | None = None) -> Parameter:
    """Uniform in [a, b)."""
    rng = rng or np.random.default_rng()
    tensor.data[...] = rng.uniform(a, b, tensor.shape)
    return tensor


def torch_default_(tensor: Parameter, fan_in: int, rng: np.random.Generator | None = None) -> Parameter:
    """What torch's Linear and Conv start with, weight and bias: uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return uniform_(tensor, -bound, bound, rng)
