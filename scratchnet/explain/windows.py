"""Where windows lie: the window of output position y meets, at its position r, the input position i = y*S + r*D - P."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratchnet.explain.terms import Index

# (output position, kernel position, input position) on each axis
LETTERS = {
    1: (("y",), ("r",), ("i",)),
    2: (("y", "x"), ("r", "s"), ("i", "j")),
    3: (("z", "y", "x"), ("q", "r", "s"), ("h", "i", "j")),
}


class Windows:
    """`image`, `out` and `F` are the sizes of input, output and kernel; `P` (before, after); each per axis."""

    def __init__(self, image: Index, out: Index, F: Index, S: Index, P: list[tuple[int, int]], D: Index):
        self.image, self.out, self.F, self.S, self.D = image, out, F, S, D
        self.before, self.after = zip(*P)
        self.y, self.r, self.i = LETTERS[len(F)]

    def taps(self) -> Iterator[Index]:
        return np.ndindex(*self.F)

    def outputs(self) -> Iterator[Index]:
        return np.ndindex(*self.out)

    # From the output to the input: forward, and the gradient of the weights

    def place(self, y: Index, r: Index) -> Index:
        """i = y*S + r*D - P"""
        return tuple(a * s + b * d - p for a, b, s, d, p in zip(y, r, self.S, self.D, self.before))

    def why_no_input(self, i: Index) -> str:
        """Where i lies, if not in the image."""
        if all(0 <= at < size for at, size in zip(i, self.image)):
            return ""
        if all(-b <= at < size + a for at, size, b, a in zip(i, self.image, self.before, self.after)):
            return "in the padding"
        return "beyond the padding: ceil_mode lets this window hang over"

    def why_zero(self, i: Index) -> str:
        """The same where what lies outside of the image counts as 0."""
        why = self.why_no_input(i)
        return f"{why}: 0" if why == "in the padding" else why

    def reads(self, y: Sequence, r: Sequence, numbers: bool) -> str:
        """The same as text, without what is 1 or 0: "y*S+r-P, x*S+s-P"."""
        return ", ".join(
            f"{a}{_times(s, 'S', numbers)}+{b}{_times(d, 'D', numbers)}{_sign('-', p, 'P', numbers)}"
            for a, b, s, d, p in zip(y, r, self.S, self.D, self.before)
        )

    # From the input back to the output: the gradient of the input

    def output(self, i: Index, r: Index) -> tuple[Index | None, str]:
        """The output position y whose window has its position r on i: (y, ""); or why there is none."""
        y = []
        for axis, (at, b, s, d, p) in enumerate(zip(i, r, self.S, self.D, self.before)):
            quotient, rest = divmod(at + p - b * d, s)
            if rest:
                letter, offset = self.y[axis], b * d - p
                read = f"{letter}*{s}" + (f" {'+' if offset > 0 else '-'} {abs(offset)}" if offset else "")
                return None, f"between strides: no {letter} with {read} = {at}"
            y.append(quotient)
        there = all(0 <= at < size for at, size in zip(y, self.out))
        return tuple(y), "" if there else "outside of the output"

    def meets(self, i: Sequence, r: Sequence, numbers: bool) -> str:
        """The same as text: "(i+P-r)/S, (j+P-s)/S"."""
        each = []
        for a, b, s, d, p in zip(i, r, self.S, self.D, self.before):
            read = f"{a}{_sign('+', p, 'P', numbers)}-{b}{_times(d, 'D', numbers)}"
            each.append(read if s == 1 else f"({read})/{s if numbers else 'S'}")
        return ", ".join(each)

    def where(self, size: str) -> dict[str, Any]:
        """What the letters stand for; those that do nothing are left out."""
        ends = self.before if self.before == self.after else None
        padding = per_axis(ends) if ends else f"{per_axis(self.before)} before, {per_axis(self.after)} after"
        values = {size: per_axis(self.F), "S": per_axis(self.S), "P": padding, "D": per_axis(self.D)}
        return {letter: value for letter, value in values.items() if letter != "D" or set(self.D) != {1}}


def per_axis(values: Sequence[int]) -> str:
    """2 for (2, 2), 1x2 for (1, 2)"""
    return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))


def _times(value: int, letter: str, numbers: bool) -> str:
    return "" if value == 1 else f"*{value if numbers else letter}"


def _sign(sign: str, value: int, letter: str, numbers: bool) -> str:
    return "" if value == 0 else f"{sign}{value if numbers else letter}"
