"""Embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.embedding import embedding_backward, embedding_forward


class Embedding(Module):
    """out = weight[x]: the row of each index (of a word, a category).   torch.nn.Embedding

    x integers of any shape, 0..num_embeddings-1 -> (*x.shape, embedding_dim); weight (num_embeddings, embedding_dim),
    normal(0, 1) at first. The row padding_idx (negative: counted from the end) starts at 0 and gets no gradient.
    Gradients: dweight[v] = sum of dout over the places where x is v, with scale_grad_by_freq divided by their number;
    backward returns None, as indices have no gradient.
    Raises TypeError for an x that is not of integers, IndexError for an index without a row, ValueError for a
    padding_idx without one.   Source: Bengio et al. 2003.

    Not taken: max_norm and norm_type, which change the weight inside of forward; sparse, a storage format.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        scale_grad_by_freq: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx={padding_idx}, a row from {-num_embeddings} to {num_embeddings - 1} expected"
            )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.scale_grad_by_freq = scale_grad_by_freq
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, rng=rng)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "iu":
            given = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"Embedding: x is {given}, an array of integers expected; convert it: x.astype(np.int64)")
        if x.size and not (x.min() >= 0 and x.max() < self.num_embeddings):
            raise IndexError(
                f"Embedding: x holds {x.min()} to {x.max()}, indices from 0 to {self.num_embeddings - 1} expected "
                "(num_embeddings - 1)"
            )
        out, cache = embedding_forward(x, self.weight.data)
        self.keep((cache, out.shape, out.dtype))
        return out

    def backward(self, dout: np.ndarray) -> None:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        self.weight.add_grad(embedding_backward(dout, cache, self.padding_idx, self.scale_grad_by_freq))

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
