"""The loops of scratchnet.naive.transformer, called as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import transformer

Gradients = dict[str, Any]
Started = tuple[Any, Callable[[], Gradients]]
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {"relu": ("ReLU", {}), "gelu": ("GELU", {"approximate": "none"})}


class _Called:
    """A call's arrays, (N, steps, features), and what its parts share."""

    def __init__(self, call: Call):
        settings, first = call.settings, next(iter(call.inputs.values()))
        self.call, self.batched, self.heads = call, first.ndim == 3, settings["nhead"]
        self.swapped = self.batched and not settings["batch_first"]
        self.net = transformer.Net(
            dict(call.parameters), {}, _ACTIVATIONS[settings["activation"]], settings["layer_norm_eps"],
            settings["norm_first"],
        )  # fmt: skip

    def rows(self, array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, 0, 1) if self.swapped else array if self.batched else array[None]

    def back(self, array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, 0, 1) if self.swapped else array if self.batched else array[0]

    def mask(self, name: str, queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """-inf where one of the two masks hides a key, else 0."""
        hidden = np.zeros((len(queries), self.heads, queries.shape[1], keys.shape[1]), bool)
        inputs = self.call.inputs
        if f"{name}_mask" in inputs:
            hidden |= inputs[f"{name}_mask"]
        if f"{name}_key_padding_mask" in inputs:
            hidden |= inputs[f"{name}_key_padding_mask"].reshape(len(queries), 1, 1, -1)
        return np.where(hidden, -np.inf, 0).astype(queries.dtype)

    def started(self, O: np.ndarray, back: Callable[[np.ndarray], Any], names: tuple[str, ...]) -> Started:
        """`names` of the inputs whose gradients `back` gives."""

        def gradients() -> Gradients:
            found = back(self.rows(self.call.upstream["dout"]))
            named = zip(names, found if isinstance(found, tuple) else (found,))
            ours = {name: gradient for name, gradient in self.net.G.items() if name in self.net.W}
            return {f"d{name}": self.back(gradient) for name, gradient in named} | {f"d{n}": g for n, g in ours.items()}

        return self.back(O), gradients


def _encoder(call: Call) -> Started:
    called = _Called(call)
    X = called.rows(call.inputs["src"])
    O, back = transformer.encoder_layer(called.net, "", X, called.mask("src", X, X))
    return called.started(O, back, ("src",))


def _decoder(call: Call) -> Started:
    called = _Called(call)
    X, Y = (called.rows(call.inputs[name]) for name in ("tgt", "memory"))
    masks = (called.mask("tgt", X, X), called.mask("memory", X, Y))
    return called.started(*transformer.decoder_layer(called.net, "", X, Y, *masks), ("tgt", "memory"))


def _transformer(call: Call) -> Started:
    called, settings = _Called(call), call.settings
    X, Y = (called.rows(call.inputs[name]) for name in ("src", "tgt"))
    masks = (called.mask("src", X, X), called.mask("tgt", Y, Y), called.mask("memory", Y, X))
    layers = (settings["num_encoder_layers"], settings["num_decoder_layers"])
    return called.started(*transformer.transformer(called.net, layers, X, Y, *masks), ("src", "tgt"))


LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    "TransformerEncoderLayer": ("encoder_layer", _encoder),
    "TransformerDecoderLayer": ("decoder_layer", _decoder),
    "Transformer": ("transformer", _transformer),
}
