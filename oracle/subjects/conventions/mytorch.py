"""CMU 11-785, mytorch: classes with weights in W and b and gradients in dLdW and dLdb; a bias is (F, 1), parameters of
batch normalisation (1, C). A strided convolution is one of stride 1 and a downsampling: its weights are the inner
object's. Losses take one-hot labels, and their backward nothing.
"""

from __future__ import annotations

from typing import Any

from oracle.subjects.binding import ANY, INT, Binding
from oracle.subjects.conventions.rows import BATCH_NORM, CONV, COUNT, CROSS_ENTROPY, LINEAR, POOL, layer
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
    plain = layer(f"Conv{axes}d", f"Conv{axes}d_stride1", make, _CONV | {"stride": 1, "padding": 0}, plan=_weights(),
                  tells=_TELLS)  # fmt: skip
    strided = layer(f"Conv{axes}d", f"Conv{axes}d", (*make, "@stride", "@padding"), _CONV,
                    plan=_weights(f"conv{axes}d_stride1."), tells=_TELLS)  # fmt: skip
    return plain, strided


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
                 shapes="matrix" if axes == 1 else "", evaluation="forward", fixed={"eps": 1e-8},
                 differences=("biased-running-variance", "momentum-inverted", "eps-fixed"))  # fmt: skip


def _loss(spec: str, name: str, accepts: dict[str, Any], **more: Any) -> Binding:
    plan = Plan(Step(".forward", ("$x", "$target"), {}, ("out",)), Step(".backward", (), {}, ("dx",)), Step(name))
    return Binding(spec, f"{name}.forward, {name}.backward", plan, accepts, scaled=("dx",), absent=("dtarget",), **more)


ROWS: tuple[Binding, ...] = (
    layer("Linear", "Linear", ("@in_features", "@out_features"), LINEAR, plan=_weights(), layouts={"bias": "F->F1"},
          shapes="matrix", tells=_TELLS),
    *_conv(1),
    *_conv(2),
    *(layer(spec, f"{name}_stride1", ("@kernel_size",), _POOL | {"stride": 1}, tells=_TELLS)
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
)  # fmt: skip
