# ruff: noqa: E501  an edit stands on one line
"""Optimizers: what people get wrong in their steps, which stand in oracle/layers/optim_steps.py.

An edit is made in the whole step; it shows in the weight, and in the state where that is wrong too.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from oracle.layers import optim_steps
from oracle.layers.optim import prepare
from oracle.mistakes.kernel import Edits, Facts, Family, Mistake
from oracle.subjects import Call

_HEAD = "(g, weight, k):\n"  # of every step: what comes behind it is done first
_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


def _in(tensors: tuple[str, ...], *ways: Edits) -> dict[str, tuple[Edits, ...]]:
    return {tensor: ways for tensor in tensors}


def _prepare(call: Call) -> SimpleNamespace:
    return prepare(call.spec, call.settings)


# ---- where a mistake shows


def _later(facts: Facts) -> bool:
    return facts["steps"] > 1


def _decays(facts: Facts) -> bool:
    return facts["weight_decay"] > 0


def _moves(facts: Facts) -> bool:
    return facts["momentum"] > 0


# ---- of every optimizer: `state` are the tensors that see the gradient


def _shared(state: tuple[str, ...], signed: tuple[str, ...], update: str) -> tuple[Mistake, ...]:
    """signed: the state in which the sign of the gradient stays; update: the line's beginning that moves the weight."""
    everything = ("weight", *state)
    return (
        Mistake(
            "ascends",
            _in(("weight",), ((update, update.replace("weight - ", "weight + ")),)),
            "always",
            "the step goes up the gradient: the loss grows",
            "weight -= lr * ..., against the gradient",
        ),
        Mistake(
            "maximize-ignored",
            _in(("weight", *signed), (("-gradient if k.maximize else gradient", "gradient"),)),
            "maximize = true",
            "maximize has no effect: the step goes down the gradient",
            "with maximize, -gradient takes the gradient's place",
            lambda facts: facts["maximize"],
        ),
        Mistake(
            "weight-decay-ignored",
            _in(everything, (("k.weight_decay", "0"),)),
            "weight_decay > 0",
            "weight_decay has no effect here",
            "g = gradient + weight_decay * weight",
            _decays,
        ),
        Mistake(
            "gradient-not-reset",
            _in(everything, ((_HEAD, f"{_HEAD}    g = np.cumsum(g, axis=0)\n"),)),
            "more than one step",
            "gradients add up from step to step: each step takes all of them so far",
            "zero_grad() before each backward",
            _later,
        ),
        Mistake(
            "update-out-of-place",
            _in(("weight",), ((_HEAD, f"{_HEAD}    start = weight\n"), ('{"weight": weight', '{"weight": start'))),
            "always",
            "the step makes a new array, and the model keeps the old one: nothing is learned",
            "weight -= step, or weight[...] = new",
        ),
    )


# ---- SGD

_VELOCITY = "velocity = d if t == 1 else k.momentum * velocity + (1 - k.dampening) * d"
_BUFFER = '"momentum_buffer": velocity'

_SGD = (
    Mistake(
        "momentum-sign",
        _in(("momentum_buffer",), ((_BUFFER, '"momentum_buffer": -velocity'),)),
        "momentum > 0",
        "the velocity points down the gradient: v = mu*v - g, weight += lr*v; torch keeps v = mu*v + g, weight -= lr*v",
        "v = mu*v + g; weight -= lr*v",
        _moves,
        convention=True,
    ),
    Mistake(
        "lr-inside-velocity",
        _in(("momentum_buffer",), ((_BUFFER, '"momentum_buffer": -k.lr * velocity'),), ((_BUFFER, '"momentum_buffer": k.lr * velocity'),)),
        "momentum > 0",
        "lr is inside of the velocity, v = mu*v - lr*g (Sutskever's form): the same steps while lr stays, others when a schedule changes it",
        "v = mu*v + g; weight -= lr*v",
        _moves,
        convention=True,
    ),
    Mistake(
        "velocity-averaged",
        _in(
            ("weight", "momentum_buffer"),
            ((_VELOCITY, "velocity = k.momentum * velocity + (1 - k.momentum) * d"),),
        ),
        "momentum > 0",
        "the velocity is a mean, v = mu*v + (1 - mu)*g: steps are 1 - mu times as long",
        "v = mu*v + g, unless dampening says otherwise",
        _moves,
        convention=True,
    ),
    Mistake(
        "momentum-ignored",
        _in(("weight",), (("(step if k.momentum != 0 else d)", "d"),)),
        "momentum > 0 and more than one step",
        "the step takes the gradient alone and not the velocity",
        "weight -= lr*v",
        lambda facts: _moves(facts) and _later(facts),
    ),
    Mistake(
        "nesterov-as-momentum",
        _in(("weight",), (("d + k.momentum * velocity if k.nesterov else velocity", "velocity"),)),
        "nesterov = true",
        "nesterov has no effect: the step takes the velocity and does not look ahead",
        "weight -= lr*(g + mu*v)",
        lambda facts: facts["nesterov"],
    ),
    Mistake(
        "dampening-ignored",
        _in(("weight", "momentum_buffer"), (("(1 - k.dampening) * d", "d"),)),
        "dampening > 0 and more than one step",
        "dampening has no effect",
        "v = mu*v + (1 - dampening)*g",
        lambda facts: _moves(facts) and facts["dampening"] > 0 and _later(facts),
    ),
    Mistake(
        "dampens-first-step",
        _in(("weight", "momentum_buffer"), (("velocity = d if t == 1 else ", "velocity = "),)),
        "dampening > 0",
        "the first gradient is dampened too; torch begins with v = g",
        "v = g in the first step",
        lambda facts: _moves(facts) and facts["dampening"] > 0,
        convention=True,
    ),
    Mistake(
        "weight-decay-decoupled",
        # the velocity of it is that of weight-decay-ignored
        _in(("weight",), (("d = d + k.weight_decay * weight", "weight = weight * (1 - k.lr * k.weight_decay)"),)),
        "weight_decay > 0 and momentum > 0",
        "the decay goes to the weight directly and not through the velocity",
        "g = gradient + weight_decay * weight, before v",
        lambda facts: _decays(facts) and _moves(facts),
    ),
    *_shared(("momentum_buffer",), ("momentum_buffer",), "weight = weight - k.lr"),
)

