# ruff: noqa: E501  an edit stands on one line
"""Local response normalisation: the kernels, and what people get wrong in them.

S[c] = k + alpha/size * sum of I[j]^2 over j = c - size//2 .. c + (size-1)//2            O[c] = I[c] / S[c]^beta
dI[c] = dO[c] / S[c]^beta - 2*alpha*beta/size * I[c] * sum of dO[j] I[j] / S[j]^(beta+1) over all j whose window has c
"""

from __future__ import annotations

import numpy as np

from oracle.mistakes.kernel import Edits, Facts, Family, Mistake

# ---- the kernels. k: the settings by torch's names


def out(x, k):
    before, after = k.size // 2, (k.size - 1) // 2
    squares = around(x * x, before, after)
    S = k.k + k.alpha / k.size * squares
    return x / S**k.beta


def dx(x, dout, k):
    before, after = k.size // 2, (k.size - 1) // 2
    squares = around(x * x, before, after)
    S = k.k + k.alpha / k.size * squares
    others = around(dout * x / S ** (k.beta + 1), after, before)
    return dout / S**k.beta - 2 * k.alpha * k.beta / k.size * x * others


# ---- what the kernels are made of


def around(a, before, after, axis=1):
    """The sum over the channels c - before to c + after."""
    channels = np.moveaxis(a, axis, 0)
    total = np.zeros_like(channels)
    for c in range(len(channels)):
        total[c] = channels[max(c - before, 0) : c + after + 1].sum(axis=0)
    return np.moveaxis(total, 0, axis)


def around_circle(a, before, after):
    """The last channel is the first one's neighbour."""
    return sum(np.roll(a, shift, axis=1) for shift in range(-after, before + 1))


_SQUARES = "around(x * x, before, after)"
_OTHERS = "around(dout * x / S ** (k.beta + 1), after, before)"
_SCALED = "k.alpha / k.size * squares"
_COUNT = "around(np.ones_like(x), before, after)"  # channels of each window that exist
_WINDOW = "before, after = k.size // 2, (k.size - 1) // 2"
_RULE = "the channels c - size//2 to c + (size-1)//2, as far as they exist"
_GRADIENT = "dI[c] = dO[c]/S[c]^beta - 2*alpha*beta/size * I[c] * sum of dO[j] I[j]/S[j]^(beta+1)"


def _both(*ways: Edits) -> dict[str, tuple[Edits, ...]]:
    """The same in the forward and in the backward that goes with it."""
    return {"out": ways, "dx": ways}


def _windows(*ways: str) -> dict[str, tuple[Edits, ...]]:
    return _both(*(((_WINDOW, f"before, after = {way}"),) for way in ways))


def _even(facts: Facts) -> bool:
    return facts["size"] % 2 == 0


