"""The loops of scratchnet.naive that work on images, called as layers: transposed convolution, Unfold and Fold,
padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.layers.spec import per_axis
from oracle.subjects import Call
from scratchnet.naive import conv_fold, conv_transpose, padding

Gradients = dict[str, Any]
Started = tuple[Any, Callable[[], Gradients]]  # out, and what gives the gradients


def _conv_transpose(call: Call) -> Started:
    x, weight, settings = call.inputs["x"], call.parameters["weight"], call.settings
    S, P, extra, D = (per_axis(settings[n], x.ndim - 2) for n in ("stride", "padding", "output_padding", "dilation"))
    G, bias = settings["groups"], call.parameters.get("bias")

    def gradients() -> Gradients:
        found = conv_transpose.conv_transpose_gradients(call.upstream["dout"], x, weight, S, P, D, G)
        return dict(zip(("dx", "dweight", "dbias")[: 2 if bias is None else 3], found))

    return conv_transpose.conv_transpose(x, weight, bias, S, P, extra, D, G), gradients


def _fold(call: Call) -> Started:
    x, dout, settings = call.inputs["x"], call.upstream["dout"], call.settings
    batched = x.ndim == (3 if call.spec == "Fold" else 4)
    one = slice(None) if batched else 0
    x, dout = (x, dout) if batched else (x[None], dout[None])
    letters = [per_axis(settings[name], 2) for name in ("kernel_size", "stride", "padding", "dilation")]
    if call.spec == "Unfold":
        return conv_fold.unfold(x, *letters)[one], lambda: {"dx": conv_fold.unfold_gradient(dout, x, *letters)[one]}
    out = conv_fold.fold(x, per_axis(settings["output_size"], 2), *letters)
    return out[one], lambda: {"dx": conv_fold.fold_gradient(dout, *letters)[one]}


_MODES = {"Zero": "constant", "Constant": "constant", "Reflection": "reflect", "Replication": "replicate",
          "Circular": "circular"}  # fmt: skip


def _pad(call: Call) -> Started:
    x, kind, axes = call.inputs["x"], call.spec[:-5], int(call.spec[-2])
    sides = per_axis(call.settings["padding"], 2 * axes)
    P = list(zip(sides[::2], sides[1::2]))[::-1]  # torch begins with the last axis
    out = padding.pad(x, P, _MODES[kind], call.settings.get("value", 0.0))
    return out, lambda: {"dx": padding.pad_gradient(call.upstream["dout"], x, P, _MODES[kind])}


LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    **{f"ConvTranspose{n}d": ("conv_transpose, conv_transpose_gradients", _conv_transpose) for n in (1, 2, 3)},
    "Unfold": ("unfold, unfold_gradient", _fold),
    "Fold": ("fold, fold_gradient", _fold),
    **{f"{kind}Pad{n}d": ("pad, pad_gradient", _pad) for kind in _MODES for n in (1, 2, 3)},
}
