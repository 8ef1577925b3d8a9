# ruff: noqa: E501  an edit stands on one line
"""Adam and AdamW: what people get wrong in their steps."""

from __future__ import annotations

from oracle.mistakes.kernel import Mistake
from oracle.mistakes.optim_shared import decays, in_all, later, shared

MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
AFTER = ("weight", "exp_avg", "exp_avg_sq")  # with weight decay, a wrong weight is in the next gradient

_CORRECTED = ("k.beta1**t", "k.beta2**t")

ADAM = (
    Mistake(
        "adam-step-not-counted",
        in_all(
            AFTER,
            tuple((power, power.replace("**t", "")) for power in _CORRECTED),
            (("enumerate(g, 1)", "enumerate(g, 0)"),),
        ),
        "more than one step",
        "the step is not counted: the correction stays that of the first step, 1 - beta, or divides by 0",
        "t += 1 before each step; m / (1 - beta1**t), v / (1 - beta2**t)",
        later,
    ),
    Mistake(
        "adam-bias-power",
        in_all(
            AFTER,
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
        in_all(
            AFTER,
            (
                ("m / (1 - k.beta1**t)", "m"),
                ("(largest if k.amsgrad else v) / (1 - k.beta2**t)", "largest if k.amsgrad else v"),
            ),
            (("m / (1 - k.beta1**t)", "m"),),
            (("(largest if k.amsgrad else v) / (1 - k.beta2**t)", "largest if k.amsgrad else v"),),
        ),
        "always",
        "m or v is not corrected for its beginning with 0: the first steps have the wrong length",
        "m / (1 - beta1**t), v / (1 - beta2**t)",
    ),
    Mistake(
        "adam-starts-at-two",
        in_all(AFTER, (("enumerate(g, 1)", "enumerate(g, 2)"),)),
        "always",
        "the first step is counted as the second",
        "t = 1 in the first step",
        convention=True,
    ),
    Mistake(
        "adam-eps-inside",
        in_all(AFTER, (("np.sqrt(square) + k.eps", "np.sqrt(square + k.eps)"),)),
        "eps beside small gradients",
        "eps is added to v inside of the root; torch adds it to the root",
        "sqrt(v) + eps",
        convention=True,
    ),
    Mistake(
        "adam-eps-not-corrected",
        in_all(AFTER, (("np.sqrt(square) + k.eps", "np.sqrt(square) + k.eps / np.sqrt(1 - k.beta2**t)"),)),
        "eps beside small gradients",
        "the corrections are folded into lr, so that eps is divided by sqrt(1 - beta2**t): larger in the first steps",
        "sqrt(v / (1 - beta2**t)) + eps",
        convention=True,
    ),
    Mistake(
        "adam-root-missing",
        in_all(AFTER, (("np.sqrt(square) + k.eps", "square + k.eps"),)),
        "always",
        "the step is divided by v and not by its root",
        "m / (sqrt(v) + eps)",
    ),
    Mistake(
        "adam-square-missing",
        in_all(("weight", "exp_avg_sq", "max_exp_avg_sq"), (("(1 - k.beta2) * d * d", "(1 - k.beta2) * d"),)),
        "always",
        "v averages the gradient and not its square",
        "v = beta2*v + (1 - beta2)*g**2",
    ),
    Mistake(
        "betas-swapped",
        in_all(
            ("weight", *MOMENTS),
            (
                ("m = k.beta1 * m + (1 - k.beta1) * d", "m = k.beta2 * m + (1 - k.beta2) * d"),
                ("v = k.beta2 * v + (1 - k.beta2) * d * d", "v = k.beta1 * v + (1 - k.beta1) * d * d"),
                ("k.beta1**t", "k.BETA2**t"),
                ("k.beta2**t", "k.beta1**t"),
                ("k.BETA2**t", "k.beta2**t"),
            ),
        ),
        "always",
        "beta1 and beta2 have changed places",
        "m by beta1, v by beta2",
    ),
    Mistake(
        "amsgrad-ignored",
        in_all(AFTER, (("(largest if k.amsgrad else v)", "v"),)),
        "amsgrad = true",
        "amsgrad has no effect: v itself divides the step and not its maximum so far",
        "the maximum of v over the steps so far",
        lambda facts: facts["amsgrad"] and later(facts),
    ),
    Mistake(
        "weight-decay-decoupled",
        in_all(("weight", *MOMENTS), (("if k.decoupled", "if not k.decoupled"),)),
        "weight_decay > 0",
        "Adam and AdamW have changed places: Adam adds weight_decay * weight to the gradient, AdamW shrinks the weight itself",
        "Adam: g = gradient + weight_decay * weight; AdamW: weight *= 1 - lr * weight_decay",
        decays,
    ),
    *shared(MOMENTS),
)
