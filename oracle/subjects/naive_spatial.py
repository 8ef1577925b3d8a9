"""The loops of scratchnet.naive that work on images, called as layers: transposed convolution, Unfold and Fold,
padding, pooling, shuffles, upsampling;
and distances."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.layers.spec import per_axis
from oracle.subjects import Call
from scratchnet.naive import (
    conv_fold,
    conv_transpose,
    distance,
    padding,
    pooling,
    pooling_adaptive,
    pooling_lp,
    pooling_unpool,
    shape,
    upsampling,
)

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
    one, (x, dout) = _batched(x.ndim == (3 if call.spec == "Fold" else 4), x, dout)
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


def _adaptive_pool(call: Call) -> Started:
    x, dout, axes = call.inputs["x"], call.upstream["dout"], int(call.spec[-2])
    one, (x, dout) = _batched(x.ndim == axes + 2, x, dout)
    if call.spec.startswith("AdaptiveAvg"):
        out = pooling_adaptive.adaptive_avg_pool(x, dout.shape[2:])
        return out[one], lambda: {"dx": pooling_adaptive.adaptive_avg_pool_gradient(dout, x)[one]}
    out, place = pooling_adaptive.adaptive_max_pool(x, dout.shape[2:])
    outputs = {"out": out[one]} | ({"indices": place[one]} if call.settings["return_indices"] else {})
    return outputs, lambda: {"dx": pooling.max_pool_gradient(dout, x, place)[one]}


def _max_unpool(call: Call) -> Started:
    x, place, dout = call.inputs["x"], call.inputs["indices"], call.upstream["dout"]
    one, (x, place, dout) = _batched(x.ndim == int(call.spec[-2]) + 2, x, place, dout)
    out = pooling_unpool.max_unpool(x, place, dout.shape[2:])
    return out[one], lambda: {"dx": pooling_unpool.max_unpool_gradient(dout, place)[one]}


def _lp_pool(call: Call) -> Started:
    x, dout, axes, settings = call.inputs["x"], call.upstream["dout"], int(call.spec[-2]), call.settings
    one, (x, dout) = _batched(x.ndim == axes + 2, x, dout)
    p, Ps = settings["norm_type"], per_axis(settings["kernel_size"], axes)
    S = Ps if settings["stride"] is None else per_axis(settings["stride"], axes)
    if p == math.inf:
        out, place = pooling.max_pool(abs(x), Ps, S, (0,) * axes, (1,) * axes, settings["ceil_mode"])
        return out[one], lambda: {"dx": (np.sign(x) * pooling.max_pool_gradient(dout, x, place))[one]}
    out, total = pooling_lp.lp_pool(x, p, Ps, S, settings["ceil_mode"])
    return out[one], lambda: {"dx": pooling_lp.lp_pool_gradient(dout, x, total, p, Ps, S)[one]}


def _flatten(call: Call) -> Started:
    x, dout, (start, end) = call.inputs["x"], call.upstream["dout"], call.settings.values()
    return shape.flatten(x, start, end), lambda: {"dx": shape.flatten_gradient(dout, x, start, end)}


def _unflatten(call: Call) -> Started:
    x, dout, dim = call.inputs["x"], call.upstream["dout"], call.settings["dim"] % call.inputs["x"].ndim
    sizes = dout.shape[dim : dim + len(call.settings["unflattened_size"])]  # without -1
    return shape.unflatten(x, dim, sizes), lambda: {"dx": shape.unflatten_gradient(dout, x, dim, sizes)}


def _shuffle(call: Call) -> Started:
    x, dout, (setting,) = call.inputs["x"], call.upstream["dout"], call.settings.values()
    if call.spec == "ChannelShuffle":
        back = x.shape[1] // setting
        return shape.channel_shuffle(x, setting), lambda: {"dx": shape.channel_shuffle(dout, back)}
    there, again = shape.pixel_shuffle, shape.pixel_unshuffle
    if call.spec == "PixelUnshuffle":
        there, again = again, there
    return there(x, setting), lambda: {"dx": again(dout, setting)}


def _upsample(call: Call) -> Started:
    x, dout, settings = call.inputs["x"], call.upstream["dout"], call.settings
    mode = settings.get("mode", "nearest" if "Nearest" in call.spec else "bilinear")
    corners = bool(settings.get("align_corners", mode == "bilinear"))
    I, O, factors = x.shape[2:], dout.shape[2:], settings["scale_factor"]
    if corners:
        R = [(i - 1) / (o - 1) if o > 1 else 0.0 for i, o in zip(I, O)]
    elif factors is None or settings.get("recompute_scale_factor"):
        R = [i / o for i, o in zip(I, O)]
    else:
        R = [1 / factor for factor in (factors if isinstance(factors, tuple) else (factors,) * len(I))]
    out = upsampling.upsample(x, O, R, mode, corners)
    return out, lambda: {"dx": upsampling.upsample_gradient(dout, x, R, mode, corners)}


def _cosine_similarity(call: Call) -> Started:
    dim, eps = call.settings["dim"], call.settings["eps"]
    x1, x2 = (np.moveaxis(x, dim, -1) for x in call.inputs.values())

    def gradients() -> Gradients:
        found = distance.cosine_similarity_gradients(call.upstream["dout"], x1, x2, eps)
        return {name: np.moveaxis(dx, -1, dim) for name, dx in zip(("dx1", "dx2"), found)}

    return distance.cosine_similarity(x1, x2, eps), gradients


def _pairwise_distance(call: Call) -> Started:
    x1, x2 = call.inputs.values()
    p, eps, dout = call.settings["p"], call.settings["eps"], call.upstream["dout"]
    out = distance.pairwise_distance(x1, x2, p, eps)

    def gradients() -> Gradients:
        return dict(zip(("dx1", "dx2"), distance.pairwise_distance_gradients(dout.reshape(out.shape), x1, x2, p, eps)))

    return out.reshape(dout.shape), gradients


def _batched(batched: bool, *arrays: np.ndarray) -> tuple[Any, tuple[np.ndarray, ...]]:
    """(what takes the batch axis off again, the arrays with one)"""
    return (slice(None), arrays) if batched else (0, tuple(array[None] for array in arrays))


LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    **{f"ConvTranspose{n}d": ("conv_transpose, conv_transpose_gradients", _conv_transpose) for n in (1, 2, 3)},
    "Unfold": ("unfold, unfold_gradient", _fold),
    "Fold": ("fold, fold_gradient", _fold),
    **{f"AdaptiveAvgPool{n}d": ("adaptive_avg_pool, adaptive_avg_pool_gradient", _adaptive_pool) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": ("adaptive_max_pool, max_pool_gradient", _adaptive_pool) for n in (1, 2, 3)},
    **{f"MaxUnpool{n}d": ("max_unpool, max_unpool_gradient", _max_unpool) for n in (1, 2, 3)},
    **{f"LPPool{n}d": ("lp_pool, lp_pool_gradient", _lp_pool) for n in (1, 2, 3)},
    "Flatten": ("flatten, flatten_gradient", _flatten),
    "Unflatten": ("unflatten, unflatten_gradient", _unflatten),
    "PixelShuffle": ("pixel_shuffle, pixel_unshuffle", _shuffle),
    "PixelUnshuffle": ("pixel_unshuffle, pixel_shuffle", _shuffle),
    "ChannelShuffle": ("channel_shuffle", _shuffle),
    **{
        name: ("upsample, upsample_gradient", _upsample)
        for name in ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
    },
    "CosineSimilarity": ("cosine_similarity, cosine_similarity_gradients", _cosine_similarity),
    "PairwiseDistance": ("pairwise_distance, pairwise_distance_gradients", _pairwise_distance),
    **{f"{kind}Pad{n}d": ("pad, pad_gradient", _pad) for kind in _MODES for n in (1, 2, 3)},
}
