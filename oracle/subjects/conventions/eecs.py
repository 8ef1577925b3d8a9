"""EECS 498-007/598, assignment 3: CS231n's functions as static methods, on torch tensors. The file needs torch, and
runs in the oracle's own process; that it is from scratch cannot be enforced. The p of dropout is the probability to
drop, as torch's.
"""

from __future__ import annotations

from typing import Any

from oracle.subjects.binding import Binding
from oracle.subjects.conventions.rows import ALL, BATCH_NORM, CONV, COUNT, DROPOUT, LINEAR, POOL, pair

_WHAT = ("torch-code",)
_CONV = ("$x", "$weight", "$bias", {"stride": "@stride", "pad": "@padding"})
_POOL = ("$x", {"pool_height": "@kernel_size[0]", "pool_width": "@kernel_size[1]", "stride": "@stride"})
_BN_PARAM = {"mode": "@mode", "eps": "@eps", "momentum": "@1-momentum", "running_mean": "$running_mean",
             "running_var": "$running_var"}  # fmt: skip
_NORM: dict[str, Any] = {
    "plan": {
        "given": {"bn_param": _BN_PARAM},
        "read": {name: f"$bn_param[{name}]" for name in ("running_mean", "running_var")},
        "state": ("running_mean", "running_var"),
    },
    "absent": COUNT,
    "evaluation": "forward",
    "differences": (*_WHAT, "biased-running-variance", "momentum-inverted"),
}
_NORM_ARGS = ("$x", "$weight", "$bias", "$bn_param")

ROWS: tuple[Binding, ...] = (
    pair("Linear", "Linear.forward", "Linear.backward", ("$x", "$weight", "$bias"), ALL, LINEAR, tells=("w",),
         layouts={"weight": "OI->IO"}, shapes="matrix", differences=_WHAT),
    pair("ReLU", "ReLU.forward", "ReLU.backward", ("$x",), ("dx",), {"inplace": False}, tells=("cache",),
         shapes="some axes", differences=_WHAT),
    *(pair("Conv2d", f"{name}.forward", f"{name}.backward", _CONV, ALL, CONV, tells=("conv_param",), differences=_WHAT)
      for name in ("Conv", "FastConv")),
    *(pair("MaxPool2d", f"{name}.forward", f"{name}.backward", _POOL, ("dx",), POOL, tells=("pool_param",),
           shapes="divisible", differences=_WHAT) for name in ("MaxPool", "FastMaxPool")),
    pair("BatchNorm1d", "BatchNorm.forward", "BatchNorm.backward", _NORM_ARGS, ALL, BATCH_NORM, tells=("bn_param",),
         shapes="matrix", **_NORM),
    pair("BatchNorm2d", "SpatialBatchNorm.forward", "SpatialBatchNorm.backward", _NORM_ARGS, ALL, BATCH_NORM,
         tells=("bn_param",), shapes="some images", **_NORM),
    pair("Dropout", "Dropout.forward", "Dropout.backward", ("$x", {"p": "@p", "mode": "@mode"}), ("dx",), DROPOUT,
         plan={"draws": "low"}, absent=("mask",), tells=("dropout_param",), differences=_WHAT),
)  # fmt: skip
