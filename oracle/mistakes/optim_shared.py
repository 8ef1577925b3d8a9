"""What people get wrong in every optimizer."""

from __future__ import annotations

from oracle.mistakes.kernel import Edits, Facts, Mistake

_HEAD = "(g, weight, k):\n"  # of every step: what comes behind it is done first


def in_all(tensors: tuple[str, ...], *ways: Edits) -> dict[str, tuple[Edits, ...]]:
    """The same ways to make a mistake in each of the tensors, which one loop computes together."""
    return dict.fromkeys(tensors, ways)


# ---- where a mistake shows


def later(facts: Facts) -> bool:
    return facts["steps"] > 1


def decays(facts: Facts) -> bool:
    return facts["weight_decay"] > 0


def moves(facts: Facts) -> bool:
    return facts["momentum"] > 0


# ---- of every optimizer


def ascends(*tensors: str) -> Mistake:
    return Mistake(
        "ascends",
        in_all(tensors, (("weight = weight - ", "weight = weight + "),)),
        "always",
        "the step goes up the gradient: the loss grows",
        "weight -= lr * ..., against the gradient",
    )


def maximize_ignored(*tensors: str) -> Mistake:
    return Mistake(
        "maximize-ignored",
        in_all(tensors, (("-gradient if k.maximize else gradient", "gradient"),)),
        "maximize = true",
        "maximize has no effect: the step goes down the gradient",
        "with maximize, -gradient takes the gradient's place",
        lambda facts: facts["maximize"],
    )


def gradient_not_reset(*tensors: str) -> Mistake:
    return Mistake(
        "gradient-not-reset",
        in_all(tensors, ((_HEAD, f"{_HEAD}    g = np.cumsum(g, axis=0)\n"),)),
        "more than one step",
        "gradients add up from step to step: each step takes all of them so far",
        "zero_grad() before each backward",
        later,
    )


def weight_decay_ignored(*tensors: str, fix: str = "g = gradient + weight_decay * weight") -> Mistake:
    return Mistake(
        "weight-decay-ignored",
        in_all(tensors, (("k.weight_decay", "0"),)),
        "weight_decay > 0",
        "weight_decay has no effect here",
        fix,
        decays,
    )


OUT_OF_PLACE = Mistake(
    "update-out-of-place",
    in_all(("weight",), ((_HEAD, f"{_HEAD}    start = weight\n"), ('{"weight": weight', '{"weight": start'))),
    "always",
    "the step makes a new array, and the model keeps the old one: nothing is learned",
    "weight -= step, or weight[...] = new",
)


def shared(state: tuple[str, ...]) -> tuple[Mistake, ...]:
    """All of them, where weight decay is in the gradient: a wrong weight is in the next gradient then, and so in
    `state`, the tensors that are kept from step to step."""
    everything = ("weight", *state)
    return (
        ascends(*everything),
        maximize_ignored(*everything),
        weight_decay_ignored(*everything),
        gradient_not_reset(*everything),
        OUT_OF_PLACE,
    )
