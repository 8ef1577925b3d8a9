"""Multi-head attention's kernel, in the letters of scratchnet.naive.attention: Q queries, K keys, V values of the heads
(N, heads, steps, d), M what is added to the scores z, P their softmax, D what dropout multiplies it by, O the output.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.subjects import Call


def attention(k):
    """P = softmax(Q K^T / sqrt(d) + M), O = (P * D) V for each head; all heads side by side, and a projection."""
    inputs = [rows(x, k.swapped) for x in k.inputs]
    Q, K, V = (x @ w.T + b for x, w, b in zip(inputs, k.W, k.B))
    K, V = extended(K, k.more_keys), extended(V, k.more_values)
    Q, K, V = split(Q, k.heads), split(K, k.heads), split(V, k.heads)
    d = Q.shape[-1]
    M = added(k.attn_mask, k.padding_mask, k)
    z = Q @ t(K) / np.sqrt(d) + M
    P = softmax(z, -1, k.safe)
    O = (P * k.D) @ V
    joined = join(O)
    out = joined @ k.W_out.T + k.B_out
    weights = (P * k.D).mean(axis=1) if k.averaged else P * k.D

    dout = rows(k.dout, k.swapped)
    dO = split(dout @ k.W_out, k.heads)
    dV = t(P * k.D) @ dO
    dP = (dO @ t(V) + k.dweights) * k.D
    dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
    dQ = dz @ K / np.sqrt(d)
    dK = t(dz) @ Q / np.sqrt(d)
    dinputs, dW, dB = [], [], []
    for x, w, dhead in zip(inputs, k.W, (dQ, dK, dV)):
        d_rows = join(dhead)[:, : x.shape[1]]
        dinputs.append(rows(d_rows @ w, k.swapped))
        dW.append(flat(d_rows).T @ flat(x))
        dB.append(flat(d_rows).sum(axis=0))
    return k.named(
        out=rows(out, k.swapped),
        weights=weights,
        dinputs=dinputs,
        dW=dW,
        dB=dB,
        dW_out=flat(dout).T @ flat(joined),
        dB_out=flat(dout).sum(axis=0),
    )


# ---- the parts that a mistake may exchange


def rows(x, swapped):
    """(N, steps, features) of what has the steps first, and back again; with batch_first it is so already."""
    return x if swapped else np.swapaxes(x, 0, 1)


def t(a):
    return np.swapaxes(a, -1, -2)


def flat(a):
    return a.reshape(-1, a.shape[-1])


def split(x, heads):
    """(N, T, heads * d) -> (N, heads, T, d)"""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def join(x):
    """(N, heads, T, d) -> (N, T, heads * d)"""
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)


def split_by_reshape(x, heads):
    return x.reshape(len(x), heads, x.shape[1], -1)


def split_in_turn(x, heads):
    """Feature i goes to head i % heads."""
    return x.reshape(*x.shape[:2], -1, heads).transpose(0, 3, 1, 2)


def join_by_reshape(x):
    return x.reshape(len(x), x.shape[2], -1)


def extended(x, more):
    """The learned key (or value) and the one of zeros behind the others."""
    return np.concatenate([x, *(np.repeat(one, len(x), axis=0) for one in more)], axis=1) if more else x


def softmax(z, axis, safe):
    """A query that sees no key has 0 if safe, else NaN."""
    blind = np.isneginf(z).all(axis=axis, keepdims=True)
    e = np.exp(z - np.where(blind, 0, z.max(axis=axis, keepdims=True)))
    return np.where(blind, 0 if safe else np.nan, e / e.sum(axis=axis, keepdims=True))


def added(attn_mask, padding_mask, k):
    """Both masks as numbers, 0 for the keys that were put behind the others."""
    M = np.zeros((k.N, 1, 1, k.S))
    if attn_mask is not None:
        M = M + numbers(attn_mask).reshape(-1, k.heads if attn_mask.ndim == 3 else 1, *attn_mask.shape[-2:])
    if padding_mask is not None:
        M = M + numbers(padding_mask).reshape(k.N, 1, 1, k.S)
    return np.pad(M, [*[(0, 0)] * 3, (0, len(k.more_keys))])


def numbers(mask):
    return np.where(mask, -np.inf, 0.0) if mask.dtype == bool else mask


def inverted(mask):
    return ~mask if mask is not None and mask.dtype == bool else mask


def prepare(call: Call) -> SimpleNamespace:
    """Everything in float64; without a batch N = 1."""
    settings, E, heads = call.settings, call.settings["embed_dim"], call.settings["num_heads"]
    a = {name: x.astype(np.float64) if x.dtype.kind == "f" else x for name, x in call.arrays().items()}
    batched, swapped = a["query"].ndim == 3, settings["batch_first"] and a["query"].ndim == 3

    def batch(x: np.ndarray) -> np.ndarray:
        return x if batched else x[:, None]

    inputs = [batch(a[name]) for name in ("query", "key", "value")]
    L, S = (x.shape[1 if swapped else 0] for x in inputs[:2])
    N = inputs[0].shape[0 if swapped else 1]
    packed = "in_proj_weight" in a
    W = np.split(a["in_proj_weight"], 3) if packed else [a[f"{letter}_proj_weight"] for letter in "qkv"]
    zero = [np.zeros((1, 1, E))] if settings["add_zero_attn"] else []
    more = {name: [a[name], *zero] if name in a else zero for name in ("bias_k", "bias_v")}
    keys, p = S + len(more["bias_k"]), settings["dropout"]
    dropped: Any = a["mask"].reshape(N, heads, L, keys) / (1 - p if p < 1 else np.inf) if "mask" in a else 1.0
    averaged, dweights = settings["average_attn_weights"], a.get("dweights", np.zeros(()))
    if settings["need_weights"]:
        dweights = dweights if batched else dweights[None]
        dweights = dweights[:, None] / heads if averaged else dweights

    def named(out, weights, dinputs, dW, dB, dW_out, dB_out):
        found = dict(zip(("dquery", "dkey", "dvalue"), dinputs)) | {"out": out}
        found |= {"weights": weights} if settings["need_weights"] else {}
        found |= {"din_proj_bias": np.concatenate(dB), "dout_proj.weight": dW_out, "dout_proj.bias": dB_out}
        if packed:
            found["din_proj_weight"] = np.concatenate(dW)
        if not batched:
            found |= {name: found[name][:, 0] for name in ("out", "dquery", "dkey", "dvalue")}
            found |= {"weights": weights[0]} if settings["need_weights"] else {}
        return found

    return SimpleNamespace(
        inputs=inputs, W=W, B=np.split(a.get("in_proj_bias", np.zeros(3 * E)), 3), W_out=a["out_proj.weight"],
        B_out=a.get("out_proj.bias", 0.0), more_keys=more["bias_k"], more_values=more["bias_v"], heads=heads, N=N, S=S,
        attn_mask=a.get("attn_mask"), padding_mask=a.get("key_padding_mask"), safe=not settings["need_weights"],
        D=dropped if call.training else 1.0, dropped=dropped, p=p, averaged=averaged,
        dout=batch(a["dout"]), dweights=dweights, swapped=swapped, named=named,
    )  # fmt: skip
