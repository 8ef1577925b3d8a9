"""The loops of scratchnet.naive.normalization, called as a layer: the groups and entries that its letters ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.subjects import Call
from scratchnet.naive import normalization

Gradients = dict[str, Any]
Letters = tuple[normalization.Key, normalization.Key]  # group, entry
Place = tuple[int, ...]


def _channel_norm(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    """Batch and instance norm, and the running statistics after the step."""
    x, buffers, instance = call.inputs["x"], call.buffers, call.spec.startswith("Instance")
    c = 0 if instance and x.ndim == int(call.spec[-2]) + 1 else 1  # the axis of the channels

    def channel(i: Place) -> Place:
        return (i[c],)

    M: normalization.Statistics
    V: normalization.Statistics
    if not call.training and buffers:
        M, V = (dict(np.ndenumerate(buffers[name])) for name in ("running_mean", "running_var"))
        out, gradients = _normalized(call, M, V, (channel, channel), fixed=True)
        return {"out": out, **buffers}, gradients
    letters: Letters = ((lambda i: i[: c + 1]) if instance else channel, channel)
    M, V = normalization.statistics(x, letters[0])
    out, gradients = _normalized(call, M, V, letters, fixed=False)
    return ({"out": out, **_running(call, M, V, instance)} if buffers else out), gradients


def _running(call: Call, M: normalization.Statistics, V: normalization.Statistics, instance: bool) -> dict[str, Any]:
    """Instance norm takes the mean over the images, counts no batches, and reads momentum=None as 0."""
    m = call.inputs["x"].size // len(M)
    count = call.buffers["num_batches_tracked"] + (0 if instance else 1)
    momentum = call.settings["momentum"]
    if momentum is None:
        momentum = 0 if instance else 1 / count
    moved = {"num_batches_tracked": count}
    for name, new in (("running_mean", M), ("running_var", {k: v * m / (m - 1) for k, v in V.items()})):
        old = call.buffers[name]
        images = [[value for k, value in new.items() if k[-1] == channel] for channel in range(len(old))]
        moved[name] = normalization.running(old, np.array([sum(each) / len(each) for each in images]), momentum)
    return moved


def _layer_norm(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    letters = _last_axes(call)
    return _normalized(call, *normalization.statistics(call.inputs["x"], letters[0]), letters, fixed=False)


def _group_norm(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    block = call.settings["num_channels"] // call.settings["num_groups"]
    letters: Letters = (lambda i: (i[0], i[1] // block), lambda i: (i[1],))
    return _normalized(call, *normalization.statistics(call.inputs["x"], letters[0]), letters, fixed=False)


def _normalized(
    call: Call, M: normalization.Statistics, V: normalization.Statistics, letters: Letters, fixed: bool
) -> tuple[Any, Callable[[], Gradients]]:
    """`fixed`: M and V do not come from x."""
    x, dout, E = call.inputs["x"], call.upstream["dout"], call.settings["eps"]
    W, B = call.parameters.get("weight"), call.parameters.get("bias")

    def gradients() -> Gradients:
        if fixed:
            dx = normalization.fixed_gradient(dout, V, W, E, *letters)
        else:
            dx = normalization.normalize_gradient(dout, x, M, V, W, E, *letters)
        if W is None:
            return {"dx": dx}
        dW, dB = normalization.affine_gradients(dout, x, M, V, W, E, *letters)
        return {"dx": dx, "dweight": dW} | ({} if B is None else {"dbias": dB})

    return normalization.normalize(x, M, V, W, B, E, *letters), gradients


def _rms_norm(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, dout, W = call.inputs["x"], call.upstream["dout"], call.parameters.get("weight")
    eps, letters = call.settings["eps"], _last_axes(call)
    E = float(np.finfo(x.dtype).eps) if eps is None else eps
    names = ("dx",) if W is None else ("dx", "dweight")
    out = normalization.rms_norm(x, W, E, *letters)
    return out, lambda: dict(zip(names, normalization.rms_norm_gradients(dout, x, W, E, *letters)))


def _local_response_norm(call: Call) -> tuple[Any, Callable[[], Gradients]]:
    x, letters = call.inputs["x"], tuple(call.settings[name] for name in ("size", "alpha", "beta", "k"))
    out = normalization.local_response_norm(x, *letters)
    return out, lambda: {"dx": normalization.local_response_norm_gradient(call.upstream["dout"], x, *letters)}


def _last_axes(call: Call) -> Letters:
    """The group of a place is its leading axes, its entry the normalized ones."""
    shape = call.settings["normalized_shape"]
    lead = call.inputs["x"].ndim - (len(shape) if isinstance(shape, tuple) else 1)
    return lambda i: i[:lead], lambda i: i[lead:]


LOOPS: dict[str, tuple[str, Callable[[Call], tuple[Any, Callable[[], Gradients]]]]] = {
    **{f"BatchNorm{n}d": ("normalize, normalize_gradient", _channel_norm) for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": ("normalize, normalize_gradient", _channel_norm) for n in (1, 2, 3)},
    "LayerNorm": ("normalize, normalize_gradient", _layer_norm),
    "GroupNorm": ("normalize, normalize_gradient", _group_norm),
    "RMSNorm": ("rms_norm, rms_norm_gradients", _rms_norm),
    "LocalResponseNorm": ("local_response_norm, local_response_norm_gradient", _local_response_norm),
}
