# ruff: noqa: E501  an edit stands on one line
"""Rprop and ASGD, whose rates change from step to step: what people get wrong in them."""

from __future__ import annotations

from oracle.mistakes.kernel import Mistake
from oracle.mistakes.optim_shared import (
    OUT_OF_PLACE,
    ascends,
    gradient_not_reset,
    in_all,
    later,
    maximize_ignored,
    shared,
)

# ---- Rprop

_ALL = ("weight", "prev", "step_size")
_LIMITED = "size = np.minimum(np.maximum(size, k.smallest), k.largest)"
_SIGNS = "np.sign(d) * np.sign(before)"
_FACTORS = "(same > 0) * k.eta_plus + (same < 0) * k.eta_minus + (same == 0)"
_STEP = "weight = weight - np.sign(before) * size"

RPROP = (
    Mistake(
        "sign-missing",
        in_all(("weight",), (("np.sign(before) * size", "before * size"),)),
        "always",
        "the step size is multiplied by the gradient; Rprop takes only its sign",
        "weight -= sign(g) * size",
    ),
    Mistake(
        "etas-swapped",
        in_all(("weight", "step_size"), (("k.eta_plus", "k.ETA"), ("k.eta_minus", "k.eta_plus"), ("k.ETA", "k.eta_minus"))),
        "more than one step",
        "the step size shrinks where the sign stays and grows where it changes",
        "etas = (eta_minus, eta_plus): sign changed, sign kept",
        later,
    ),
    Mistake(
        "etas-ignored",
        in_all(("weight", "step_size"), (("k.eta_plus", "1.2"), ("k.eta_minus", "0.5")), (("k.eta_plus", "1.2"),), (("k.eta_minus", "0.5"),)),
        "etas are not 0.5 and 1.2",
        "etas has no effect: the factors are written in the code",
        "etas = (eta_minus, eta_plus): sign changed, sign kept",
        later,
    ),
    Mistake(
        "step-size-not-limited",
        in_all(("weight", "step_size"), ((_LIMITED, "size = size"),), ((_LIMITED, "size = np.maximum(size, k.smallest)"),), ((_LIMITED, "size = np.minimum(size, k.largest)"),)),
        "steps beyond step_sizes",
        "the step size is not kept between the two step_sizes",
        "np.clip(size, *step_sizes)",
    ),
    Mistake(
        "first-step-size",
        in_all(("weight", "step_size"), (("0 * weight + k.lr", "0 * weight + 0.1"),), (("0 * weight + k.lr", "0 * weight + k.smallest"),), (("0 * weight + k.lr", "0 * weight + 1"),)),
        "lr is not the constant",
        "the step sizes do not begin with lr",
        "size = lr before the first step",
    ),
    Mistake(
        "step-after-sign-change",
        in_all(_ALL, (("before = d * (same >= 0)", "before = d"),)),
        "a gradient that changes its sign",
        "where the sign changed, a step is made all the same; torch makes none there, and remembers 0 for the gradient",
        "g = 0 where the sign changed, before the step and for the next comparison",
        later,
        convention=True,
    ),
    Mistake(
        "weight-backtracking",
        in_all(("weight",), (("        same = ", "        moved = moved if t > 1 else 0 * weight\n        same = "), ("for gradient in g", "for t, gradient in enumerate(g, 1)"), (_STEP, "moved = np.where(same < 0, -moved, np.sign(before) * size)\n        weight = weight - moved"))),
        "a gradient that changes its sign",
        "where the sign changed, the step before is taken back (Rprop+, the first paper); torch makes no step there",
        "g = 0 where the sign changed, and no step",
        later,
        convention=True,
    ),
    Mistake(
        "step-size-of-last-step",
        in_all(("weight",), (("        same = ", "        old = size\n        same = "), ("np.sign(before) * size", "np.sign(before) * old"))),
        "more than one step",
        "the step is made with the step size before its change",
        "first size *= eta, then weight -= sign(g) * size",
        later,
    ),
    Mistake(
        "last-gradient-not-kept",
        in_all(("weight", "step_size"), ((_SIGNS, "0 * d"),)),
        "more than one step",
        "the last gradient is not remembered: the sign never changes, nor does the step size",
        "prev = g after each step",
        later,
    ),
    Mistake(
        "one-sign-for-all",
        in_all(_ALL, ((_SIGNS, "np.sign((d * before).sum()) + 0 * d"),)),
        "more than one weight",
        "one sign decides for the whole array; each weight has its own step size",
        "elementwise: sign(g * prev)",
        later,
    ),
    Mistake(
        "zero-product-changes-step",
        in_all(("weight", "step_size"),
               ((_FACTORS, "(same >= 0) * k.eta_plus + (same < 0) * k.eta_minus"),),
               ((_FACTORS, "(same > 0) * k.eta_plus + (same <= 0) * k.eta_minus"),)),
        "the first step",
        "where one of the two gradients is 0, as before the first step, the step size changes; it stays",
        "1 for sign(g * prev) = 0",
    ),
    ascends("weight"),
    maximize_ignored("weight", "prev"),
    gradient_not_reset(*_ALL),
    OUT_OF_PLACE,
)  # fmt: skip

