"""CS231n: functions in the file, a cache of the file's own as second result, gradients returned; images are NCHW,
weights of convolutions as torch's, those of affine layers transposed; settings come in a dictionary, which batch
normalisation writes its running statistics into, and optimizers their state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle.subjects.binding import Binding
from oracle.subjects.conventions.rows import (
    ALL,
    BATCH_NORM,
    CONV,
    COUNT,
    CROSS_ENTROPY,
    DROPOUT,
    GROUP_NORM,
    LAYER_NORM,
    LINEAR,
    MARGIN,
    MOMENTUM,
    OPTIMIZERS,
    POOL,
    loss,
    pair,
)
from oracle.subjects.plan import Plan, Step

_AFFINE = ("$x", "$weight", "$bias")
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})
_POOL = ("$x", {"pool_height": "@kernel_size[0]", "pool_width": "@kernel_size[1]", "stride": "@stride"})
_NORM = ("$x", "$weight", "$bias", "$bn_param")
_BN_PARAM = {"mode": "@mode", "eps": "@eps", "momentum": "@1-momentum", "running_mean": "$running_mean",
             "running_var": "$running_var"}  # fmt: skip
_RUNNING: dict[str, Any] = {
    "plan": {
        "given": {"bn_param": _BN_PARAM},
        "read": {name: f"$bn_param[{name}]" for name in ("running_mean", "running_var")},
        "state": ("running_mean", "running_var"),
    },
    "absent": COUNT,
    "evaluation": "forward",
    "differences": ("biased-running-variance", "momentum-inverted"),
}


def _optimizer(spec: str, function: str, config: Mapping[str, Any], state: Mapping[str, str], **more: Any) -> Binding:
    """function(w, dw, config) -> (next_w, config), a step at a time"""
    accepts, fixed = OPTIMIZERS[spec]
    plan = Plan(Step(function, ("$weight", "$g", "$config"), {}, ("weight", "config")), given={"config": config},
                read={name: f"$config[{key}]" for name, key in state.items()}, state=("weight",), over="g")  # fmt: skip
    return Binding(spec, function, plan, accepts, **{"fixed": fixed, **more})


_ADAM = {"learning_rate": "@lr", "beta1": "@betas[0]", "beta2": "@betas[1]", "epsilon": "@eps"}

ROWS: tuple[Binding, ...] = (
    pair("Linear", "affine_forward", "affine_backward", _AFFINE, ALL, LINEAR, layouts={"weight": "OI->IO"},
         shapes="matrix"),
    pair("Linear", "affine_forward", "affine_backward", _AFFINE, ALL, LINEAR,
         layouts={"weight": "OI->IO", "x": "NI->N**"}, shapes="matrix", form="on inputs of three axes"),
    pair("ReLU", "relu_forward", "relu_backward", ("$x",), ("dx",), {"inplace": False}, shapes="some axes"),
    *(pair("Conv2d", f"conv_forward_{kind}", f"conv_backward_{kind}", _CONV, ALL, CONV)
      for kind in ("naive", "fast", "im2col", "strides")),
    *(pair("MaxPool2d", f"max_pool_forward_{kind}", f"max_pool_backward_{kind}", _POOL, ("dx",), POOL,
           shapes="divisible") for kind in ("naive", "fast", "im2col", "reshape")),
    *(pair("BatchNorm1d", "batchnorm_forward", f"batchnorm_backward{alt}", _NORM, ALL, BATCH_NORM, shapes="matrix",
           **_RUNNING) for alt in ("", "_alt")),
    pair("BatchNorm2d", "spatial_batchnorm_forward", "spatial_batchnorm_backward", _NORM, ALL, BATCH_NORM,
         shapes="some images", **_RUNNING),
    pair("LayerNorm", "layernorm_forward", "layernorm_backward", ("$x", "$weight", "$bias", {"eps": "@eps"}), ALL,
         LAYER_NORM, shapes="matrix"),
    pair("GroupNorm", "spatial_groupnorm_forward", "spatial_groupnorm_backward",
         ("$x", "$weight", "$bias", "@num_groups", {"eps": "@eps"}), ALL, GROUP_NORM, shapes="images",
         layouts={"weight": "C->1C11", "bias": "C->1C11"}),
    pair("Dropout", "dropout_forward", "dropout_backward", ("$x", {"p": "@1-p", "mode": "@mode"}), ("dx",), DROPOUT,
         plan={"draws": "low"}, absent=("mask",), differences=("dropout-p-is-keep",)),
    loss("CrossEntropyLoss", "softmax_loss", CROSS_ENTROPY),
    loss("MultiMarginLoss", "svm_loss", MARGIN, differences=("sum-over-classes",)),
    _optimizer("SGD", "sgd", {"learning_rate": "@lr"}, {}),
    _optimizer("SGD", "sgd_momentum", {"learning_rate": "@lr", "momentum": "@momentum"}, {}, fixed=MOMENTUM,
               absent=("momentum_buffer",), differences=("lr-inside-velocity",)),
    _optimizer("RMSprop", "rmsprop", {"learning_rate": "@lr", "decay_rate": "@alpha", "epsilon": "@eps"},
               {"square_avg": "cache"}),
    _optimizer("Adam", "adam", _ADAM, {"exp_avg": "m", "exp_avg_sq": "v"}),
)  # fmt: skip
