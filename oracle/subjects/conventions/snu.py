"""SNU M2177.004300: homework 2 has static methods with a cache, images NHWC and weights (F, FH, FW, C); homework 1 has
classes as Deep Learning from Scratch does, with one-hot labels.
"""

from __future__ import annotations

from oracle.subjects.binding import FREE, Binding
from oracle.subjects.conventions.rows import (
    ALL,
    BATCH_NORM,
    CONV,
    COUNT,
    CROSS_ENTROPY,
    LINEAR,
    POOL,
    layer,
    pair,
)

_IMAGES = {"x": "NCHW->NHWC", "out": "NCHW->NHWC"}
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})
_BN_PARAM = {"mode": "@mode", "eps": "@eps", "momentum": "@1-momentum", "running_mean": "$running_mean",
             "running_var": "$running_var"}  # fmt: skip
_POOL = POOL | {"kernel_size": "int"}


def _pool(spec: str, kind: str) -> Binding:
    param = {"pool_size": "@kernel_size", "stride": "@stride", "pool_type": kind}
    return pair(spec, "Pooling.forward", "Pooling.backward", ("$x", param), ("dx",), _POOL, layouts=_IMAGES,
                tells=("pool_param",), form=kind)  # fmt: skip


ROWS: tuple[Binding, ...] = (
    *(pair("Conv2d", f"Conv.{forward}", "Conv.backward", _CONV, ALL, CONV, tells=("conv_param",),
           layouts=_IMAGES | {"weight": "OIHW->OHWI"}) for forward in ("naive_forward", "forward")),
    _pool("MaxPool2d", "max"),
    _pool("AvgPool2d", "avg"),
    pair("BatchNorm1d", "BatchNorm.forward", "BatchNorm.backward", ("$x", "$weight", "$bias", "$bn_param"), ALL,
         BATCH_NORM, tells=("bn_param",), shapes="matrix", absent=COUNT, evaluation="forward",
         differences=("biased-running-variance", "momentum-inverted"),
         plan={"given": {"bn_param": _BN_PARAM}, "state": ("running_mean", "running_var"),
               "read": {name: f"$bn_param[{name}]" for name in ("running_mean", "running_var")}}),
    layer("CrossEntropyLoss", "OutputLayer", (), CROSS_ENTROPY, ("$x", "$target"), (), shapes="classes",
          layouts={"target": "N->NC"}, scaled=("dx",), absent=("dtarget",), differences=("upstream-ignored",),
          conventions=(*FREE, "epsilon-in-log"), tells=("y",)),
    layer("Linear", "Affine", ("$weight", "$bias"), LINEAR, plan={"read": {"dweight": "dW", "dbias": "db"}},
          layouts={"weight": "OI->IO"}, shapes="matrix"),
    layer("ReLU", "ReLU", (), {"inplace": False}),
    layer("Sigmoid", "Sigmoid", (), {}),
)  # fmt: skip
