"""The loops of scratchnet.naive's activations and softmax, called as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import activation, softmax

Gradients = dict[str, Any]
Started = tuple[Any, Callable[[], Gradients]]  # out, and what gives the gradients


def _elementwise(call: Call) -> Started:
    x, name, settings = call.inputs["x"], call.spec, call.settings
    out = activation.activation(x, name, **settings)
    return out, lambda: {"dx": activation.activation_gradient(call.upstream["dout"], x, name, **settings)}


def _prelu(call: Call) -> Started:
    x, weight = call.inputs["x"], call.parameters["weight"]

    def gradients() -> Gradients:
        return dict(zip(("dx", "dweight"), activation.prelu_gradients(call.upstream["dout"], x, weight)))

    return activation.prelu(x, weight), gradients


def _rrelu(call: Call) -> Started:
    """`slopes` after the step as well: in evaluation all are the mean."""
    x, slopes, settings = call.inputs["x"], call.buffers["slopes"], call.settings
    if not call.training:
        slopes = np.full(x.shape, 0 * slopes + (settings["lower"] + settings["upper"]) / 2, x.dtype)
    out = {"out": activation.rrelu(x, slopes), "slopes": slopes}
    return out, lambda: {"dx": activation.rrelu_gradient(call.upstream["dout"], x, slopes)}


def _glu(call: Call) -> Started:
    x, dim = call.inputs["x"], call.settings["dim"]
    return activation.glu(x, dim), lambda: {"dx": activation.glu_gradient(call.upstream["dout"], x, dim)}


def _softmax(call: Call) -> Started:
    x, dim = call.inputs["x"], call.settings.get("dim", -3)
    forward, gradient = _SOFTMAX[call.spec]
    return forward(x, dim), lambda: {"dx": gradient(call.upstream["dout"], x, dim)}


_SOFTMAX: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Softmax": (softmax.softmax, softmax.softmax_gradient),
    "LogSoftmax": (softmax.log_softmax, softmax.log_softmax_gradient),
    "Softmin": (softmax.softmin, softmax.softmin_gradient),
    "Softmax2d": (softmax.softmax, softmax.softmax_gradient),
}

LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    **{name: ("activation, activation_gradient", _elementwise) for name in activation.FUNCTIONS},
    "PReLU": ("prelu, prelu_gradients", _prelu),
    "RReLU": ("rrelu, rrelu_gradient", _rrelu),
    "GLU": ("glu, glu_gradient", _glu),
    **{name: (f"{f.__name__}, {gradient.__name__}", _softmax) for name, (f, gradient) in _SOFTMAX.items()},
}
