"""Linear and Bilinear."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter, needs_grad
from scratchnet.ops.linear import bilinear_backward, bilinear_forward, linear_backward, linear_forward


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
        self.keep((cache, out.shape, needs_grad(x)))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, needs_dx = self.kept()
        check_dtype(self, dout=dout, weight=self.weight)
        check_shape(self, "dout", dout, shape)
        dx, dw, db = linear_backward(dout, cache, needs_dx)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """out[n,o] = x1[n] weight[o] x2[n]^T + bias[o].   torch.nn.Bilinear

    x1 (..., in1_features), x2 (..., in2_features) with the same leading axes -> (..., out_features); weight
    (out_features, in1_features, in2_features), bias (out_features,).
    Gradients: in each product x1[i] weight[o,i,j] x2[j] the factor itself is replaced by dout[o]; dbias as in Linear.
    Raises ValueError for other shapes, TypeError for mixed dtypes.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(np.empty((out_features, in1_features, in2_features), dtype))
        self.bias = Parameter(np.empty(out_features, dtype)) if bias else None
        init.torch_default_(self.weight, in1_features, rng)
        if self.bias is not None:
            init.torch_default_(self.bias, in1_features, rng)

    def forward(self, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        check_dtype(self, x1=x1, x2=x2, weight=self.weight)
        i, j = self.in1_features, self.in2_features
        if 0 in (x1.ndim, x2.ndim) or (x1.shape[-1], x2.shape[-1]) != (i, j) or x1.shape[:-1] != x2.shape[:-1]:
            raise ValueError(
                f"Bilinear: x1 has shape {x1.shape}, x2 {x2.shape}; (..., {i}) (in1_features) and (..., {j}) "
                "(in2_features) expected with the same leading axes"
            )
        out, cache = bilinear_forward(x1, x2, self.weight.data, None if self.bias is None else self.bias.data)
        self.keep((cache, out.shape))
        return out

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cache, shape = self.kept()
        check_dout(self, dout, shape, self.weight.dtype)
        dx1, dx2, dw, db = bilinear_backward(dout, cache)
        self.weight.add_grad(dw)
        if self.bias is not None:
            self.bias.add_grad(db)
        return dx1, dx2

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