MISTAKES = (
    Mistake(
        "alpha-not-divided",
        {"out": ((("k.alpha / k.size", "k.alpha"),),),
         "dx": ((("k.alpha / k.size", "k.alpha"), ("k.beta / k.size", "k.beta")),)},
        "size > 1",
        "alpha is not divided by size (the AlexNet paper's formula); torch takes alpha times the mean of the squares",
        "S = k + alpha/size * sum of I^2",
        lambda facts: facts["size"] > 1,
        convention=True,
    ),
    Mistake(
        "k-ignored",
        _both(*((("k.k + ", f"{constant} + "),) for constant in ("1", "2", "0"))),
        "k is not the constant",
        "k has no effect: the sum begins with a number that is written in the code",
        "S = k + alpha/size * sum of I^2",
    ),
    Mistake(
        "beta-ignored",
        _both(*((("k.beta", power),) for power in ("1", "0.5", "0.75"))),
        "beta is not the constant",
        "beta has no effect: S is not raised to the power that the argument says",
        "O = I / S^beta",
    ),
    Mistake(
        "square-missing",
        {"out": (((_SQUARES, "around(x, before, after)"),), ((_SQUARES, "around(np.abs(x), before, after)"),))},
        "always",
        "the elements are added up and not their squares",
        "S = k + alpha/size * sum of I^2",
    ),
    Mistake(
        "window-even-size",
        _windows("(k.size - 1) // 2, k.size // 2", "k.size // 2, k.size // 2"),
        "size is even",
        "for an even size the window has one channel more before c than after it; here it is the other way round, or one too many",
        _RULE,
        _even,
    ),
    Mistake(
        "size-as-radius",
        _windows("k.size, k.size", "k.size - 1, k.size - 1"),
        "more channels than the window has",
        "size is taken to each side of the channel; it is the number of channels of the whole window",
        _RULE,
    ),
    Mistake(
        "window-one-sided",
        _windows("k.size - 1, 0", "0, k.size - 1"),
        "size > 2",
        "the window ends, or begins, with the channel itself; it lies around it",
        _RULE,
    ),
    Mistake(
        "window-wraps-round",
        _both((("around(", "around_circle("),)),
        "size > 1",
        "at the first and the last channel the window goes on at the other end; there is nothing beyond them",
        _RULE,
    ),
    Mistake(
        "window-of-all-channels",
        _windows("x.shape[1], x.shape[1]"),
        "more channels than the window has",
        "the sum goes over all channels",
        _RULE,
    ),
    Mistake(
        "window-over-positions",
        {"out": ((("before, after)\n", "before, after, axis=-1)\n"),), (("before, after)\n", "before, after, axis=2)\n"),)),
         "dx": ((("before, after)\n", "before, after, axis=-1)\n"), ("after, before)\n", "after, before, axis=-1)\n")),
                (("before, after)\n", "before, after, axis=2)\n"), ("after, before)\n", "after, before, axis=2)\n")))},
        "always",
        "the window goes along a row or a column of the image; it goes over the channels of one position",
        _RULE,
    ),
    Mistake(
        "window-at-the-edge-averaged",
        {"out": (((_SCALED, f"k.alpha / {_COUNT} * squares"),),),
         "dx": (((_SCALED, f"k.alpha / {_COUNT} * squares"), ("k.beta / k.size", "k.beta"),
                 (_OTHERS, f"around(dout * x / S ** (k.beta + 1) / {_COUNT}, after, before)")),)},
        "size > 1",
        "at the first and the last channels the sum is divided by the number of channels that are there; torch divides by size everywhere",
        "S = k + alpha/size * sum of I^2",
    ),
    Mistake(
        "power-multiplied",
        {"out": ((("x / S", "x * S"),),)},
        "always",
        "I is multiplied by the power of S; it is divided",
        "O = I / S^beta",
    ),
    Mistake(
        "window-path-missing",
        {"dx": ((("- 2 * k.alpha * k.beta / k.size * x * others", ""),),)},
        "always",
        "S is taken for a constant: each element acts on it too, and the gradient has a term for that",
        _GRADIENT,
    ),
    Mistake(
        "own-channel-only",
        {"dx": (((_OTHERS, "dout * x / S ** (k.beta + 1)"),),)},
        "size > 1 and more than one channel",
        "I[c] is in the windows of its neighbours as well; their terms are missing",
        _GRADIENT,
        lambda facts: facts["size"] > 1,
    ),
    Mistake(
        "upstream-of-own-channel",
        {"dx": (((_OTHERS, "dout * around(x / S ** (k.beta + 1), after, before)"),), ((_OTHERS, "around(x / S ** (k.beta + 1), after, before)"),))},
        "always",
        "dO stands outside of the sum, or is missing there: each channel j of the sum has its own dO[j]",
        _GRADIENT,
    ),
    Mistake(
        "window-not-mirrored",
        {"dx": ((("after, before)", "before, after)"),),)},
        "size is even",
        "backward sums over the window of c; needed are all j whose window has c, and for an even size that is the mirrored one",
        "j = c - (size-1)//2 .. c + size//2",
        _even,
    ),
    Mistake(
        "factor-missing",
        {"dx": ((("2 * k.alpha * k.beta", "k.alpha * k.beta"),), (("2 * k.alpha * k.beta", "2 * k.alpha"),), (("k.beta / k.size", "k.beta"),), (("2 * k.alpha", "2"),))},
        "always",
        "a factor of the second term is missing: 2 from the square, beta from the power, alpha and 1/size from S",
        _GRADIENT,
    ),
    Mistake(
        "power-not-derived",
        {"dx": ((("S ** (k.beta + 1)", "S**k.beta"),), (("S ** (k.beta + 1)", "S ** (k.beta - 1)"),))},
        "always",
        "the derivative of S^-beta has the power -beta - 1",
        _GRADIENT,
    ),
    Mistake(
        "gradient-sign",
        {"dx": ((("S**k.beta - 2", "S**k.beta + 2"),),)},
        "always",
        "the second term is added: a larger neighbour makes O smaller, so it is subtracted",
        _GRADIENT,
    ),
)  # fmt: skip

LOCAL = Family({"out": out, "dx": dx}, MISTAKES, specs=("LocalResponseNorm",))
