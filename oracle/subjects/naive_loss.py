"""The loops of scratchnet.naive's losses, called as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import loss

Gradients = dict[str, Any]
Started = tuple[Any, Callable[[], Gradients]]  # out, and what gives the gradients


def _reduced(call: Call) -> Started:
    """A loss of numbers or rows. A variance for each row gets an axis of one place, as its numbers are broadcast."""
    settings, name = {key: value for key, value in call.constructor().items() if value is not None}, call.spec
    inputs = tuple(call.inputs.values())
    if name == "TripletMarginWithDistanceLoss":
        name, settings = "TripletMarginLoss", {**settings, "p": 2, "eps": 1e-6}
    if name == "TripletMarginLoss":
        settings = {"norm" if key == "p" else key: value for key, value in settings.items()}
    if name == "GaussianNLLLoss":
        inputs = tuple(I if I.ndim == inputs[0].ndim else I[..., None] for I in inputs)

    def gradients() -> Gradients:
        given = loss.losses_gradients(name, call.upstream["dout"], inputs, **settings)
        shaped = (None if d is None else d.reshape(I.shape) for d, I in zip(given, call.inputs.values()))
        return dict(zip((f"d{key}" for key in call.inputs), shaped))

    return _with_weights(call, loss.losses(name, inputs, **settings)), gradients


def _of_two(forward: Callable[..., np.ndarray], gradient: Callable[..., tuple]) -> Callable[[Call], Started]:
    def start(call: Call) -> Started:
        inputs, settings = tuple(call.inputs.values()), call.constructor()

        def gradients() -> Gradients:
            return dict(zip(("dx", "dtarget"), gradient(call.upstream["dout"], *inputs, **settings)))

        return _with_weights(call, forward(*inputs, **settings)), gradients

    return start


def _with_weights(call: Call, out: np.ndarray) -> dict[str, Any]:
    return {"out": out, **call.buffers}


LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    **{name: ("losses, losses_gradients", _reduced) for name in (*loss.OF_NUMBERS, *loss.OF_ROWS)},
    "TripletMarginWithDistanceLoss": ("losses, losses_gradients", _reduced),
    "HalfSquaredError": (
        "half_squared_error, half_squared_error_gradient",
        _of_two(loss.half_squared_error, loss.half_squared_error_gradient),
    ),
    "MSELoss": ("mse, mse_gradient", _of_two(loss.mse, loss.mse_gradient)),
    "CrossEntropyLoss": (
        "cross_entropy, cross_entropy_gradient",
        _of_two(loss.cross_entropy, loss.cross_entropy_gradient),
    ),
    "NLLLoss": ("nll, nll_gradient", _of_two(loss.nll, loss.nll_gradient)),
}
