"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype, check_shape
from scratchnet.nn import init
from scratchnet.nn.linear import Linear
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops.attention import join_heads, scaled_dot_product_backward, scaled_dot_product_forward, split_heads
from scratchnet.ops.dropout import draw_mask, dropout_forward
from scratchnet.ops.linear import linear_backward, linear_forward


class MultiheadAttention(Module):
    """out = concat(head 1, ..., head num_heads) W_o^T + b_o,   torch.nn.MultiheadAttention

    head h = softmax(Q_h K_h^T / sqrt(d)) V_h of d = embed_dim / num_heads features of Q = query W_q^T + b_q,
    K = key W_k^T + b_k, V = value W_v^T + b_v (ops/attention.py has the formulas, forward and backward).

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); with batch_first (N, L, ...), unbatched (L, ...) ->
    out (L, N, embed_dim) and the weights, their mean over the heads (N, L, S), or (N, num_heads, L, S) with
    average_attn_weights=False, or None with need_weights=False.
    key_padding_mask (N, S) and attn_mask (L, S) or (N*num_heads, L, S): boolean, True where a key must NOT be seen, or
    of x's dtype and added to the scores. A query that sees no key gets NaN, with need_weights=False 0, as in torch.
    is_causal says that attn_mask is the causal one, which has to be given; here it saves nothing.
    add_bias_kv appends a learned key and value to S, add_zero_attn one of zeros. Dropout falls on the weights, in
    training: its mask (N*num_heads, L, S) is drawn from `rng`, can be read back as `layer.mask` and handed in.
    Parameters: in_proj_weight (3*embed_dim, embed_dim) of q, k, v, or q_proj_weight, k_proj_weight (embed_dim, kdim),
    v_proj_weight (embed_dim, vdim) where kdim or vdim differ; in_proj_bias (3*embed_dim,), bias_k, bias_v (1, 1,
    embed_dim), out_proj.weight, out_proj.bias.
    Gradients: backward(dout, dweights) -> one for each input that was given: query, key, value, then key_padding_mask
    and attn_mask (None for a boolean one); for self-attention the caller adds the first three.
    Raises ValueError for shapes that do not fit, TypeError for mixed dtypes.   Source: Vaswani et al. 2017.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        if min(embed_dim, num_heads) < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim={embed_dim}, num_heads={num_heads}: a number of heads that divides the "
                "features expected"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"MultiheadAttention: dropout={dropout}, the probability to DROP, from 0 to 1, expected")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.add_zero_attn, self.rng = add_zero_attn, rng or np.random.default_rng()
        self.mask: np.ndarray | None = None

        def xavier(*shape: int) -> Parameter:
            return init.xavier_uniform_(Parameter(np.empty(shape, dtype)), rng=self.rng)

        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = xavier(3 * embed_dim, embed_dim)
        else:
            self.q_proj_weight = xavier(embed_dim, embed_dim)
            self.k_proj_weight = xavier(embed_dim, self.kdim)
            self.v_proj_weight = xavier(embed_dim, self.vdim)
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None
        self.bias_k, self.bias_v = (
            init.xavier_normal_(Parameter(np.empty((1, 1, embed_dim), dtype)), rng=self.rng) if add_bias_kv else None
            for _ in range(2)
        )
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, rng=self.rng)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: np.ndarray,
        key: np.ndarray,
        value: np.ndarray,
        key_padding_mask: np.ndarray | None = None,
        need_weights: bool = True,
        attn_mask: np.ndarray | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        mask: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if is_causal and attn_mask is None:
            raise ValueError("MultiheadAttention: is_causal=True needs attn_mask: np.triu(np.ones((L, S), bool), 1)")
        check_dtype(self, query=query, key=key, value=value, weight=self.out_proj.weight)
        L, N, S = self._check_inputs(query, key, value)
        batched, inputs = query.ndim == 3, [self._steps_first(x) for x in (query, key, value)]
        extra = (self.bias_k is not None) + self.add_zero_attn
        added = self._added(key_padding_mask, attn_mask, (N, self.num_heads, L, S), query.dtype, batched)
        if added is not None:
            added = np.pad(added, [*[(0, 0)] * 3, (0, extra)])
        factor = self._dropout_factor(mask, (N, self.num_heads, L, S + extra), query.dtype)

        projected = [linear_forward(x, w, b) for x, (w, b) in zip(inputs, self._projections())]
        (q, _), (k, _), (v, _) = projected
        k, v = self._extended(k, self.bias_k), self._extended(v, self.bias_v)
        q, k, v = (split_heads(x, self.num_heads) for x in (q, k, v))
        context, weights, cache = scaled_dot_product_forward(q, k, v, added, factor, safe=not need_weights)
        out = self._as_given(self.out_proj(join_heads(context)), batched)
        masks = [(m, per_query) for m, per_query in ((key_padding_mask, False), (attn_mask, True)) if m is not None]
        shown = weights.mean(axis=1) if average_attn_weights else weights
        shown = shown if batched else shown[0]
        projections = [entry for _, entry in projected]
        self.keep((cache, projections, masks, batched, shown.shape, average_attn_weights, out.shape))
        return out, shown if need_weights else None

    def backward(self, dout: np.ndarray, dweights: np.ndarray | None = None) -> tuple[Any, ...]:
        cache, projections, masks, batched, shown, averaged, out_shape = self.kept()
        check_dout(self, dout, out_shape, self.out_proj.weight.dtype)
        if dweights is not None:
            check_dout(self, dweights, shown, self.out_proj.weight.dtype)
            dweights = dweights if batched else dweights[None]
            dweights = dweights[:, None] / self.num_heads if averaged else dweights
        dcontext = split_heads(self.out_proj.backward(self._steps_first(dout)), self.num_heads)
        *dheads, dscores = scaled_dot_product_backward(dcontext, dweights, cache)
        dinputs, of_projections = [], []
        for dhead, projection, learned in zip(dheads, projections, (None, self.bias_k, self.bias_v)):
            d, steps = join_heads(dhead), len(projection[0])
            if learned is not None:
                learned.add_grad(d[steps].sum(axis=0).reshape(learned.shape))
            dx, dw, db = linear_backward(d[:steps], projection)  # what was appended comes from no input
            dinputs.append(self._as_given(dx, batched))
            of_projections.append((dw, db))
        self._add_projection_grads(of_projections)
        seen = dscores[..., : len(projections[1][0])]
        return (*dinputs, *(_mask_gradient(mask, per_query, seen) for mask, per_query in masks))

    # Inside, everything is (steps, batch, features)

    def _check_inputs(self, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> tuple[int, int, int]:
        """(L, N, S)"""
        if query.ndim not in (2, 3):
            raise ValueError(f"MultiheadAttention: query has shape {query.shape}, 3 axes (2 without a batch) expected")
        L, N = self._steps_first(query).shape[:2]
        S = self._steps_first(key).shape[0] if key.ndim == query.ndim else "S"
        for name, x, steps, size in (("query", query, L, self.embed_dim), ("key", key, S, self.kdim),
                                     ("value", value, S, self.vdim)):  # fmt: skip
            check_shape(self, name, x, (steps, size) if query.ndim == 2 else
                        (N, steps, size) if self.batch_first else (steps, N, size))  # fmt: skip
        return L, N, int(S)

    def _steps_first(self, x: np.ndarray) -> np.ndarray:
        return x[:, None] if x.ndim == 2 else np.swapaxes(x, 0, 1) if self.batch_first else x

    def _as_given(self, x: np.ndarray, batched: bool) -> np.ndarray:
        return x[:, 0] if not batched else np.ascontiguousarray(np.swapaxes(x, 0, 1)) if self.batch_first else x

    def _projections(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """(weight, bias) of q, k and v."""
        weights = [p.data for p in self._weights]
        weights = np.split(weights[0], 3) if len(weights) == 1 else weights
        return list(zip(weights, [None] * 3 if self.in_proj_bias is None else np.split(self.in_proj_bias.data, 3)))

    def _add_projection_grads(self, found: list[tuple[np.ndarray, np.ndarray]]) -> None:
        gradients = [dw for dw, _ in found]
        gradients = [np.concatenate(gradients)] if len(self._weights) == 1 else gradients
        for parameter, gradient in zip(self._weights, gradients):
            parameter.add_grad(gradient)
        if self.in_proj_bias is not None:
            self.in_proj_bias.add_grad(np.concatenate([db for _, db in found]))

    @property
    def _weights(self) -> list[Parameter]:
        """All three in one, or one each."""
        if self.kdim == self.vdim == self.embed_dim:
            return [self.in_proj_weight]
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def _extended(self, x: np.ndarray, learned: Parameter | None) -> np.ndarray:
        """Keys or values with the learned one and the one of zeros behind them."""
        one = (1, *x.shape[1:])
        parts = [x] if learned is None else [x, np.broadcast_to(learned.data, one)]
        return np.concatenate([*parts, np.zeros(one, x.dtype)] if self.add_zero_attn else parts)

    # Masks

    def _added(
        self, padding: np.ndarray | None, attn: np.ndarray | None, shape: tuple[int, ...], dtype: Any, batched: bool
    ) -> np.ndarray | None:
        """Both masks in one, to be added to the scores (N, num_heads, L, S); None without any."""
        N, heads, L, S = shape
        total: np.ndarray | None = None
        if attn is not None:
            check_shape(self, "attn_mask", attn, (L, S) if attn.ndim == 2 else (N * heads, L, S))
            total = self._numbers("attn_mask", attn, dtype).reshape((1, 1, L, S) if attn.ndim == 2 else shape)
        if padding is not None:
            check_shape(self, "key_padding_mask", padding, (N, S) if batched else (S,))
            keys = self._numbers("key_padding_mask", padding, dtype).reshape(N, 1, 1, S)
            total = keys if total is None else total + keys
        return total

    def _numbers(self, name: str, mask: np.ndarray, dtype: Any) -> np.ndarray:
        if mask.dtype == bool:
            return np.where(mask, -np.inf, 0).astype(dtype)
        if mask.dtype != dtype:
            raise TypeError(f"MultiheadAttention: {name} has dtype {mask.dtype}, bool or {dtype} expected")
        return mask

    def _dropout_factor(self, mask: np.ndarray | None, shape: tuple[int, ...], dtype: Any) -> np.ndarray | None:
        """What the weights are multiplied by, in their shape; None where nothing is dropped."""
        N, heads, *rest = shape
        self.mask = None
        if not self.training:
            self.mask = None if mask is None else np.ones((N * heads, *rest), dtype)
            return None
        if self.dropout == 0:
            return None
        each = (N * heads, *rest)
        drawn = draw_mask(each, self.dropout, dtype, self.rng) if mask is None else np.asarray(mask, dtype)
        check_shape(self, "mask", drawn, each)
        self.mask = drawn
        return dropout_forward(np.ones(shape, dtype), drawn.reshape(shape), self.dropout)[0]

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def _mask_gradient(mask: np.ndarray, per_query: bool, dscores: np.ndarray) -> np.ndarray | None:
    """dscores (N, num_heads, L, S), summed over the axes along which the mask was repeated; None if it is boolean."""
    if mask.dtype == bool:
        return None
    if mask.ndim == 3:
        return dscores.reshape(mask.shape)
    return dscores.sum(axis=(0, 1)) if per_query else dscores.sum(axis=(1, 2)).reshape(mask.shape)
