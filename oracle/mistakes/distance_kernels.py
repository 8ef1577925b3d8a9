"""The kernels of CosineSimilarity and PairwiseDistance. Each has both gradients, named by their tensors.

cosine similarity   O = sum of I1 I2 / (m1 m2),  m = max(|I|, eps);   dI1 = dO (I2/(m1 m2) - O I1/(|I1| m1)), dI2 alike
pairwise distance   O = (sum of |d|^p)^(1/p),  d = I1 - I2 + eps;     dI1 = dO sign(d) (|d|/O)^(p-1), dI2 = -dI1
"""

from __future__ import annotations

import math

import numpy as np

# ---- cosine similarity. k: dim, eps; both gradients are one formula, with the inputs exchanged


def cosine_out(x1, x2, k):
    m1, m2 = np.maximum(norm(x1, k.dim), k.eps), np.maximum(norm(x2, k.dim), k.eps)
    return (x1 * x2 / (m1 * m2)).sum(axis=k.dim)


def cosine_gradients(x1, x2, dout, k):
    gradients = {}
    for name, x, y in (("dx1", x1, x2), ("dx2", x2, x1)):
        n, m, my = norm(x, k.dim), np.maximum(norm(x, k.dim), k.eps), np.maximum(norm(y, k.dim), k.eps)
        cos = (x * y / (m * my)).sum(axis=k.dim, keepdims=True)
        gradients[name] = np.expand_dims(dout, k.dim) * (y / (m * my) - cos * x / (or_one(n) * m))
    return gradients


def norm(x, dim):
    return np.sqrt((x * x).sum(axis=dim, keepdims=True))


def or_one(n):
    """1 where it is 0: the direction of a vector of zeros is 0."""
    return np.where(n > 0, n, 1)


# ---- pairwise distance. k: p, eps, keepdim


def pairwise_out(x1, x2, k):
    size = np.abs(x1 - x2 + k.eps)
    if k.p == math.inf:
        O = size.max(axis=-1, keepdims=True)
    else:
        O = (size**k.p).sum(axis=-1, keepdims=True) ** (1 / k.p)
    return O if k.keepdim else O[..., 0]


def pairwise_gradients(x1, x2, dout, k):
    d = x1 - x2 + k.eps
    size = np.abs(d)
    if k.p == math.inf:
        largest = size == size.max(axis=-1, keepdims=True)
        slope = np.sign(d) * largest / largest.sum(axis=-1, keepdims=True)
    else:
        O = (size**k.p).sum(axis=-1, keepdims=True) ** (1 / k.p)
        slope = np.sign(d) * (size / O) ** (k.p - 1)
    each = upstream(dout, k) * slope
    return {"dx1": each, "dx2": -each}


def upstream(dout, k):
    return dout if k.keepdim else dout[..., None]
