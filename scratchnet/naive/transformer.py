"""The transformer's layers as loops, made of those of linear, attention and normalization.

X (N,T,E) is what a layer reads, Y (N,S,E) the encoder's output, which the decoder reads beside it, O what comes out;
M (N,H,T,S) is added to the scores of H heads. W has the parameters by torch's names, G gets their gradients.

Every part gives its output and `back`, which turns dO into the gradient of what the part has read. The layer is a chain
of such parts, and backward walks it from its end:

    O = norm(X + part(X))      d = norm'(dO),  dX = d + part'(d)               the gradient goes past the part, and
    O = X + part(norm(X))      dX = dO + norm'(part'(dO))    (norm_first)      through it: both are added
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchnet.naive.activation import activation, activation_gradient
from scratchnet.naive.attention import heads, heads_gradients
from scratchnet.naive.linear import linear, linear_gradients
from scratchnet.naive.normalization import affine_gradients, normalize, normalize_gradient, statistics

Back = Callable[[np.ndarray], np.ndarray]
Part = Callable[[np.ndarray], tuple[np.ndarray, Back]]


class Net(NamedTuple):
    """What all parts share. F is the activation ("ReLU", "GELU") and its settings, E the eps under the root."""

    W: dict[str, np.ndarray]
    G: dict[str, np.ndarray]
    F: tuple[str, dict[str, Any]]
    E: float
    norm_first: bool


def projection(net: Net, name: str, X: np.ndarray) -> tuple[np.ndarray, Back]:
    """O[n,t,o] = B[o] + sum over i of X[n,t,i] * W[o,i]"""
    W, B = net.W[f"{name}.weight"], net.W.get(f"{name}.bias")

    def back(dO: np.ndarray) -> np.ndarray:
        dX, net.G[f"{name}.weight"], net.G[f"{name}.bias"] = linear_gradients(dO, X, W)
        return dX

    return linear(X, W, B), back


def layer_norm(net: Net, name: str, X: np.ndarray) -> tuple[np.ndarray, Back]:
    """O[n,t,i] = (X[n,t,i] - mean) / sqrt(variance + E) * W[i] + B[i], over the features of each place n,t"""
    W, B = net.W[f"{name}.weight"], net.W.get(f"{name}.bias")
    letters = (net.E, lambda i: i[:-1], lambda i: i[-1:])
    mean, variance = statistics(X, letters[1])

    def back(dO: np.ndarray) -> np.ndarray:
        net.G[f"{name}.weight"], net.G[f"{name}.bias"] = affine_gradients(dO, X, mean, variance, W, *letters)
        return normalize_gradient(dO, X, mean, variance, W, *letters)

    return normalize(X, mean, variance, W, B, *letters), back


def multihead(
    net: Net, name: str, X: np.ndarray, Y: np.ndarray, M: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Queries from X, keys and values from Y, each a projection; the heads' outputs through one more. A query whose
    keys are all hidden gets 0. -> O, dO -> dX, dY"""
    W = np.split(net.W[f"{name}.in_proj_weight"], 3)
    B = np.split(net.W[f"{name}.in_proj_bias"], 3) if f"{name}.in_proj_bias" in net.W else [None] * 3
    read = (X, Y, Y)
    Q, K, V = (linear(*letters) for letters in zip(read, W, B))
    D = np.ones_like(M)
    side_by_side, P = heads(Q, K, V, M, D, safe=True)
    O, back_out = projection(net, f"{name}.out_proj", side_by_side)

    def back(dO: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dQ, dK, dV, _ = heads_gradients(back_out(dO), np.zeros_like(P), P, Q, K, V, D)
        found = [linear_gradients(*letters) for letters in zip((dQ, dK, dV), read, W)]
        (dX, of_keys, of_values), dW, dB = zip(*found)
        net.G[f"{name}.in_proj_weight"], net.G[f"{name}.in_proj_bias"] = np.concatenate(dW), np.concatenate(dB)
        return dX, of_keys + of_values

    return O, back


def self_attention(net: Net, at: str, X: np.ndarray, M: np.ndarray) -> tuple[np.ndarray, Back]:
    """X is read three times, as queries, keys and values, so its gradient is the sum of all three."""
    O, back_both = multihead(net, f"{at}self_attn", X, X, M)

    def back(dO: np.ndarray) -> np.ndarray:
        as_query, as_key_and_value = back_both(dO)
        return as_query + as_key_and_value

    return O, back


def feed_forward(net: Net, at: str, X: np.ndarray) -> tuple[np.ndarray, Back]:
    """O = linear2(f(linear1(X)))"""
    name, settings = net.F
    A, back_one = projection(net, f"{at}linear1", X)
    O, back_two = projection(net, f"{at}linear2", activation(A, name, **settings))
    return O, lambda dO: back_one(activation_gradient(back_two(dO), A, name, **settings))


def residual(net: Net, norm: str, part: Part, X: np.ndarray) -> tuple[np.ndarray, Back]:
    """O = norm(X + part(X)), with norm_first X + part(norm(X))"""
    if net.norm_first:
        Z, back_norm = layer_norm(net, norm, X)
        O, back_part = part(Z)
        return X + O, lambda dO: dO + back_norm(back_part(dO))
    Z, back_part = part(X)
    O, back_norm = layer_norm(net, norm, X + Z)

    def back(dO: np.ndarray) -> np.ndarray:
        d = back_norm(dO)
        return d + back_part(d)

    return O, back


def encoder_layer(net: Net, at: str, X: np.ndarray, M: np.ndarray) -> tuple[np.ndarray, Back]:
    """Attention to itself, then the feed forward; `at` is where in the names the layer's parameters stand."""
    Z, back_attention = residual(net, f"{at}norm1", lambda X: self_attention(net, at, X, M), X)
    O, back_forward = residual(net, f"{at}norm2", lambda X: feed_forward(net, at, X), Z)
    return O, lambda dO: back_attention(back_forward(dO))


def decoder_layer(
    net: Net, at: str, X: np.ndarray, Y: np.ndarray, M: np.ndarray, MY: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Attention to itself, attention to Y, then the feed forward. -> O, dO -> dX, dY"""
    of_Y = []

    def cross_attention(X: np.ndarray) -> tuple[np.ndarray, Back]:
        O, back = multihead(net, f"{at}multihead_attn", X, Y, MY)

        def back_to_X(dO: np.ndarray) -> np.ndarray:
            dX, dY = back(dO)
            of_Y.append(dY)
            return dX

        return O, back_to_X

    Z, back_attention = residual(net, f"{at}norm1", lambda X: self_attention(net, at, X, M), X)
    Z, back_cross = residual(net, f"{at}norm2", cross_attention, Z)
    O, back_forward = residual(net, f"{at}norm3", lambda X: feed_forward(net, at, X), Z)
    return O, lambda dO: (back_attention(back_cross(back_forward(dO))), of_Y.pop())


def transformer(
    net: Net, layers: tuple[int, int], X: np.ndarray, Y: np.ndarray, M: np.ndarray, MX: np.ndarray, MY: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """X (N,S,E) through the encoder's layers and a norm; Y (N,T,E) through the decoder's, each of which reads what the
    encoder gave, and a norm. M, MX and MY are the masks of encoder, decoder, and of the decoder's look at the encoder.
    -> O, dO -> dX, dY"""
    encoders, decoders = [], []
    for number in range(layers[0]):
        X, back = encoder_layer(net, f"encoder.layers.{number}.", X, M)
        encoders.append(back)
    memory, back_memory = layer_norm(net, "encoder.norm", X)
    for number in range(layers[1]):
        Y, back_two = decoder_layer(net, f"decoder.layers.{number}.", Y, memory, MX, MY)
        decoders.append(back_two)
    O, back_out = layer_norm(net, "decoder.norm", Y)

    def back_all(dO: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dY, dmemory = back_out(dO), np.zeros_like(memory)
        for back_decoder in reversed(decoders):
            dY, of_layer = back_decoder(dY)
            dmemory = dmemory + of_layer
        dX = back_memory(dmemory)
        for back_encoder in reversed(encoders):
            dX = back_encoder(dX)
        return dX, dY

    return O, back_all
