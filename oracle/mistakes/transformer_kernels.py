"""The transformer's kernel: how a layer is put together of parts, and the parts. X is what a layer reads, Y what the
decoder reads beside it (the encoder's output); every part gives its output and the way back.

One kernel serves the three layers: `k.run` is one encoder layer, one decoder layer, or the stacks of both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import erf
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.mistakes.attention_kernels import (
    flat,
    join,
    join_by_reshape,  # noqa: F401  of the mistakes, as is the other one
    softmax,
    split,
    split_by_reshape,  # noqa: F401
    t,
)
from oracle.mistakes.kernel import _compile
from oracle.subjects import Call


def layers(k):
    """norm(X + part(X)), with norm_first X + part(norm(X)), for each part: attention, feed forward"""

    def residual(X, part, name):
        if k.norm_first:
            Z, back_norm = norm(k, name, X)
            O, back_part = part(Z)
            return X + O, lambda d: d + back_norm(back_part(d))
        Z, back_part = part(X)
        O, back_norm = norm(k, name, X + Z)

        def back(d):
            d_sum = back_norm(d)
            return d_sum + back_part(d_sum)

        return O, back

    def self_attention(at, X, name):
        O, back = attention(k, f"{at}self_attn", X, X, hidden(k, name, X, X))

        def back_to_X(d):
            dQ, dK, dV = back(d)
            return dQ + dK + dV

        return O, back_to_X

    def encoder(at, X):
        Z, back_1 = residual(X, lambda X: self_attention(at, X, "src"), f"{at}norm1")
        O, back_2 = residual(Z, lambda X: feed_forward(k, at, X), f"{at}norm2")
        return O, lambda d: back_1(back_2(d))

    def decoder(at, X, Y):
        def look_back(X):
            O, back = attention(k, f"{at}multihead_attn", X, Y, hidden(k, "memory", X, Y))

            def back_to_X(d):
                dQ, dK, dV = back(d)
                k.dY.append(dK + dV)
                return dQ

            return O, back_to_X

        Z, back_1 = residual(X, lambda X: self_attention(at, X, "tgt"), f"{at}norm1")
        Z, back_2 = residual(Z, look_back, f"{at}norm2")
        O, back_3 = residual(Z, lambda X: feed_forward(k, at, X), f"{at}norm3")
        return O, lambda d: (back_1(back_2(back_3(d))), k.dY.pop())

    return k.run(k, encoder, decoder)


# ---- parts


def linear(k, name, X):
    W, B = k.w[f"{name}.weight"], k.w.get(f"{name}.bias", 0.0)

    def back(d):
        k.g[f"{name}.weight"], k.g[f"{name}.bias"] = flat(d).T @ flat(X), flat(d).sum(axis=0)
        return d @ W

    return X @ W.T + B, back


def norm(k, name, X):
    """Over the features of each place."""
    W, B = k.w[f"{name}.weight"], k.w.get(f"{name}.bias", 0.0)
    centred = X - X.mean(axis=-1, keepdims=True)
    s = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + k.eps)
    xhat = centred / s

    def back(d):
        k.g[f"{name}.weight"], k.g[f"{name}.bias"] = flat(d * xhat).sum(axis=0), flat(d).sum(axis=0)
        g = d * W
        return (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) / s

    return xhat * W + B, back


def attention(k, name, X, Y, M):
    """Queries from X, keys and values from Y. A query that sees no key gets 0."""
    W = np.split(k.w[f"{name}.in_proj_weight"], 3)
    B = np.split(k.w.get(f"{name}.in_proj_bias", np.zeros(3 * len(W[0]))), 3)
    read = (X, Y, Y)
    Q, K, V = (split(x @ w.T + b, k.heads) for x, w, b in zip(read, W, B))
    d = Q.shape[-1]
    P = softmax(Q @ t(K) / np.sqrt(d) + np.where(M, -np.inf, 0), -1, True)
    O, back_out = linear(k, f"{name}.out_proj", join(P @ V))

    def back(dout):
        dO = split(back_out(dout), k.heads)
        dV, dP = t(P) @ dO, dO @ t(V)
        dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
        dheads = [join(part) for part in (dz @ K / np.sqrt(d), t(dz) @ Q / np.sqrt(d), dV)]
        k.g[f"{name}.in_proj_weight"] = np.concatenate([flat(dhead).T @ flat(x) for dhead, x in zip(dheads, read)])
        k.g[f"{name}.in_proj_bias"] = np.concatenate([flat(dhead).sum(axis=0) for dhead in dheads])
        return tuple(dhead @ w for dhead, w in zip(dheads, W))

    return O, back


def feed_forward(k, at, X):
    A, back_1 = linear(k, f"{at}linear1", X)
    H, slope = (A * Phi(A), Phi(A) + A * phi(A)) if k.gelu else (np.maximum(A, 0), A > 0)
    O, back_2 = linear(k, f"{at}linear2", H)
    return O, lambda d: back_1(back_2(d) * slope)


def hidden(k, name, X, Y):
    """True where one of the masks hides a key of Y from a query of X."""
    M = np.zeros((len(X), 1, X.shape[1], Y.shape[1]), bool)
    if (mask := k.masks.get(f"{name}_mask")) is not None:
        M = M | mask
    if (mask := k.masks.get(f"{name}_key_padding_mask")) is not None:
        M = M | mask.reshape(len(Y), 1, 1, -1)
    return M


Phi = np.vectorize(lambda x: (1 + erf(x / np.sqrt(2))) / 2, otypes=[float])


def phi(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def tanh_gelu(x):
    return 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@lru_cache(maxsize=256)
def edited(part: str, *edits: tuple[str, str]) -> Callable[..., Any]:
    """A part with its text edited."""
    return _compile(globals()[part], edits)[0]


# ---- the three layers


def of_encoder(k, encoder, decoder):
    O, back = encoder("", k.x)
    return {"out": O, "dsrc": back(k.dout)}


def of_decoder(k, encoder, decoder):
    O, back = decoder("", k.x, k.y)
    return {"out": O} | dict(zip(("dtgt", "dmemory"), back(k.dout)))


def of_both(k, encoder, decoder):
    """The encoder's layers and a norm, the decoder's layers, each of which reads what the encoder gave, and a norm."""
    X, Y, encoders, decoders = k.x, k.y, [], []
    for number in range(k.layers[0]):
        X, back = encoder(f"encoder.layers.{number}.", X)
        encoders.append(back)
    memory, back_memory = norm(k, "encoder.norm", X)
    for number in range(k.layers[1]):
        Y, back = decoder(f"decoder.layers.{number}.", Y, memory)
        decoders.append(back)
    O, back_out = norm(k, "decoder.norm", Y)
    d, dmemory = back_out(k.dout), 0
    for back in reversed(decoders):
        d, of_layer = back(d)
        dmemory = dmemory + of_layer
    dtgt, d = d, back_memory(dmemory)
    for back in reversed(encoders):
        d = back(d)
    return {"out": O, "dsrc": d, "dtgt": dtgt}


_RUNS = {
    "TransformerEncoderLayer": ("of_encoder", ("src", "src")),
    "TransformerDecoderLayer": ("of_decoder", ("tgt", "memory")),
    "Transformer": ("of_both", ("src", "tgt")),
}


def running(part: str, *edits: tuple[str, str]) -> Callable[..., dict[str, np.ndarray]]:
    """One of the three, in the call's layout, with the gradients of the parameters."""
    run = edited(part, *edits)

    def ran(k: SimpleNamespace, encoder: Any, decoder: Any) -> dict[str, np.ndarray]:
        found = {name: k.back(array) for name, array in run(k, encoder, decoder).items()}
        return found | {f"d{name}": gradient for name, gradient in k.g.items()}

    return ran


def prepare(call: Call) -> SimpleNamespace:
    """Everything in float64 and (N, steps, features); without a batch N = 1."""
    settings = call.settings
    run, (x, y) = _RUNS[call.spec]
    batched = call.inputs[x].ndim == 3
    swapped = batched and not settings["batch_first"]

    def rows(a: np.ndarray) -> np.ndarray:
        a = a.astype(np.float64)
        return np.swapaxes(a, 0, 1) if swapped else a if batched else a[None]

    def back(a: np.ndarray) -> np.ndarray:
        return np.swapaxes(a, 0, 1) if swapped else a if batched else a[0]

    return SimpleNamespace(
        run=running(run), x=rows(call.inputs[x]), y=rows(call.inputs[y]), dout=rows(call.upstream["dout"]), back=back,
        w={name: array.astype(np.float64) for name, array in call.parameters.items()}, g={}, dY=[],
        masks={name: array for name, array in call.inputs.items() if name.endswith("mask")},
        layers=(settings.get("num_encoder_layers"), settings.get("num_decoder_layers")), heads=settings["nhead"],
        norm_first=settings["norm_first"], gelu=settings["activation"] == "gelu", eps=settings["layer_norm_eps"],
    )  # fmt: skip
