"""Activations: layers without parameters that work element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.activation import activation_backward, activation_forward


class _Activation(Module):
    """`function` is the name of the pair in ops/activation.py; `settings` are the keywords of both."""

    function: str

    def __init__(self, **settings: Any):
        super().__init__()
        self.settings = settings

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        out, cache = activation_forward(x, self.function, **self.settings)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return activation_backward(dout, cache)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.settings.items())


class ReLU(_Activation):
    """out = max(x, 0), any shape.   torch.nn.ReLU

    Gradient: dx = dout where x > 0, else 0 (0 at the kink x = 0). `inplace` is taken so that torch code ports, and
    changes nothing: x is never overwritten.   Raises TypeError for another dtype than float32 or float64.
    Source: Nair and Hinton 2010.
    """

    function = "ReLU"

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class Sigmoid(_Activation):
    """out = 1 / (1 + exp(-x)), any shape, in [0, 1]; no x overflows.   torch.nn.Sigmoid

    Gradient: dx = dout * out * (1 - out).   Raises TypeError for another dtype than float32 or float64.
    Source: Rumelhart, Hinton and Williams 1986.
    """

    function = "Sigmoid"


class Tanh(_Activation):
    """out = tanh(x), any shape, in [-1, 1].   torch.nn.Tanh

    Gradient: dx = dout * (1 - out^2).   Raises TypeError for another dtype than float32 or float64.
    Source: LeCun et al. 1998, Efficient BackProp.
    """

    function = "Tanh"
