"""CosineSimilarity and PairwiseDistance: layers of two inputs of one shape."""

from __future__ import annotations

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.distance import (
    cosine_similarity_backward,
    cosine_similarity_forward,
    pairwise_distance_backward,
    pairwise_distance_forward,
)


class _Distance(Module):
    def _check_inputs(self, x1: np.ndarray, x2: np.ndarray, dim: int) -> None:
        check_dtype(self, x1=x1, x2=x2)
        if x1.shape != x2.shape:
            raise ValueError(
                f"{type(self).__name__}: x1 has shape {x1.shape}, x2 {x2.shape}; one shape expected, nothing is "
                "broadcast here: try np.broadcast_to(x2, x1.shape)"
            )
        if not -x1.ndim <= dim < x1.ndim or x1.shape[dim] == 0:
            raise ValueError(f"{type(self).__name__}: x1 has shape {x1.shape}, and no vectors along the axis {dim}")


class CosineSimilarity(_Distance):
    """out = x1 . x2 / (max(|x1|, eps) max(|x2|, eps)), the vectors along the axis `dim`.   torch.nn.CosineSimilarity

    x1 and x2 of one shape -> that shape without `dim`, values from -1 to 1.
    Gradient: dx1 = dout (x2 / (max(|x1|, eps) max(|x2|, eps)) - out x1 / (|x1| max(|x1|, eps))), and dx2 alike.
    Raises ValueError for two shapes (nothing is broadcast) or no such axis.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        self._check_inputs(x1, x2, self.dim)
        out, cache = cosine_similarity_forward(x1, x2, self.dim, self.eps)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return cosine_similarity_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, eps={self.eps}"


class PairwiseDistance(_Distance):
    """out = (sum of |x1 - x2 + eps|^p)^(1/p) over the last axis.   torch.nn.PairwiseDistance

    x1 and x2 (..., D) of one shape -> (...), or (..., 1) with keepdim. p = infinity is the largest |x1 - x2 + eps|.
    Gradient: dx1 = dout sign(d) (|d| / out)^(p-1) with d = x1 - x2 + eps, 0 where out is 0; dx2 = -dx1.
    Raises ValueError for two shapes (nothing is broadcast), or p <= 0.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        if not p > 0:
            raise ValueError(f"p={p}: a positive number expected, 1 for sums, 2 for Euclidean distances")
        self.p, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        self._check_inputs(x1, x2, -1)
        out, cache = pairwise_distance_forward(x1, x2, float(self.p), self.eps, self.keepdim)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return pairwise_distance_backward(dout, cache)

    def extra_repr(self) -> str:
        return f"p={self.p}, eps={self.eps}, keepdim={self.keepdim}"
