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


# ---- of every optimizer: with weight decay, a wrong weight is in the next gradient, and so in the state


def shared(state: tuple[str, ...]) -> tuple[Mistake, ...]:
    """`state` are the tensors that are kept from step to step."""
    everything = ("weight", *state)
    return (
        Mistake(
            "ascends",
            in_all(everything, (("weight = weight - k.lr", "weight = weight + k.lr"),)),
            "always",
            "the step goes up the gradient: the loss grows",
            "weight -= lr * ..., against the gradient",
        ),
        Mistake(
            "maximize-ignored",
            in_all(everything, (("-gradient if k.maximize else gradient", "gradient"),)),
            "maximize = true",
            "maximize has no effect: the step goes down the gradient",
            "with maximize, -gradient takes the gradient's place",
            lambda facts: facts["maximize"],
        ),
        Mistake(
            "weight-decay-ignored",
            in_all(everything, (("k.weight_decay", "0"),)),
            "weight_decay > 0",
            "weight_decay has no effect here",
            "g = gradient + weight_decay * weight",
            decays,
        ),
        Mistake(
            "gradient-not-reset",
            in_all(everything, ((_HEAD, f"{_HEAD}    g = np.cumsum(g, axis=0)\n"),)),
            "more than one step",
            "gradients add up from step to step: each step takes all of them so far",
            "zero_grad() before each backward",
            later,
        ),
        Mistake(
            "update-out-of-place",
            in_all(("weight",), ((_HEAD, f"{_HEAD}    start = weight\n"), ('{"weight": weight', '{"weight": start'))),
            "always",
            "the step makes a new array, and the model keeps the old one: nothing is learned",
            "weight -= step, or weight[...] = new",
        ),
    )