# ---- ASGD

_RATE = "eta = k.lr / (1 + k.lambd * k.lr * t) ** k.alpha"
_MEAN = "ax = ax + mu * (weight - ax)"
_COUNT = "np.maximum(1, t - k.t0)"
_DECAY = "        weight = weight * (1 - k.lambd * eta)"

ASGD = (
    Mistake(
        "lambd-ignored",
        in_all(("weight", "ax"), (("(1 - k.lambd * eta)", "1"),)),
        "always",
        "the decay of the weight by lambd is missing",
        "weight = (1 - lambd*eta) * weight - eta*g",
    ),
    Mistake(
        "rate-not-decayed",
        in_all(("weight", "ax", "eta"), ((_RATE, "eta = k.lr"),)),
        "more than one step",
        "the step keeps the rate lr; it falls from step to step",
        "eta = lr / (1 + lambd*lr*t)**alpha",
        later,
    ),
    Mistake(
        "alpha-ignored",
        in_all(("weight", "ax", "eta"), ((" ** k.alpha", ""),), ((" ** k.alpha", " ** 0.75"),), ((" ** k.alpha", " ** 0.5"),)),
        "alpha is not the constant",
        "alpha has no effect: the power of the falling rate is written in the code",
        "eta = lr / (1 + lambd*lr*t)**alpha",
    ),
    Mistake(
        "rate-formula",
        in_all(("weight", "ax", "eta"), (("k.lambd * k.lr * t", "k.lambd * t"),), (("k.lambd * k.lr * t", "k.lr * t"),), (("k.lambd * k.lr * t", "t"),)),
        "more than one step",
        "the rate falls by lambd*lr*t; here a factor is missing",
        "eta = lr / (1 + lambd*lr*t)**alpha",
    ),
    Mistake(
        "rate-one-step-early",
        in_all(("weight", "ax"), ((_DECAY, f"        {_RATE}\n{_DECAY}"),)),
        "always",
        "the rate has fallen before the first step already; that one is made with lr",
        "first the step, then eta = lr / (1 + lambd*lr*t)**alpha",
    ),
    Mistake(
        "rate-one-step-late",
        in_all(("weight", "ax", "eta"), ((_RATE, _RATE.replace("* t)", "* (t - 1))")),)),
        "always",
        "the rate falls one step too late: the second step is made with lr too",
        "eta = lr / (1 + lambd*lr*t)**alpha after step t",
    ),
    Mistake(
        "average-missing",
        in_all(("ax",), ((_MEAN, "ax = weight"),)),
        "more steps than t0",
        "ax is the weight itself and not its mean",
        "ax += mu * (weight - ax)",
        later,
    ),
    Mistake(
        "average-before-step",
        in_all(("ax",), ((_DECAY, f"        old = weight\n{_DECAY}"), (_MEAN, "ax = ax + mu * (old - ax)"))),
        "always",
        "the mean takes the weight as it was before the step",
        "ax += mu * (weight - ax) after the step",
    ),
    Mistake(
        "t0-ignored",
        {"ax": (((_COUNT, "t"),), ((_MEAN, "ax = ax + (weight - ax) / t"),)), "mu": (((_COUNT, "t"),),)},
        "more than one step",
        "t0 has no effect: the mean goes over all steps",
        "mu = 1 / max(1, t - t0)",
        later,
    ),
    Mistake(
        "average-one-step-off",
        {"ax": (((_MEAN, f"ax = ax + 1 / {_COUNT} * (weight - ax)"),), ((_COUNT, "np.maximum(1, t - 1 - k.t0)"),)),
         "mu": (((_COUNT, "np.maximum(1, t + 1 - k.t0)"),), ((_COUNT, "np.maximum(1, t - 1 - k.t0)"),))},
        "more steps than t0",
        "the mean counts its steps from another one on",
        "first ax += mu * (weight - ax), then mu = 1 / max(1, t - t0)",
        later,
    ),
    Mistake(
        "average-in-the-weight",
        in_all(("weight",), (('"weight": weight', '"weight": ax'),)),
        "more steps than t0",
        "the model gets the mean; in torch the weight goes on without it, and the mean stays in the state as ax",
        "weight -= eta*g; ax apart from it",
        later,
    ),
    *shared(("ax",)),
)  # fmt: skip
