"""Flatten and Identity: layers that move no number."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.shape import flatten_backward, flatten_forward


class Flatten(Module):
    """The axes start_dim to end_dim (included) as one: x (N, C, H, W) -> (N, C*H*W).   torch.nn.Flatten

    A view of x where that is possible, as in torch. Gradient: dout in the shape of x.
    Raises ValueError where x has no such axes or they are in the wrong order.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        axes = max(x.ndim, 1)
        if not (-axes <= self.start_dim < axes and -axes <= self.end_dim < axes):
            raise ValueError(
                f"Flatten: x has shape {x.shape}, and not both the axes start_dim={self.start_dim} and "
                f"end_dim={self.end_dim}"
            )
        if self.start_dim % axes > self.end_dim % axes:
            raise ValueError(
                f"Flatten: start_dim={self.start_dim} comes after end_dim={self.end_dim} in x of shape {x.shape}"
            )
        out, cache = flatten_forward(x, self.start_dim, self.end_dim)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return flatten_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """out = x, dx = dout: takes the place of a layer that is left out.   torch.nn.Identity

    Any arguments are taken and ignored, as in torch; the output is x itself.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        self.keep((x.shape, x.dtype))
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        check_dout(self, dout, *self.kept())
        return dout
