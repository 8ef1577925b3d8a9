"""What the tables of activations share: how a row is written, and the mistakes that any function invites.

Every one of them is O = f(I), dI = dO * f'(I). Its two kernels hold f as a text, and f' as the text in the brackets of
`dout * (`, so that a mistake is another text in the same place: the function that it is taken for, a term too few, a
comparison with the wrong array.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Edits, Family, Mistake, Variants
from oracle.subjects import Call

Pair = tuple[str, str]  # (f, f') of another function; "" where it has none, or one that is right

# ---- functions that are taken for each other

RELU = "np.maximum(x, 0)", "x > 0"
ABS = "np.abs(x)", "np.sign(x)"
SIGMOID = "1 / (1 + np.exp(-x))", "np.exp(-x) / (1 + np.exp(-x)) ** 2"
TANH = "np.tanh(x)", "1 - np.tanh(x) ** 2"
SOFTSIGN = "x / (1 + np.abs(x))", "1 / (1 + np.abs(x)) ** 2"
SOFTPLUS = "np.logaddexp(0, x)", "1 / (1 + np.exp(-x))"
SILU = "x / (1 + np.exp(-x))", "(1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2"
HARDTANH = "np.clip(x, -1, 1)", "np.abs(x) < 1"
RELU6 = "np.clip(x, 0, 6)", "(x > 0) & (x < 6)"
KERAS_HARDSIGMOID = "np.clip(0.2 * x + 0.5, 0, 1)", "0.2 * (np.abs(x) < 2.5)"


def sigmoid(x):
    """No exponential of it overflows to anything but the 0 or 1 that is right."""
    return 1 / (1 + np.exp(-x))


def prepare(call: Call) -> SimpleNamespace:
    """The dtype matters where something overflows."""
    return SimpleNamespace(**call.settings, dtype=call.inputs["x"].dtype)


# ---- a row


@dataclass(frozen=True)
class Activation:
    """One function: `value` is f in the text of the kernel `out`, `slope` f' in that of `dx`.

    others     the functions that are taken for it
    mask       the comparison in f', where f' is a number on either side of it
    at_kink    comparisons that give the kink to the other side (both kinks first), or share it
    unbounded  f and f' with a bound left out
    constant   f and f' without a constant factor
    one_sided  f and f' that forget the negative side
    product    f' with one of the terms of the product rule
    inner      f' without a factor of the chain rule
    ignored    (setting, the number that stands in its place)
    of_input   f' as it is written in the output, given the input
    of_output  when f' shows that is written in the input, and given the output; "" where that is right
    own        what nothing else gets wrong
    formulas   (O, dI) for a person, where the kernel's own texts are no formulas
    kink_id    the name of a mistake at the kink
    """

    name: str
    out: Callable[..., np.ndarray]
    dx: Callable[..., np.ndarray]
    value: str
    slope: str
    others: tuple[Pair, ...] = ()
    mask: str = ""
    at_kink: tuple[str, ...] = ()
    unbounded: tuple[Pair, ...] = ()
    constant: tuple[Pair, ...] = ()
    one_sided: tuple[Pair, ...] = ()
    product: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    of_input: tuple[str, ...] = ()
    of_output: str = "always"
    own: tuple[Mistake, ...] = ()
    formulas: Pair | None = None
    kink_id: str = "gradient-at-kink"

    @property
    def family(self) -> Family:
        return Family({"out": self.out, "dx": self.dx}, self.mistakes, prepare, (self.name,))

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        plain = in_letters(self.value), f"dO * ({in_letters(self.slope)})"
        O, dI = (f"{left} = {right}" for left, right in zip(("O", "dI"), self.formulas or plain))
        found = (
            *self.own,
            Mistake("derivative-of-input-not-output", self._slopes(self.of_input), "always",
                    "the derivative is written in the output of the function, and is given its input",
                    f"keep the output in forward and give it that; written in I it is {dI}"),
            Mistake("derivative-of-output-not-input", {"dx": self._given_the_output()}, self.of_output,
                    "the derivative is written in the input of the function, and is given its output",
                    f"keep the input in forward: {dI}"),
            Mistake("wrong-function", self._pairs(self.others), "always",
                    f"another function than {self.name} is computed", f"{O}, {dI}"),
            Mistake("bound-missing", self._pairs(self.unbounded), "I is beyond the bound",
                    "the function bends at two bounds, and one of them or both are left out", f"{O}, {dI}"),
            Mistake("constant-missing", self._pairs(self.constant), "always",
                    "a constant factor of the function is left out", f"{O}, {dI}"),
            Mistake("negative-side-missing", self._pairs(self.one_sided), "an element of I is negative",
                    "I stands where its absolute value belongs: the negative side mirrors the positive one",
                    f"{O}, {dI}"),
            Mistake("product-rule-missing", self._slopes(self.product), "always",
                    "the function is a product or quotient of two functions of I: its derivative has two terms", dI),
            Mistake("inner-derivative-missing", self._slopes(self.inner), "always",
                    "one function is applied to another: the chain rule multiplies by the derivative of each", dI),
            *(self._without(name, number, O) for name, number in self.ignored),
            *(masked(self.mask, self.at_kink[:1], dI) if self.mask else ()),
            at_kink(self.mask or self.slope, self.at_kink, dI, self.kink_id),
            *SHARED,
        )  # fmt: skip
        return tuple(mistake for mistake in found if any(mistake.variants.values()))

    def _pairs(self, pairs: Iterable[Pair]) -> dict[str, Variants]:
        return {
            "out": tuple(((self.value, value),) for value, _ in pairs if value),
            "dx": tuple(((self.slope, slope),) for _, slope in pairs if slope),
        }

    def _slopes(self, slopes: Iterable[str]) -> dict[str, Variants]:
        return {"dx": tuple(((self.slope, slope),) for slope in slopes)}

    def _given_the_output(self) -> Variants:
        edit = "dout, k):\n", f"dout, k):\n    x = {self.value}\n"
        return ((edit,),) if self.of_output else ()

    def _without(self, name: str, number: str, fix: str) -> Mistake:
        """In f and in f', where the setting stands in it."""
        edit: Edits = ((f"k.{name}", number),)
        texts = {"out": self.value, "dx": self.slope}
        return Mistake(
            f"{name}-ignored",
            {tensor: (edit,) for tensor, text in texts.items() if f"k.{name}" in text},
            f"{name} is not {number}",
            f"{name} has no effect: {number} stands in its place",
            fix,
        )


