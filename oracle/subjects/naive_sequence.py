"""The loops of embedding, the recurrent layers and attention as subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.subjects import Call
from scratchnet.naive import embedding

Gradients = dict[str, Any]


def _embedding(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, weight, settings = call.inputs["x"], call.parameters["weight"], call.settings
    letters = (settings["padding_idx"], settings["scale_grad_by_freq"])

    def gradients() -> Gradients:
        return {"dweight": embedding.embedding_gradient(call.upstream["dout"], x, weight, *letters)}

    return embedding.embedding(x, weight), gradients


LOOPS: dict[str, tuple[str, Callable[[Call], tuple[Any, Callable[[], Gradients]]]]] = {
    "Embedding": ("embedding, embedding_gradient", _embedding),
}