# ---- Adam and AdamW

_CORRECTED = ("k.beta1**t", "k.beta2**t")

_ADAM = (
    Mistake(
        "adam-step-not-counted",
        _in(
            ("weight",),
            tuple((power, power.replace("**t", "")) for power in _CORRECTED),
            (("enumerate(g, 1)", "enumerate(g, 0)"),),
        ),
        "more than one step",
        "the step is not counted: the correction stays that of the first step, 1 - beta, or divides by 0",
        "t += 1 before each step; m / (1 - beta1**t), v / (1 - beta2**t)",
        _later,
    ),
    Mistake(
        "adam-bias-power",
        _in(
            ("weight",),
            tuple((power, power.replace("**t", "**2")) for power in _CORRECTED),
            (("k.beta2**t", "k.beta2**2"),),
            (("k.beta1**t", "k.beta1"),),
            (("k.beta2**t", "k.beta2"),),
        ),
        "always",
        "the correction does not take the power of the step: 1 - beta or 1 - beta**2 in place of 1 - beta**t",
        "m / (1 - beta1**t), v / (1 - beta2**t)",
    ),
    Mistake(
        "adam-bias-missing",
        _in(
            ("weight",),
            (("m / (1 - k.beta1**t)", "m"), ("(largest if k.amsgrad else v) / (1 - k.beta2**t)", "largest if k.amsgrad else v")),
            (("m / (1 - k.beta1**t)", "m"),),
            (("(largest if k.amsgrad else v) / (1 - k.beta2**t)", "largest if k.amsgrad else v"),),
        ),
        "always",
        "m or v is not corrected for its beginning with 0: the first steps have the wrong length",
        "m / (1 - beta1**t), v / (1 - beta2**t)",
    ),
    Mistake(
        "adam-starts-at-two",
        _in(("weight",), (("enumerate(g, 1)", "enumerate(g, 2)"),)),
        "always",
        "the first step is counted as the second",
        "t = 1 in the first step",
        convention=True,
    ),
    Mistake(
        "adam-eps-inside",
        _in(("weight",), (("np.sqrt(square) + k.eps", "np.sqrt(square + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "adam-eps-not-corrected",
        _in(("weight",), (("np.sqrt(square) + k.eps", "np.sqrt(square) + k.eps / np.sqrt(1 - k.beta2**t)"),)),
        "eps beside small gradients",
        "the corrections are folded into lr, so that eps is divided by sqrt(1 - beta2**t): larger in the first steps",
        "sqrt(v / (1 - beta2**t)) + eps",
        convention=True,
    ),
    Mistake(
        "adam-root-missing",
        _in(("weight",), (("np.sqrt(square) + k.eps", "square + k.eps"),)),
        "always",
        "the step is divided by v and not by its root",
        "m / (sqrt(v) + eps)",
    ),
    Mistake(
        "adam-square-missing",
        _in(("weight", "exp_avg_sq", "max_exp_avg_sq"), (("(1 - k.beta2) * d * d", "(1 - k.beta2) * d"),)),
        "always",
        "v averages the gradient and not its square",
        "v = beta2*v + (1 - beta2)*g**2",
    ),
    Mistake(
        "betas-swapped",
        _in(
            ("weight", *_MOMENTS),
            (("m = k.beta1 * m + (1 - k.beta1) * d", "m = k.beta2 * m + (1 - k.beta2) * d"),
             ("v = k.beta2 * v + (1 - k.beta2) * d * d", "v = k.beta1 * v + (1 - k.beta1) * d * d"),
             ("k.beta1**t", "k.BETA2**t"), ("k.beta2**t", "k.beta1**t"), ("k.BETA2**t", "k.beta2**t")),
        ),
        "always",
        "beta1 and beta2 have changed places",
        "m by beta1, v by beta2",
    ),
    Mistake(
        "amsgrad-ignored",
        _in(("weight",), (("(largest if k.amsgrad else v)", "v"),)),
        "amsgrad = true",
        "amsgrad has no effect: v itself divides the step and not its maximum so far",
        "the maximum of v over the steps so far",
        lambda facts: facts["amsgrad"] and _later(facts),
    ),
    Mistake(
        "weight-decay-decoupled",
        _in(("weight", *_MOMENTS), (("if k.decoupled", "if not k.decoupled"),)),
        "weight_decay > 0",
        "Adam and AdamW have changed places: Adam adds weight_decay * weight to the gradient, AdamW shrinks the weight itself",
        "Adam: g = gradient + weight_decay * weight; AdamW: weight *= 1 - lr * weight_decay",
        _decays,
    ),
    *_shared(_MOMENTS, ("exp_avg",), "weight = weight - k.lr"),
)

# ---- RMSprop and Adagrad

_RMSPROP_STATE = ("square_avg", "grad_avg", "momentum_buffer")

_RMSPROP = (
    Mistake(
        "eps-inside",
        _in(("weight", "momentum_buffer"), (("np.sqrt(square) + k.eps", "np.sqrt(square + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "alpha-swapped",
        _in(("weight", "square_avg", "momentum_buffer"), (("v = k.alpha * v + (1 - k.alpha) * d * d", "v = (1 - k.alpha) * v + k.alpha * d * d"),)),
        "always",
        "alpha weights the new square and 1 - alpha the old mean",
        "v = alpha*v + (1 - alpha)*g**2",
        lambda facts: facts["alpha"] != 0.5,
    ),
    Mistake(
        "square-not-averaged",
        _in(("weight", "square_avg", "momentum_buffer"), (("(1 - k.alpha) * d * d", "d * d"),)),
        "always",
        "the factor 1 - alpha of the new square is missing",
        "v = alpha*v + (1 - alpha)*g**2",
    ),
    Mistake(
        "centered-ignored",
        _in(("weight", "momentum_buffer"), (("v - average * average if k.centered else v", "v"),)),
        "centered = true",
        "centered has no effect: the square of the mean gradient is not subtracted",
        "sqrt(v - a**2) + eps, with the mean gradient a",
        lambda facts: facts["centered"],
    ),
    Mistake(
        "lr-inside-velocity",
        _in(("momentum_buffer",), (('"momentum_buffer": b', '"momentum_buffer": k.lr * b'),), (('"momentum_buffer": b', '"momentum_buffer": -k.lr * b'),)),
        "momentum > 0",
        "lr is inside of the velocity: the same steps while lr stays, others when a schedule changes it",
        "b = mu*b + g/(sqrt(v) + eps); weight -= lr*b",
        _moves,
        convention=True,
    ),
    *_shared(_RMSPROP_STATE, ("grad_avg", "momentum_buffer"), "weight = weight - k.lr"),
)  # fmt: skip

_ADAGRAD = (
    Mistake(
        "eps-inside",
        _in(("weight",), (("np.sqrt(v) + k.eps", "np.sqrt(v + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "sum-not-kept",
        _in(("weight", "sum"), (("v = v + d * d", "v = d * d"),)),
        "more than one step",
        "the squares are not added up: each step is divided by its own gradient",
        "v = v + g**2",
        _later,
    ),
    Mistake(
        "initial-value-ignored",
        _in(("weight", "sum"), (("0 * weight + k.initial_accumulator_value", "0 * weight"),)),
        "initial_accumulator_value > 0",
        "initial_accumulator_value has no effect: the sum begins with 0",
        "v = initial_accumulator_value before the first step",
        lambda facts: facts["initial_accumulator_value"] > 0,
    ),
    Mistake(
        "lr-decay-ignored",
        _in(("weight",), (("(1 + (t - 1) * k.lr_decay)", "1"),)),
        "lr_decay > 0 and more than one step",
        "lr_decay has no effect",
        "lr / (1 + (t - 1)*lr_decay)",
        lambda facts: facts["lr_decay"] > 0 and _later(facts),
    ),
    Mistake(
        "lr-decay-counts-from-one",
        _in(("weight",), (("(t - 1) * k.lr_decay", "t * k.lr_decay"),)),
        "lr_decay > 0",
        "the first step is shortened too; torch begins with lr",
        "lr / (1 + (t - 1)*lr_decay)",
        lambda facts: facts["lr_decay"] > 0,
    ),
    *_shared(("sum",), (), "weight = weight - k.lr"),
)


def _family(step: Any, tensors: tuple[str, ...], mistakes: tuple[Mistake, ...], *specs: str) -> Family:
    return Family(dict.fromkeys(tensors, step), mistakes, _prepare, specs)


FAMILIES = (
    _family(optim_steps.sgd, ("weight", "momentum_buffer"), _SGD, "SGD"),
    _family(optim_steps.adam, ("weight", *_MOMENTS), _ADAM, "Adam", "AdamW"),
    _family(optim_steps.rmsprop, ("weight", *_RMSPROP_STATE), _RMSPROP, "RMSprop"),
    _family(optim_steps.adagrad, ("weight", "sum"), _ADAGRAD, "Adagrad"),
)
