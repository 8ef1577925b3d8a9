"""The loops of scratchnet.naive's losses, called as layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import loss, loss_ctc

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
        pairs = zip(given, call.inputs.items())
        return {f"d{key}": d.reshape(I.shape) for d, (key, I) in pairs if d is not None}

    return _with_weights(call, loss.losses(name, inputs, **settings)), gradients


def _of_two(forward: Callable[..., np.ndarray], gradient: Callable[..., tuple]) -> Callable[[Call], Started]:
    def start(call: Call) -> Started:
        inputs, settings = tuple(call.inputs.values()), call.constructor()

        def gradients() -> Gradients:
            given = zip(("dx", "dtarget"), gradient(call.upstream["dout"], *inputs, **settings))
            return {key: d for key, d in given if d is not None}

        return _with_weights(call, forward(*inputs, **settings)), gradients

    return start


def _ctc(call: Call) -> Started:
    """Each sequence by itself, and the reduction."""
    settings, dout = call.settings, call.upstream["dout"]
    x = call.inputs["x"] if call.inputs["x"].ndim == 3 else call.inputs["x"][:, None]
    N, reduction = x.shape[1], settings["reduction"]
    target = call.inputs["target"].reshape(N, -1)
    frames, lengths = (call.inputs[name].reshape(N) for name in ("input_lengths", "target_lengths"))
    given = [
        ([[*row] for row in x[: frames[n], n]], [int(c) for c in target[n, : lengths[n]]], settings["blank"])
        for n in range(N)
    ]
    each = [loss_ctc.ctc(*sequence) for sequence in given]
    zero = [bool(settings["zero_infinity"]) and math.isinf(L) for L in each]
    divisor = [max(lengths[n], 1) * N if reduction == "mean" else 1 for n in range(N)]
    L = np.array([0 * x[0, 0, 0] if zero[n] else each[n] / divisor[n] for n in range(N)], x.dtype)
    out = L.reshape(call.upstream["dout"].shape) if reduction == "none" else L.sum()

    def gradients() -> Gradients:
        dx = np.zeros_like(x)
        upstream = np.broadcast_to(dout.reshape(-1), N)
        for n in range(N):
            slopes = [[0]] if zero[n] else loss_ctc.ctc_slopes(*given[n])
            for t in range(frames[n]):
                for c in range(x.shape[2]):
                    dx[t, n, c] = 0 if zero[n] else upstream[n] / divisor[n] * slopes[t][c]
        return {"dx": dx.reshape(call.inputs["x"].shape)}

    return out, gradients


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
    "CTCLoss": ("ctc, ctc_slopes", _ctc),
    "NLLLoss": ("nll, nll_gradient", _of_two(loss.nll, loss.nll_gradient)),
}
