"""Deep Learning from Scratch, common/layers.py and common/optimizer.py: classes that are given their weights and keep
the gradients in dW and db. Images are NCHW; dropout is not inverted; batch normalisation knows rows only, an image is
one long row; a loss takes no upstream gradient. The second volume's common/time_layers.py: one step of a recurrent
layer, with one bias, and the gradients in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from oracle.subjects.binding import ANY, FREE, Binding
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


def _step(spec: str, name: str, states: tuple[str, ...], outputs: tuple[str, ...], gates: str = "") -> Binding:
    """name(Wx, Wh, b);  forward(x, *states) -> outputs;  backward(*douts) -> gradients of x and the states"""
    gradients = {"dweight_ih": 0, "dweight_hh": 1, "dbias_ih": 2, "dbias_hh": 2}
    plan = Plan(Step(".forward", ("$x", *(f"${state}" for state in states)), {}, outputs),
                Step(".backward", tuple(f"$d{output}" for output in outputs), {}, ("dx", *(f"d{s}" for s in states))),
                Step(name, ("$weight_ih", "$weight_hh", "$bias")),
                read={name: f"grads[{place}]" for name, place in gradients.items()})  # fmt: skip
    layouts = {name: f"{gates}AB->BA" for name in ("weight_ih", "weight_hh")}
    layouts |= dict.fromkeys(("bias", "bias_ih", "bias_hh"), f"{gates}") if gates else {}
    accepts = {"input_size": ANY, "hidden_size": ANY, "bias": True, "nonlinearity": "tanh"}
    return Binding(spec, f"{name}.forward, {name}.backward", plan, accepts, layouts=layouts, axes=(2,), states=states,
                   needed=states, sums={"bias": ("bias_ih", "bias_hh")}, tells=("wx",))  # fmt: skip


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
    _step("RNNCell", "RNN", ("h0",), ("out",)),
    _step("LSTMCell", "LSTM", ("h0", "c0"), ("out", "c_1"), "ifgo>fgio:"),
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
