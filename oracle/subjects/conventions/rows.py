"""What rows of several courses have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oracle.subjects.binding import ANY, INT, PROMISES, Binding, Shapes, below_one, given, one_axis
from oracle.subjects.plan import Plan, Step

ALL = ("dx", "dweight", "dbias")
COUNT = ("num_batches_tracked",)  # torch counts the batches, the courses do not

CONV: dict[str, Any] = {
    "in_channels": ANY, "out_channels": ANY, "kernel_size": ANY, "stride": INT, "padding": INT,
    "dilation": 1, "groups": 1, "bias": True, "padding_mode": "zeros",
}  # fmt: skip
POOL: dict[str, Any] = {
    "kernel_size": ANY, "stride": INT, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False,
    "count_include_pad": ANY, "divisor_override": None,
}  # fmt: skip
LINEAR: dict[str, Any] = {"in_features": ANY, "out_features": ANY, "bias": True}
CROSS_ENTROPY: dict[str, Any] = {"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
MARGIN: dict[str, Any] = {"p": 1, "margin": 1, "weight": None, "reduction": "mean"}
BATCH_NORM: dict[str, Any] = {
    "num_features": ANY, "eps": ANY, "momentum": given, "affine": True, "track_running_stats": True,
}  # fmt: skip


def _some_images(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    return len(shapes["x"]) == 4 and shapes["x"][0] > 0


def _some_axes(settings: Mapping[str, Any], shapes: Shapes) -> bool:
    return len(shapes["x"]) > 0


PROMISES["some images"] = _some_images  # no course says what the statistics of none are
PROMISES["some axes"] = _some_axes  # "of any shape" is said of batches: one number alone is none
LAYER_NORM: dict[str, Any] = {"normalized_shape": one_axis, "eps": ANY, "elementwise_affine": True, "bias": True}
GROUP_NORM: dict[str, Any] = {"num_groups": ANY, "num_channels": ANY, "eps": ANY, "affine": True}
DROPOUT: dict[str, Any] = {"p": below_one, "inplace": False}

# Optimizers: what can be chosen, and what none of the courses has.
OFF: dict[str, Any] = {"weight_decay": 0.0, "maximize": False}
MOMENTUM: dict[str, Any] = OFF | {"dampening": 0.0, "nesterov": False}
OPTIMIZERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # settings accepted, settings fixed
    "SGD": ({"lr": ANY, "momentum": given}, MOMENTUM | {"momentum": 0.0}),
    "Adam": ({"lr": ANY, "betas": ANY, "eps": ANY}, OFF | {"amsgrad": False, "decoupled_weight_decay": False}),
    "RMSprop": ({"lr": ANY, "alpha": ANY, "eps": ANY}, OFF | {"momentum": 0.0, "centered": False}),
    "Adagrad": ({"lr": ANY, "eps": ANY}, OFF | {"lr_decay": 0.0, "initial_accumulator_value": 0.0}),
}

# Optimizers that know layers with a matrix W and a column b: what is judged is a column, whose steps are in g.
COLUMNS = {"g": "TF->TF1", **dict.fromkeys(("weight", "momentum_buffer", "exp_avg", "exp_avg_sq"), "F->F1")}


def pair(
    spec: str,
    forward: str,
    backward: str,
    args: tuple[Any, ...],
    gradients: tuple[str, ...],
    accepts: Mapping[str, Any],
    plan: Mapping[str, Any] | None = None,
    form: str = "",
    also: tuple[Any, ...] = (),
    **more: Any,
) -> Binding:
    """forward(*args) -> (out, cache);  backward(dout, cache, *also) -> gradients"""
    steps = Plan(Step(forward, args, {}, ("out", "cache")), Step(backward, ("$dout", "$cache", *also), {}, gradients),
                 **(plan or {}))  # fmt: skip
    return Binding(spec, f"{forward}, {backward}{form and f' ({form})'}", steps, accepts, **more)


def loss(spec: str, function: str, accepts: Mapping[str, Any], **more: Any) -> Binding:
    """function(x, y) -> (loss, dx): its gradient is that of an upstream gradient of 1"""
    plan = Plan(Step(function, ("$x", "$target"), {}, ("out", "dx")))
    usual: dict[str, Any] = {"scaled": ("dx",), "shapes": "labels", "absent": ("dtarget",)}
    return Binding(spec, function, plan, accepts, **(usual | more))


def layer(
    spec: str,
    name: str,
    make: tuple[Any, ...],
    accepts: Mapping[str, Any],
    forward: tuple[Any, ...] = ("$x",),
    backward: tuple[Any, ...] = ("$dout",),
    plan: Mapping[str, Any] | None = None,
    form: str = "",
    **more: Any,
) -> Binding:
    """name(*make);  forward(*forward) -> out;  backward(*backward) -> dx; the rest in attributes"""
    steps = Plan(Step(".forward", forward, {}, ("out",)), Step(".backward", backward, {}, ("dx",)), Step(name, make),
                 **(plan or {}))  # fmt: skip
    return Binding(spec, f"{name}.forward, {name}.backward{form and f' ({form})'}", steps, accepts, **more)
