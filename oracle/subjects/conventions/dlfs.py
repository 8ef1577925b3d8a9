"""Deep Learning from Scratch, common/layers.py and common/optimizer.py: classes that are given their weights and keep
the gradients in dW and db. Images are NCHW; dropout is not inverted; batch normalisation knows rows only, an image is
one long row; a loss takes no upstream gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from oracle.subjects.binding import FREE, Binding
from oracle.subjects.conventions.rows import (
    BATCH_NORM,
    CONV,
    COUNT,
    CROSS_ENTROPY,
    DROPOUT,
    LINEAR,
    MOMENTUM,
    OPTIMIZERS,
    POOL,
    layer,
)
from oracle.subjects.plan import Plan, Step

_GRADIENTS = {"read": {"dweight": "dW", "dbias": "db"}}
_BOOK = (*FREE, "epsilon-in-log")
_BATCH_NORM = {
    "read": {"dweight": "dgamma", "dbias": "dbeta", "running_mean": "running_mean", "running_var": "running_var"},
    "state": ("running_mean", "running_var"),
}
_FLAG = ("$x", "@training")


def _optimizer(spec: str, name: str, make: tuple[Any, ...], state: Mapping[str, str] | None = None,
               **more: Any) -> Binding:  # fmt: skip
    """name(*make);  update(params, grads) changes params in place"""
    accepts, fixed = OPTIMIZERS[spec]
    plan = Plan(Step(".update", ("$params", {"W": "$g"})), None, Step(name, make), given={"params": {"W": "$weight"}},
                read={"weight": "$params[W]", **(state or {})}, state=("weight",), over="g")  # fmt: skip
    return Binding(spec, f"{name}.update", plan, accepts, tells=("params",), **{"fixed": fixed, **more})


def _loss(layouts: Mapping[str, str] = MappingProxyType({}), form: str = "") -> Binding:
    return layer("CrossEntropyLoss", "SoftmaxWithLoss", (), CROSS_ENTROPY, ("$x", "$target"), (), shapes="classes",
                 layouts=layouts, form=form, scaled=("dx",), absent=("dtarget",), differences=("upstream-ignored",),
                 conventions=_BOOK, tells=("t",))  # fmt: skip


_EPS = {"eps": 1e-7}

ROWS: tuple[Binding, ...] = (
    layer("Linear", "Affine", ("$weight", "$bias"), LINEAR, plan=_GRADIENTS, layouts={"weight": "OI->IO"},
          shapes="matrix", tells=("w",)),
    layer("Linear", "Affine", ("$weight", "$bias"), LINEAR, plan=_GRADIENTS, shapes="matrix", tells=("w",),
          layouts={"weight": "OI->IO", "x": "NI->N**"}, form="on inputs of three axes"),
    layer("Conv2d", "Convolution", ("$weight", "$bias", "@stride", "@padding"), CONV, plan=_GRADIENTS, tells=("w",)),
    layer("MaxPool2d", "Pooling", ("@kernel_size[0]", "@kernel_size[1]", "@stride", 0), POOL, tells=("pool_h",)),
    _loss(),
    _loss({"target": "N->NC"}, "one-hot labels"),
    layer("Dropout", "Dropout", ("@p",), DROPOUT, _FLAG, plan={"draws": "low"}, absent=("mask",), tells=("train_flg",),
          evaluation="forward", differences=("dropout-not-inverted",)),
    layer("BatchNorm1d", "BatchNormalization",
          ("$weight", "$bias", "@1-momentum", "$running_mean", "$running_var"), BATCH_NORM, _FLAG, plan=_BATCH_NORM,
          absent=COUNT, evaluation="forward", shapes="matrix", fixed={"eps": 1e-6}, tells=("gamma",),
          differences=("biased-running-variance", "momentum-inverted", "eps-fixed", "per-pixel")),
    layer("ReLU", "Relu", (), {"inplace": False}),
    layer("Sigmoid", "Sigmoid", (), {}),
    _optimizer("SGD", "SGD", ("@lr",)),
    _optimizer("SGD", "Momentum", ("@lr", "@momentum"), fixed=MOMENTUM, absent=("momentum_buffer",),
               differences=("lr-inside-velocity",)),
    _optimizer("SGD", "Nesterov", ("@lr", "@momentum"), fixed=MOMENTUM | {"nesterov": True},
               absent=("momentum_buffer",), differences=("lr-inside-velocity",),
               conventions=("nesterov-with-new-velocity",)),
    _optimizer("RMSprop", "RMSprop", ("@lr", "@alpha"), {"square_avg": "h[W]"}, differences=("eps-fixed",),
               fixed=OPTIMIZERS["RMSprop"][1] | _EPS),
    _optimizer("Adagrad", "AdaGrad", ("@lr",), {"sum": "h[W]"}, differences=("eps-fixed",),
               fixed=OPTIMIZERS["Adagrad"][1] | _EPS),
    _optimizer("Adam", "Adam", ("@lr", "@betas[0]", "@betas[1]"), {"exp_avg": "m[W]", "exp_avg_sq": "v[W]"},
               fixed=OPTIMIZERS["Adam"][1] | _EPS, differences=("eps-fixed",),
               conventions=("adam-eps-not-corrected",)),
)  # fmt: skip
