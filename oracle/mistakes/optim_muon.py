# ruff: noqa: E501  an edit stands on one line
"""Muon: what people get wrong in its step."""

from __future__ import annotations

from oracle.mistakes.kernel import Mistake
from oracle.mistakes.optim_shared import (
    OUT_OF_PLACE,
    ascends,
    gradient_not_reset,
    in_all,
    later,
    weight_decay_ignored,
)

_VELOCITY = "b = k.momentum * b + (1 - k.momentum) * gradient"
_AHEAD = "k.momentum * b + (1 - k.momentum) * gradient if k.nesterov else b"
_NORM = "np.sqrt(sum(squares[j] for j in range(max(rows, columns))))"
_TO_RMS = "0.2 * np.sqrt(max(rows, columns))"
_TO_SHAPE = "np.sqrt(max(1, rows / columns))"
_CHOICE = 'k.adjust_lr_fn == "match_rms_adamw"'
_DECAY = "weight = weight * (1 - k.lr * k.weight_decay)"
_LOOP = "range(k.ns_steps)"

MUON = (
    Mistake(
        "velocity-not-averaged",
        # in the weight it is gone, as the step is divided by its norm
        in_all(("momentum_buffer",), ((_VELOCITY, "b = k.momentum * b + gradient"),)),
        "always",
        "the velocity is a sum, v = mu*v + g; torch's Muon averages, v = mu*v + (1 - mu)*g",
        "v = mu*v + (1 - mu)*g",
        convention=True,
    ),
    Mistake(
        "momentum-ignored",
        in_all(("weight",), ((_AHEAD, "gradient"),)),
        "more than one step",
        "the step takes the gradient alone and not the velocity",
        "n = mu*v + (1 - mu)*g, or v without nesterov",
        later,
    ),
    Mistake(
        "nesterov-as-momentum",
        in_all(("weight",), ((_AHEAD, "b"),)),
        "nesterov = true and more than one step",
        "nesterov has no effect: the step takes the velocity and does not look ahead",
        "n = mu*v + (1 - mu)*g",
        lambda facts: facts["nesterov"] and later(facts),
    ),
    Mistake(
        "nesterov-always",
        in_all(("weight",), ((" if k.nesterov else b", ""),)),
        "nesterov = false and more than one step",
        "nesterov has no effect: the step always looks ahead",
        "without nesterov the step takes v",
        lambda facts: not facts["nesterov"] and later(facts),
    ),
    Mistake(
        "nesterov-of-a-sum",
        in_all(("weight",), ((_AHEAD, _AHEAD.replace("(1 - k.momentum) * gradient", "gradient")),)),
        "nesterov = true and more than one step",
        "the look ahead adds the whole gradient to an averaged velocity",
        "n = mu*v + (1 - mu)*g, where v is averaged",
        lambda facts: facts["nesterov"] and later(facts),
    ),
    Mistake(
        "not-orthogonalised",
        in_all(("weight",), ((_LOOP, "range(0)"),), (("wide.T if rows > columns else wide", "n"),)),
        "always",
        "the step is the velocity itself, or divided by its norm; Muon makes its singular values about 1",
        "ns_steps times: A = X X^T, X = a*X + (b*A + c*A^2) X",
    ),
    Mistake(
        "ns-steps-ignored",
        in_all(("weight",), ((_LOOP, "range(5)"),), ((_LOOP, "range(k.ns_steps - 1)"),), ((_LOOP, "range(k.ns_steps + 1)"),)),
        "ns_steps is not the constant",
        "another number of Newton-Schulz iterations is made than ns_steps says",
        "for _ in range(ns_steps)",
    ),
    Mistake(
        "ns-coefficients-other",
        in_all(("weight",),
               (("k.a * wide", "1.5 * wide"), ("k.b * gram + k.c * _product(gram, gram, size)", "-0.5 * gram")),
               (("k.a * wide", "1.875 * wide"), ("k.b * gram + k.c", "-1.25 * gram + 0.375"))),
        "always",
        "the classical Newton-Schulz coefficients are used, which go to exactly 1, but slowly",
        "a, b, c = ns_coefficients = 3.4445, -4.775, 2.0315",
    ),
    Mistake(
        "fifth-power-missing",
        in_all(("weight",), ((" + k.c * _product(gram, gram, size)", ""),)),
        "always",
        "the term with the square of X X^T is missing",
        "X = a*X + (b*A + c*A^2) X with A = X X^T",
    ),
    Mistake(
        "not-normalised",
        in_all(("weight",), ((f"wide / np.maximum({_NORM}, k.eps)", "wide"),)),
        "always",
        "X is not divided by its norm before the iterations, which then need not converge",
        "X = n / max(||n||, eps), the Frobenius norm",
    ),
    Mistake(
        "normalised-by-other-norm",
        in_all(("weight",), ((_NORM, _NORM.removeprefix("np.sqrt")),), ((_NORM, "np.abs(wide).max()"),), ((_NORM, "np.linalg.norm(wide, 2)"),)),
        "more than one row and column",
        "X is divided by another norm: without the root, the largest element, or the largest singular value",
        "X = n / max(||n||, eps), the Frobenius norm",
    ),
    Mistake(
        "adjust-lr-ignored",
        in_all(("weight",), (("k.lr * scale", "k.lr"),), ((_CHOICE, "True"),), ((_CHOICE, "False"),)),
        "the two factors differ",
        "adjust_lr_fn has no effect: one factor, or none, for every setting",
        "lr * sqrt(max(1, rows/columns)), or lr * 0.2 * sqrt(max(rows, columns)) for match_rms_adamw",
    ),
    Mistake(
        "adjust-lr-formula",
        in_all(("weight",),
               ((_TO_SHAPE, "np.sqrt(max(1, columns / rows))"),),
               ((_TO_SHAPE, "np.sqrt(rows / columns)"),),
               ((_TO_SHAPE, "max(1, rows / columns)"),),
               ((_TO_RMS, "np.sqrt(max(rows, columns))"),),
               ((_TO_RMS, "0.2 * np.sqrt(min(rows, columns))"),),
               ((_TO_RMS, "0.2 * max(rows, columns)"),)),
        "the formulas differ",
        "the factor of lr is made of rows and columns another way",
        "lr * sqrt(max(1, rows/columns)), or lr * 0.2 * sqrt(max(rows, columns)) for match_rms_adamw",
    ),
    Mistake(
        "weight-decay-coupled",
        {"weight": (((_DECAY, "weight = weight"), ("gradient in g:\n", "gradient in g:\n        gradient = gradient + k.weight_decay * weight\n")),),
         "momentum_buffer": ((("gradient in g:\n", "gradient in g:\n        gradient = gradient + k.weight_decay * weight\n"),),)},
        "always",
        "weight_decay * weight is added to the gradient; Muon shrinks the weight itself",
        "weight *= 1 - lr * weight_decay",
    ),
    Mistake(
        "weight-decay-formula",
        in_all(("weight",),
               ((_DECAY, "weight = weight * (1 - k.weight_decay)"),),
               ((_DECAY, "weight = weight * (1 - k.lr * scale * k.weight_decay)"),),
               ((f"        {_DECAY}\n", ""), ("        weight = weight - k.lr * scale * (wide.T if rows > columns else wide)\n", "        weight = weight - k.lr * scale * (wide.T if rows > columns else wide)\n        " + _DECAY + "\n"))),
        "always",
        "the weight shrinks by another factor, or after the step",
        "first weight *= 1 - lr * weight_decay, with lr as it is given",
    ),
    weight_decay_ignored("weight", fix="weight *= 1 - lr * weight_decay"),
    ascends("weight"),
    gradient_not_reset("weight", "momentum_buffer"),
    OUT_OF_PLACE,
)  # fmt: skip
