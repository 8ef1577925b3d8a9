"""The loops of scratchnet.naive as subjects: slow, and as near to the formulas as code can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from oracle.subjects import (
    Answer,
    Call,
    Subject,
    naive_activation,
    naive_loss,
    naive_normalization,
    naive_optim,
    naive_sequence,
    naive_spatial,
)
from oracle.subjects.attempt import attempt
from scratchnet.naive import conv, dropout, linear, padding, pooling

Gradients = dict[str, Any]
Sizes = tuple[int, ...]


def _linear(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, weight, bias = call.inputs["x"], call.parameters["weight"], call.parameters.get("bias")

    def gradients() -> Gradients:
        return _named(call, linear.linear_gradients(call.upstream["dout"], x, weight))

    return linear.linear(x, weight, bias), gradients


def _bilinear(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x1, x2, weight, bias = call.inputs["x1"], call.inputs["x2"], call.parameters["weight"], call.parameters.get("bias")

    def gradients() -> Gradients:
        names = ("dx1", "dx2", "dweight") + (() if bias is None else ("dbias",))
        return dict(zip(names, linear.bilinear_gradients(call.upstream["dout"], x1, x2, weight)))

    return linear.bilinear(x1, x2, weight, bias), gradients


def _conv(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, weight, bias = call.inputs["x"], call.parameters["weight"], call.parameters.get("bias")
    axes, settings = x.ndim - 2, call.settings
    stride, dilation = (_per_axis(settings[name], axes) for name in ("stride", "dilation"))
    P, mode, I = _borders(settings["padding"], weight.shape[2:], dilation), settings["padding_mode"], x
    bordered = mode != "zeros"
    if bordered:  # the border is made of x, and nothing is left to pad
        I = padding.pad(x, P, mode)
    letters = (stride, [(0, 0)] * axes if bordered else P, dilation, settings["groups"])

    def gradients() -> Gradients:
        found = _named(call, conv.conv_gradients(call.upstream["dout"], I, weight, *letters))
        return found | {"dx": padding.pad_gradient(found["dx"], x, P, mode)} if bordered else found

    return conv.conv(I, weight, bias, *letters), gradients


def _max_pool(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, settings, axes = call.inputs["x"], call.settings, call.inputs["x"].ndim - 2
    window, stride, padding = _window(settings, axes)
    dilation = _per_axis(settings["dilation"], axes)
    out, place = pooling.max_pool(x, window, stride, padding, dilation, settings["ceil_mode"])
    outputs = {"out": out} | ({"indices": place} if settings["return_indices"] else {})
    return outputs, lambda: {"dx": pooling.max_pool_gradient(call.upstream["dout"], x, place)}


def _avg_pool(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, settings = call.inputs["x"], call.settings
    Ps, S, P = _window(settings, x.ndim - 2)
    divide = (settings["count_include_pad"], settings.get("divisor_override"))
    out = pooling.avg_pool(x, Ps, S, P, settings["ceil_mode"], *divide)
    return out, lambda: {"dx": pooling.avg_pool_gradient(call.upstream["dout"], x, Ps, S, P, *divide)}


def _dropout(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    """`mask` after the step as well: in evaluation everything is kept."""
    x, mask, p = call.inputs["x"], call.buffers["mask"], call.settings["p"]
    if not call.training:
        return {"out": x.copy(), "mask": np.ones_like(mask)}, lambda: {"dx": call.upstream["dout"].copy()}
    kind = "alpha_dropout" if "Alpha" in call.spec else "dropout"
    forward, gradient = getattr(dropout, kind), getattr(dropout, f"{kind}_gradient")
    M = np.broadcast_to(mask, x.shape)
    return {"out": forward(x, M, p), "mask": mask}, lambda: {"dx": gradient(call.upstream["dout"], M, p)}


LOOPS: dict[str, tuple[str, Callable[[Call], tuple[Any, Callable[[], Gradients]]]]] = {
    "Linear": ("linear, linear_gradients", _linear),
    "Bilinear": ("bilinear, bilinear_gradients", _bilinear),
    **{f"Conv{n}d": ("conv, conv_gradients", _conv) for n in (1, 2, 3)},
    **{f"MaxPool{n}d": ("max_pool, max_pool_gradient", _max_pool) for n in (1, 2, 3)},
    **{f"AvgPool{n}d": ("avg_pool, avg_pool_gradient", _avg_pool) for n in (1, 2, 3)},
    **naive_activation.LOOPS,
    **naive_loss.LOOPS,
    **naive_normalization.LOOPS,
    **naive_optim.LOOPS,
    **naive_sequence.LOOPS,
    **naive_spatial.LOOPS,
    **{f"Dropout{n}": ("dropout, dropout_gradient", _dropout) for n in ("", "1d", "2d", "3d")},
    **{f"{n}AlphaDropout": ("alpha_dropout, alpha_dropout_gradient", _dropout) for n in ("", "Feature")},
}


def _named(call: Call, gradients: tuple) -> Gradients:
    """(dI, dW, dB) by torch's names, without those of parameters that the call does not have."""
    wanted = {"dx", *(f"d{name}" for name in call.parameters)}
    return {name: gradient for name, gradient in zip(("dx", "dweight", "dbias"), gradients) if name in wanted}


def _per_axis(value: Any, axes: int) -> Sizes:
    return value if isinstance(value, tuple) else (value,) * axes


def _window(settings: Mapping[str, Any], axes: int) -> tuple[Sizes, Sizes, Sizes]:
    """(Ps, S, P) of a pooling layer; without a stride the windows stand side by side."""
    stride = settings["kernel_size"] if settings["stride"] is None else settings["stride"]
    return _per_axis(settings["kernel_size"], axes), _per_axis(stride, axes), _per_axis(settings["padding"], axes)


def _borders(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[tuple[int, int]]:
    """(before, after) on each axis; "same" keeps the size, an odd border's extra zero comes after."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        widths = [d * (f - 1) for f, d in zip(kernel, dilation)]
        return [(width // 2, width - width // 2) for width in widths]
    return [(p, p) for p in _per_axis(padding, len(kernel))]


class Naive(Subject):
    """The loops of one layer."""

    def __init__(self, spec: str):
        self.spec = spec
        names, self._start = LOOPS[spec]
        self.implements = f"scratchnet.naive: {names}"

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        """The mean over a batch of nothing is left out of the loops, since it would hide the formula."""
        return not (self.spec.startswith("BatchNorm") and training and shapes and 0 in shapes["x"])

    def run(self, call: Call) -> Answer:
        rest: list[Callable[[], Gradients]] = []

        def forward(given: Call) -> dict[str, Any]:
            out, gradients = self._start(given)
            rest.append(gradients)
            return out if isinstance(out, dict) else {"out": out}

        return attempt(call, forward, lambda given: rest[0]())


def subjects(specs: Iterable[str]) -> list[Naive]:
    return [Naive(spec) for spec in specs if spec in LOOPS]
