"""CMU 11-785, mytorch: classes with weights in W and b and gradients in dLdW and dLdb; a bias is (F, 1), parameters of
batch normalisation (1, C). A strided convolution is one of stride 1 and a downsampling: its weights are the inner
object's. A transposed one is an upsampling, which puts zeros between, and one of stride 1. Losses take one-hot labels,
and their backward nothing. An optimizer finds weights and gradients in the layers of its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle.subjects.binding import ANY, INT, PROMISES, Binding, Shapes, setting
from oracle.subjects.conventions.rows import (
    BATCH_NORM,
    COLUMNS,
    CONV,
    COUNT,
    CROSS_ENTROPY,
    LINEAR,
    MOMENTUM,
    OPTIMIZERS,
    POOL,
    layer,
)
from oracle.subjects.plan import Plan, Step

_TELLS = ("dld",)
_CONV = CONV | {"kernel_size": INT}
_POOL = POOL | {"kernel_size": INT}


def _weights(inner: str = "") -> dict[str, Any]:
    names = {"weight": "W", "bias": "b"}
    return {
        "set": {f"{inner}{own}": f"${name}" for name, own in names.items()},
        "read": {f"d{name}": f"{inner}dLd{own}" for name, own in names.items()},
    }


def _conv(axes: int) -> tuple[Binding, ...]:
    make = ("@in_channels", "@out_channels", "@kernel_size")
    plain = layer(f"Conv{axes}d", f"Conv{axes}d_stride1", make, _CONV, plan=_weights(), tells=_TELLS,
                  fixed={"stride": 1, "padding": 0})  # fmt: skip
    strided = layer(f"Conv{axes}d", f"Conv{axes}d", (*make, "@stride", "@padding"), _CONV,
                    plan=_weights(f"conv{axes}d_stride1."), tells=_TELLS)  # fmt: skip
    return plain, strided


def _valid(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    kernel, padding = (setting(settings, name, _CONV) for name in ("kernel_size", "padding"))
    return kernel is not None and padding == kernel - 1


PROMISES["valid"] = _valid  # of a transposed convolution: what no whole kernel meets is cut off


def _transposed(axes: int) -> Binding:
    """The valid cross-correlation that follows the upsampling is torch's with padding = kernel_size - 1 and the kernel
    turned round."""
    positions = "HW"[-axes:]
    fixed = {"output_padding": 0, "groups": 1, "dilation": 1, "bias": True}
    accepts = {"in_channels": ANY, "out_channels": ANY, "kernel_size": INT, "stride": INT, "padding": INT}
    return layer(f"ConvTranspose{axes}d", f"ConvTranspose{axes}d",
                 ("@in_channels", "@out_channels", "@kernel_size", "@stride"), accepts, fixed=fixed, tells=_TELLS,
                 plan=_weights(f"conv{axes}d_stride1."), shapes="valid", differences=("zeros-between",),
                 layouts={"weight": f"IO{positions}->OI{positions.lower()}"})  # fmt: skip


def _resampling(axes: int) -> tuple[Binding, ...]:
    """Downsampling by k is pooling windows of one element, k apart; upsampling is its gradient, so that forward and
    backward change places."""
    spec, fixed = f"AvgPool{axes}d", {"kernel_size": 1, "padding": 0, "ceil_mode": False, "divisor_override": None}
    down = layer(spec, f"Downsample{axes}d", ("@stride",), _POOL, fixed=fixed, tells=_TELLS,
                 differences=("downsampling-as-pooling",))  # fmt: skip
    forward, backward = Step(".forward", ("$dout",), {}, ("dx",)), Step(".backward", ("$x",), {}, ("out",))
    name = f"Upsample{axes}d"
    up = Binding(spec, f"{name}.forward, {name}.backward", Plan(forward, backward, Step(name, ("@stride",))), _POOL,
                 fixed=fixed, tells=_TELLS, shapes="divisible", differences=("upsampling-as-gradient",))  # fmt: skip
    return down, up


def _norm(axes: int) -> Binding:
    own = {"weight": "BW", "bias": "Bb", "running_mean": "running_M", "running_var": "running_V"}
    layout = "C->1C" if axes == 1 else "C->1C11"
    plan = {
        "set": {path: f"${name}" for name, path in own.items()},
        "read": {"dweight": "dLdBW", "dbias": "dLdBb", "running_mean": "running_M", "running_var": "running_V"},
        "state": ("running_mean", "running_var"),
    }
    return layer(f"BatchNorm{axes}d", f"BatchNorm{axes}d", ("@num_features", "@1-momentum"), BATCH_NORM,
                 ("$x", "@evaluation"), plan=plan, layouts=dict.fromkeys(own, layout), absent=COUNT, tells=_TELLS,
                 shapes="matrix" if axes == 1 else "some images", evaluation="forward", fixed={"eps": 1e-8},
                 differences=("biased-running-variance", "momentum-inverted", "eps-fixed"))  # fmt: skip


def _loss(spec: str, name: str, accepts: dict[str, Any], **more: Any) -> Binding:
    plan = Plan(Step(".forward", ("$x", "$target"), {}, ("out",)), Step(".backward", (), {}, ("dx",)), Step(name))
    return Binding(spec, f"{name}.forward, {name}.backward", plan, accepts, scaled=("dx",), absent=("dtarget",), **more)


def _optimizer(kind: str) -> Binding:
    """SGD(model, lr, momentum);  step() changes the weights of model.layers. Of two layers one array is judged: the W
    of the last, or the b of the first."""
    others = {".W": "=weight", ".b": "=weight", ".dLdW": "=weight", ".dLdb": "=weight"}
    layers = ("$other", "$layer") if kind == "W" else ("$layer", "$other")
    given = {"other": others, "layer": others | {f".{kind}": "$weight"}, "model": {".layers": layers}}
    plan = Plan(Step(".step"), None, Step("SGD", ("$model", "@lr", "@momentum")), given=given, over="g",
                set={f"$layer.dLd{kind}": "$g"}, read={"weight": f"$layer.{kind}"}, state=("weight",))  # fmt: skip
    return Binding("SGD", f"SGD.step (of {kind})", plan, OPTIMIZERS["SGD"][0], fixed=MOMENTUM, tells=("model",),
                   absent=("momentum_buffer",), layouts=COLUMNS, shapes="matrix")  # fmt: skip


ROWS: tuple[Binding, ...] = (
    layer("Linear", "Linear", ("@in_features", "@out_features"), LINEAR, plan=_weights(), layouts={"bias": "F->F1"},
          shapes="matrix", tells=_TELLS),
    *_conv(1),
    *_conv(2),
    _transposed(1),
    _transposed(2),
    *_resampling(1),
    *_resampling(2),
    *(layer(spec, f"{name}_stride1", ("@kernel_size",), _POOL, fixed={"stride": 1}, tells=_TELLS)
      for spec, name in (("MaxPool2d", "MaxPool2d"), ("AvgPool2d", "MeanPool2d"))),
    *(layer(spec, name, ("@kernel_size", "@stride"), _POOL, tells=_TELLS)
      for spec, name in (("MaxPool2d", "MaxPool2d"), ("AvgPool2d", "MeanPool2d"))),
    _norm(1),
    _norm(2),
    *(layer(name, name, (), {"inplace": False, "approximate": "none"}, tells=_TELLS)
      for name in ("Identity", "Sigmoid", "Tanh", "ReLU", "GELU")),
    layer("Softmax", "Softmax", (), {"dim": ANY}, fixed={"dim": 1}, shapes="matrix", tells=_TELLS),
    _loss("CrossEntropyLoss", "CrossEntropyLoss", CROSS_ENTROPY, shapes="classes", layouts={"target": "N->NC"}),
    _loss("MSELoss", "MSELoss", {"reduction": "mean"}, shapes="matrix"),
    *map(_optimizer, "Wb"),
)  # fmt: skip