def in_letters(text: str) -> str:
    """A kernel's text in the letters of the course note."""
    return re.sub(r"\bx\b", "I", text).replace("k.", "")


# ---- mistakes that are edits of the same words in every kernel


SHARED = (
    Mistake(
        "upstream-ignored",
        {"dx": ((("dout * (", "("),),)},
        "dO is not 1",
        "f'(I) alone is returned; the chain rule multiplies it by the gradient that comes from above",
        "dI = dO * f'(I)",
    ),
    Mistake(
        "upstream-twice",
        {"dx": ((("dout * (", "dout * dout * ("),),)},
        "dO is not 1",
        "the gradient that comes from above is multiplied in twice",
        "dI = dO * f'(I)",
    ),
    Mistake(
        "derivative-missing",
        {"dx": ((("dout * (", "dout + 0 * ("),),)},
        "always",
        "dO is passed on as it is; the chain rule multiplies it by f'(I)",
        "dI = dO * f'(I)",
    ),
)  # fmt: skip


def masked(mask: str, closed: tuple[str, ...], fix: str) -> tuple[Mistake, Mistake]:
    """The two mistakes in a mask: the wrong array is compared, or the wrong elements are kept; both are made in a mask
    that is `closed` at the kinks, too."""
    inverted = Mistake(
        "mask-inverted",
        {"dx": tuple(((mask, f"~({way})"),) for way in (mask, *closed))},
        "always",
        "the gradient passes where it must be stopped, and is stopped where it must pass",
        fix,
    )
    return mask_from_dout(mask, fix, *closed), inverted


