"""What the courses ask their students to implement, as data: one row a pair of functions.

cs231n: functions in the file, a cache of the file's own as second result, gradients returned; images are NCHW, weights
of convolutions as torch's, those of affine layers transposed; settings come in a dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle.subjects.binding import ANY, INT, Binding
from oracle.subjects.plan import Plan, Step


def _pair(
    spec: str,
    forward: str,
    backward: str,
    args: tuple[Any, ...],
    gradients: tuple[str, ...],
    accepts: Mapping[str, Any],
    **more: Any,
) -> Binding:
    """forward(*args) -> (out, cache);  backward(dout, cache) -> gradients"""
    plan = Plan(Step(forward, args, {}, ("out", "cache")), Step(backward, ("$dout", "$cache"), {}, gradients))
    return Binding(spec, f"{forward}, {backward}", plan, accepts, **more)


def _loss(spec: str, function: str, accepts: Mapping[str, Any], **more: Any) -> Binding:
    """function(x, y) -> (loss, dx): its gradient is that of an upstream gradient of 1"""
    plan = Plan(Step(function, ("$x", "$target"), {}, ("out", "dx")))
    return Binding(spec, function, plan, accepts, scaled=("dx",), **more)


_CONV = {
    "in_channels": ANY, "out_channels": ANY, "kernel_size": ANY, "stride": INT, "padding": INT,
    "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros",
}  # fmt: skip
_POOL = {
    "kernel_size": ANY, "stride": INT, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False,
    "count_include_pad": ANY, "divisor_override": None,
}  # fmt: skip
_LINEAR = {"in_features": ANY, "out_features": ANY, "bias": True}
_CROSS_ENTROPY = {"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}

_CONV_ARGS = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})
_POOL_ARGS = ("$x", {"pool_height": "@kernel_size[0]", "pool_width": "@kernel_size[1]", "stride": "@stride"})
_ALL = ("dx", "dweight", "dbias")

CS231N: tuple[Binding, ...] = (
    _pair("Linear", "affine_forward", "affine_backward", ("$x", "$weight", "$bias"), _ALL, _LINEAR,
          layouts={"weight": "OI->IO"}, shapes="matrix"),
    _pair("ReLU", "relu_forward", "relu_backward", ("$x",), ("dx",), {"inplace": False}),
    *(_pair("Conv2d", f"conv_forward_{kind}", f"conv_backward_{kind}", _CONV_ARGS, _ALL, _CONV)
      for kind in ("naive", "fast", "im2col", "strides")),
    *(_pair("MaxPool2d", f"max_pool_forward_{kind}", f"max_pool_backward_{kind}", _POOL_ARGS, ("dx",), _POOL,
            shapes="divisible") for kind in ("naive", "fast", "im2col", "reshape")),
    _loss("CrossEntropyLoss", "softmax_loss", _CROSS_ENTROPY, shapes="labels"),
)  # fmt: skip

CONVENTIONS: dict[str, tuple[Binding, ...]] = {"cs231n": CS231N}
