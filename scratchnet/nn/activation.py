"""Activations: what those that work element by element share, and the three that are more: PReLU, RReLU and GLU.

The others stand in activation_piecewise.py and activation_smooth.py, as in ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.activation import (
    activation_backward,
    activation_forward,
    glu_backward,
    glu_forward,
    prelu_backward,
    prelu_forward,
    rrelu_backward,
    rrelu_forward,
)


class Elementwise(Module):
    """out = f(x) for each element of x, of any shape; `settings` are the keywords of the pair of ops that has the
    class's name."""

    def __init__(self, **settings: Any):
        super().__init__()
        self.settings = settings

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        out, cache = activation_forward(x, type(self).__name__, **self.settings)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return activation_backward(dout, cache)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.settings.items())


class PReLU(Module):
    """out = x where x > 0, else weight * x, with a learned weight.   torch.nn.PReLU

    x of any shape with num_parameters=1, (N, C, ...) with num_parameters=C: one slope for each channel; weight
    (num_parameters,), all `init` at first. Gradients: dx = dout where x > 0, else weight * dout (so at 0);
    dweight[c] = sum of dout * x over the places of channel c where x <= 0.
    Raises ValueError where x has another number of channels, TypeError for mixed dtypes.   Source: He et al. 2015.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float32):
        super().__init__()
        if num_parameters < 1:
            raise ValueError(f"PReLU: num_parameters={num_parameters}, 1 or the number of channels expected")
        self.num_parameters, self.init = num_parameters, float(init)
        self.weight = Parameter(np.full(num_parameters, self.init, dtype))

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x, weight=self.weight)
        if self.num_parameters > 1 and (x.ndim < 2 or x.shape[1] != self.num_parameters):
            raise ValueError(
                f"PReLU: x has shape {x.shape}, (N, {self.num_parameters}, ...) expected: num_parameters="
                f"{self.num_parameters} is one slope for each channel"
            )
        out, cache = prelu_forward(x, self.weight.data)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        dx, dweight = prelu_backward(dout, cache)
        self.weight.add_grad(dweight)
        return dx

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}, init={self.init}"


class RReLU(Module):
    """out = x where x > 0, else slope * x, with a slope of its own for each element.   torch.nn.RReLU

    In training the slopes are drawn from `rng`, uniform from lower to upper; they can be read back as `layer.slopes`,
    and handed in: `layer.forward(x, slopes)`. In evaluation all are (lower + upper) / 2. x of any shape.
    Gradient: dx = dout where x > 0, else slope * dout (so at 0), with the slopes of its forward.
    Raises ValueError unless lower <= upper and for slopes of another shape than x, TypeError for mixed dtypes.
    Source: Xu et al. 2015, Empirical Evaluation of Rectified Activations.
    """

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        inplace: bool = False,
        *,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        if not lower <= upper:
            raise ValueError(f"RReLU: lower={lower}, upper={upper}; lower <= upper expected")
        self.lower, self.upper, self.inplace = float(lower), float(upper), inplace
        self.rng = rng or np.random.default_rng()
        self.slopes: np.ndarray | None = None

    def forward(self, x: np.ndarray, slopes: np.ndarray | None = None) -> np.ndarray:
        check_dtype(self, x=x, slopes=slopes)
        if not self.training:
            slopes = np.full(x.shape, (self.lower + self.upper) / 2, x.dtype)
        elif slopes is None:
            slopes = self.rng.uniform(self.lower, self.upper, x.shape).astype(x.dtype)
        check_shape(self, "slopes", slopes, x.shape)
        self.slopes = slopes.copy()
        out, cache = rrelu_forward(x, self.slopes)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return rrelu_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}"


class GLU(Module):
    """out = a * sigmoid(b), a and b the first and second half of x along axis `dim`.   torch.nn.GLU

    x (..., 2 n, ...) -> (..., n, ...). Gradients: da = dout sigmoid(b), db = da * a (1 - sigmoid(b)).
    Raises ValueError where x has no such axis or its size is odd, TypeError for another dtype than float32 or float64.
    Source: Dauphin et al. 2017.
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, x: np.ndarray) -> np.ndarray:
        check_dtype(self, x=x)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"GLU: x has shape {x.shape} and no axis dim={self.dim}")
        if x.shape[self.dim] % 2:
            raise ValueError(f"GLU: x has shape {x.shape}; axis dim={self.dim} is halved, an even size expected")
        out, cache = glu_forward(x, self.dim)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return glu_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
