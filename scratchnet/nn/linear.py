"""Linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dtype, check_shape
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.linear import linear_backward, linear_forward


class Linear(Module):
    """out = x weight^T + bias.   torch.nn.Linear

    x (..., in_features) -> (..., out_features); weight (out_features, in_features), bias (out_features,).
    Gradients: dx = dout weight, dweight = dout^T x, dbias = sum of dout over all but the last axis.
    Raises ValueError for another last axis, TypeError for mixed dtypes.   Source: course note, section 1.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.bias = Parameter(np.empty(out_features, dtype)) if bias else None
        init.torch_default_(self.weight, in_features, rng)
        if self.bias is not None:
            init.torch_default_(self.bias, in_features, rng)

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"Linear: x has shape {x.shape}, (..., {self.in_features}) expected (in_features)")
        out, cache = linear_forward(x, self.weight.data, None if self.bias is None else self.bias.data)
        self.keep((cache, out.shape))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape = self.kept()
        check_dtype(self, dout=dout, weight=self.weight)
        check_shape(self, "dout", dout, shape)
        dx, dw, db = linear_backward(dout, cache)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
