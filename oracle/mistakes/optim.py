# ruff: noqa: E501  an edit stands on one line
"""Optimizers: what people get wrong in their steps, which stand in oracle/layers/optim_steps.py.

An edit is made in the whole step; it shows in the weight, and in the state where that is wrong too.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from oracle.layers import optim_steps
from oracle.layers.optim import prepare
from oracle.mistakes.kernel import Family, Mistake
from oracle.mistakes.optim_adam import ADAM, MOMENTS
from oracle.mistakes.optim_muon import MUON
from oracle.mistakes.optim_rates import ASGD, RPROP
from oracle.mistakes.optim_shared import decays, in_all, later, moves, shared
from oracle.subjects import Call

# ---- SGD

_VELOCITY = "velocity = d if t == 1 else k.momentum * velocity + (1 - k.dampening) * d"
_BUFFER = '"momentum_buffer": velocity'

_SGD = (
    Mistake(
        "momentum-sign",
        in_all(("momentum_buffer",), ((_BUFFER, '"momentum_buffer": -velocity'),)),
        "momentum > 0",
        "the velocity points down the gradient: v = mu*v - g, weight += lr*v; torch keeps v = mu*v + g, weight -= lr*v",
        "v = mu*v + g; weight -= lr*v",
        moves,
        convention=True,
    ),
    Mistake(
        "lr-inside-velocity",
        in_all(
            ("momentum_buffer",),
            ((_BUFFER, '"momentum_buffer": -k.lr * velocity'),),
            ((_BUFFER, '"momentum_buffer": k.lr * velocity'),),
        ),
        "momentum > 0",
        "lr is inside of the velocity, v = mu*v - lr*g (Sutskever's form): the same steps while lr stays, others when a schedule changes it",
        "v = mu*v + g; weight -= lr*v",
        moves,
        convention=True,
    ),
    Mistake(
        "velocity-averaged",
        in_all(
            ("weight", "momentum_buffer"),
            ((_VELOCITY, "velocity = k.momentum * velocity + (1 - k.momentum) * d"),),
        ),
        "momentum > 0",
        "the velocity is a mean, v = mu*v + (1 - mu)*g: steps are 1 - mu times as long",
        "v = mu*v + g, unless dampening says otherwise",
        moves,
        convention=True,
    ),
    Mistake(
        "momentum-ignored",
        in_all(("weight", "momentum_buffer"), (("(step if k.momentum != 0 else d)", "d"),)),
        "momentum > 0 and more than one step",
        "the step takes the gradient alone and not the velocity",
        "weight -= lr*v",
        lambda facts: moves(facts) and later(facts),
    ),
    Mistake(
        "nesterov-as-momentum",
        in_all(("weight",), (("d + k.momentum * velocity if k.nesterov else velocity", "velocity"),)),
        "nesterov = true",
        "nesterov has no effect: the step takes the velocity and does not look ahead",
        "weight -= lr*(g + mu*v)",
        lambda facts: facts["nesterov"],
    ),
    Mistake(
        "dampening-ignored",
        in_all(("weight", "momentum_buffer"), (("(1 - k.dampening) * d", "d"),)),
        "dampening > 0 and more than one step",
        "dampening has no effect",
        "v = mu*v + (1 - dampening)*g",
        lambda facts: moves(facts) and facts["dampening"] > 0 and later(facts),
    ),
    Mistake(
        "dampens-first-step",
        in_all(("weight", "momentum_buffer"), (("velocity = d if t == 1 else ", "velocity = "),)),
        "dampening > 0",
        "the first gradient is dampened too; torch begins with v = g",
        "v = g in the first step",
        lambda facts: moves(facts) and facts["dampening"] > 0,
        convention=True,
    ),
    Mistake(
        "weight-decay-decoupled",
        # the velocity of it is that of weight-decay-ignored
        in_all(("weight",), (("d = d + k.weight_decay * weight", "weight = weight * (1 - k.lr * k.weight_decay)"),)),
        "weight_decay > 0 and momentum > 0",
        "the decay goes to the weight directly and not through the velocity",
        "g = gradient + weight_decay * weight, before v",
        lambda facts: decays(facts) and moves(facts),
    ),
    *shared(("momentum_buffer",)),
)

# ---- RMSprop and Adagrad

_RMSPROP_STATE = ("square_avg", "grad_avg", "momentum_buffer")

_RMSPROP = (
    Mistake(
        "eps-inside",
        in_all(("weight", "square_avg", "momentum_buffer"), (("np.sqrt(square) + k.eps", "np.sqrt(square + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "alpha-swapped",
        in_all(("weight", "square_avg", "momentum_buffer"), (("v = k.alpha * v + (1 - k.alpha) * d * d", "v = (1 - k.alpha) * v + k.alpha * d * d"),)),
        "always",
        "alpha weights the new square and 1 - alpha the old mean",
        "v = alpha*v + (1 - alpha)*g**2",
        lambda facts: facts["alpha"] != 0.5,
    ),
    Mistake(
        "square-not-averaged",
        in_all(("weight", "square_avg", "momentum_buffer"), (("(1 - k.alpha) * d * d", "d * d"),)),
        "always",
        "the factor 1 - alpha of the new square is missing",
        "v = alpha*v + (1 - alpha)*g**2",
    ),
    Mistake(
        "centered-ignored",
        in_all(("weight", "square_avg", "momentum_buffer"), (("v - average * average if k.centered else v", "v"),)),
        "centered = true",
        "centered has no effect: the square of the mean gradient is not subtracted",
        "sqrt(v - a**2) + eps, with the mean gradient a",
        lambda facts: facts["centered"],
    ),
    Mistake(
        "lr-inside-velocity",
        in_all(("momentum_buffer",), (('"momentum_buffer": b', '"momentum_buffer": k.lr * b'),), (('"momentum_buffer": b', '"momentum_buffer": -k.lr * b'),)),
        "momentum > 0",
        "lr is inside of the velocity: the same steps while lr stays, others when a schedule changes it",
        "b = mu*b + g/(sqrt(v) + eps); weight -= lr*b",
        moves,
        convention=True,
    ),
    *shared(_RMSPROP_STATE),
)  # fmt: skip

_ADAGRAD = (
    Mistake(
        "eps-inside",
        in_all(("weight", "sum"), (("np.sqrt(v) + k.eps", "np.sqrt(v + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "sum-not-kept",
        in_all(("weight", "sum"), (("v = v + d * d", "v = d * d"),)),
        "more than one step",
        "the squares are not added up: each step is divided by its own gradient",
        "v = v + g**2",
        later,
    ),
    Mistake(
        "initial-value-ignored",
        in_all(("weight", "sum"), (("0 * weight + k.initial_accumulator_value", "0 * weight"),)),
        "initial_accumulator_value > 0",
        "initial_accumulator_value has no effect: the sum begins with 0",
        "v = initial_accumulator_value before the first step",
        lambda facts: facts["initial_accumulator_value"] > 0,
    ),
    Mistake(
        "lr-decay-ignored",
        in_all(("weight", "sum"), (("(1 + (t - 1) * k.lr_decay)", "1"),)),
        "lr_decay > 0 and more than one step",
        "lr_decay has no effect",
        "lr / (1 + (t - 1)*lr_decay)",
        lambda facts: facts["lr_decay"] > 0 and later(facts),
    ),
    Mistake(
        "lr-decay-counts-from-one",
        in_all(("weight", "sum"), (("(t - 1) * k.lr_decay", "t * k.lr_decay"),)),
        "lr_decay > 0",
        "the first step is shortened too; torch begins with lr",
        "lr / (1 + (t - 1)*lr_decay)",
        lambda facts: facts["lr_decay"] > 0,
    ),
    *shared(("sum",)),
)


# ---- the others: what every optimizer shares, and what these share with Adam

_NOT_COUNTED = Mistake(
    "step-not-counted",
    in_all(("weight",), (("enumerate(g, 1)", "[(1, one) for one in g]"),)),
    "more than one step",
    "the step is not counted: every step is made as if it was the first",
    "t += 1 before each step",
    later,
)
_DECOUPLED = Mistake(
    "weight-decay-decoupled",
    in_all(("weight", "exp_avg", "exp_avg_sq"), (("if k.decoupled", "if not k.decoupled"),)),
    "weight_decay > 0",
    "decoupled_weight_decay has the opposite effect",
    "decoupled: weight *= 1 - lr * weight_decay; else g = gradient + weight_decay * weight",
    decays,
)


def _prepare(call: Call) -> SimpleNamespace:
    k = prepare(call.spec, call.settings)
    k.shape = call.buffers["weight"].shape
    return k


def _family(step: Any, tensors: tuple[str, ...], mistakes: tuple[Mistake, ...], *specs: str) -> Family:
    return Family(dict.fromkeys(tensors, step), mistakes, _prepare, specs)


FAMILIES = (
    _family(optim_steps.sgd, ("weight", "momentum_buffer"), _SGD, "SGD"),
    _family(optim_steps.adam, ("weight", *MOMENTS), ADAM, "Adam", "AdamW"),
    _family(optim_steps.rmsprop, ("weight", *_RMSPROP_STATE), _RMSPROP, "RMSprop"),
    _family(optim_steps.adagrad, ("weight", "sum"), _ADAGRAD, "Adagrad"),
    _family(optim_steps.adadelta, ("weight", "square_avg", "acc_delta"), shared(("square_avg", "acc_delta")), "Adadelta"),
    _family(optim_steps.adamax, ("weight", "exp_avg", "exp_inf"), (_NOT_COUNTED, *shared(("exp_avg", "exp_inf"))), "Adamax"),
    _family(
        optim_steps.nadam, ("weight", "exp_avg", "exp_avg_sq"),
        (_NOT_COUNTED, _DECOUPLED, *shared(("exp_avg", "exp_avg_sq"))), "NAdam",
    ),
    _family(
        optim_steps.radam, ("weight", "exp_avg", "exp_avg_sq"),
        (_NOT_COUNTED, _DECOUPLED, *shared(("exp_avg",))), "RAdam",
    ),
    _family(optim_steps.rprop, ("weight", "prev", "step_size"), RPROP, "Rprop"),
    _family(optim_steps.asgd, ("weight", "ax", "eta", "mu"), ASGD, "ASGD"),
    _family(optim_steps.muon, ("weight", "momentum_buffer"), MUON, "Muon"),
)  # fmt: skip