def mask_from_dout(mask: str, fix: str, *closed: str) -> Mistake:
    ways = (*(re.sub(r"\bx\b", "dout", way) for way in (mask, *closed)), f"({mask}) & (dout > 0)")
    return Mistake(
        "mask-from-dout",
        {"dx": tuple(((mask, way),) for way in ways)},
        "dO and I lie on different sides",
        "the mask is made of dO: the gradient passes where dO is large enough; it must pass where the INPUT was",
        fix,
    )


def leaky_slope(slope: str, numbers: tuple[str, ...], fix: str) -> Mistake:
    """In kernels that hold `x > 0, x, slope * x` and `x > 0, 1, slope`."""
    out, dx = f"x > 0, x, {slope} * x", f"x > 0, 1, {slope}"
    return Mistake(
        "leaky-slope",
        {
            "out": (
                *(((out, f"x > 0, x, {number} * x"),) for number in numbers),
                ((out, f"x > 0, {slope} * x, x"),),
                ((out, f"x > 0, x, -{slope} * x"),),
                ((out, f"x > 0, x, {slope}"),),
            ),
            "dx": (
                *(((dx, f"x > 0, 1, {number}"),) for number in (*numbers, "0")),
                ((dx, f"x > 0, {slope}, 1"),),
                ((dx, f"x > 0, 1, -{slope}"),),
                ((dx, f"x > 0, 1, {slope} * x"),),
            ),
        },
        "an element of I is negative",
        "the slope of the negative side is another number, or stands on the wrong side",
        fix,
    )


def maximum_for_slope(slope: str, fix: str) -> Mistake:
    """In the kernels of `leaky_slope`."""
    return Mistake(
        "maximum-for-slope",
        {
            "out": (((f"np.where(x > 0, x, {slope} * x)", f"np.maximum(x, {slope} * x)"),),),
            "dx": ((("x > 0", f"x > {slope} * x"),),),
        },
        "a slope is above 1",
        "the larger of I and slope * I is the right one only while the slope is at most 1",
        fix,
    )


def mask_from_output(slope: str, fix: str) -> Mistake:
    """In the kernels of `leaky_slope`."""
    return Mistake(
        "derivative-of-output-not-input",
        {"dx": ((("x > 0", f"np.where(x > 0, x, {slope} * x) > 0"),),)},
        "a slope is negative",
        "the mask asks for the sign of the output, which is that of the input only while the slope is positive",
        fix,
    )


def at_kink(right: str, others: tuple[str, ...], fix: str, id: str = "gradient-at-kink") -> Mistake:
    """f' where f has two: any number between the two is right in mathematics, and torch takes one of them."""
    return Mistake(
        id,
        {"dx": tuple(((right, other),) for other in others)},
        "an element of I lies on a kink",
        "where the function has a kink, the gradient is that of the other side, or lies between the two",
        f"{fix}, as torch has it",
        convention=True,
        styles=("kinks",),
    )


NAIVE_SIGMOID = "(np.exp(X) / (1 + np.exp(X)))"
NAIVE_TANH = "((np.exp(X) - np.exp(-X)) / (np.exp(X) + np.exp(-X)))"


STABLE = "1 / (1 + exp(-I)) where I >= 0, exp(I) / (1 + exp(I)) where I < 0; np.tanh"


def overflow(name: str, out: Edits = (), dx: Edits = (), fix: str = STABLE) -> Mistake:
    """X is x in the case's own dtype, in which exp overflows."""

    def typed(edits: Edits) -> Variants:
        return (tuple((old, new.replace("X", "x.astype(k.dtype)")) for old, new in edits),) if edits else ()

    return Mistake(
        name,
        {"out": typed(out), "dx": typed(dx)},
        "a large input",
        "exp(I) overflows for a large I, and inf/inf and 0*inf are NaN",
        fix,
        lambda facts: facts["style"] == "large",
        styles=("large",),
    )
