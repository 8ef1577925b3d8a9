"""Power-average pooling: each window of the input gives one output, the p-norm of its values without absolute values.

    total[y] = sum over r of x[y*stride + r]^p          out[y] = total[y]^(1/p)
    dx[i] = x[i]^(p-1) * sum over the windows y that see i of dout[y] * total[y]^(1/p - 1)

p = 1 is the sum, p = infinity the maximum of |x|. Where total is 0 the derivative does not exist, and 0 is taken. As in
torch the total is the window's mean times its number of places, which is more than its sum where ceil_mode lets the
window hang over the end of the input.
Source: Sermanet et al. 2012, section 3.
"""

from __future__ import annotations

from math import isinf, prod
from typing import Any

import numpy as np

from scratchnet.ops.pooling import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from scratchnet.ops.windows import Sizes


def lp_pool_forward(
    x: np.ndarray, p: float, kernel: Sizes, stride: Sizes, ceil_mode: bool = False
) -> tuple[np.ndarray, Any]:
    """x (..., *sizes) -> out (..., *out sizes), and the cache. NaN where a negative total has no root.

    Raises ValueError where the output size would be 0.
    """
    none, once = (0,) * len(kernel), (1,) * len(kernel)
    if isinf(p):
        out, cache = max_pool_forward(np.abs(x), kernel, stride, none, once, ceil_mode)
        return out, (x, p, 1, None, cache)
    mean, cache = avg_pool_forward(x**p, kernel, stride, none, ceil_mode)
    total = mean * prod(kernel)
    with np.errstate(invalid="ignore"):
        return total ** (1 / p), (x, p, prod(kernel), total, cache)


def lp_pool_backward(dout: np.ndarray, cache: Any) -> np.ndarray:
    """dout (..., *out sizes) -> dx (..., *sizes)."""
    x, p, places, total, pooled = cache
    if isinf(p):
        return np.sign(x) * max_pool_backward(dout, pooled)
    with np.errstate(invalid="ignore", divide="ignore"):
        dtotal = np.where(total == 0, 0, dout * total ** (1 / p - 1)).astype(dout.dtype, copy=False)
    return x ** (p - 1) * avg_pool_backward(dtotal * places, pooled)
