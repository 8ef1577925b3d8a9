"""Convolution: O[n,k,y] = B[k] + sum over c,r of I[n,c, y*S+r*D-P] * W[k,c,r], and what each factor gets of dO.

With groups, filter k sees a block of channels that begins at c0, and W counts its channels from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.explain.terms import Explanation, Sum, Term, listed
from scratchnet.explain.windows import Windows


class ConvExplanation(Explanation):
    def __init__(self, layer: Any, x: np.ndarray, dout: np.ndarray):
        super().__init__(layer, x, dout)
        if layer.padding_mode != "zeros":
            raise ValueError(f"padding_mode={layer.padding_mode} cannot be explained yet, only zeros around the image")
        self.windows = Windows(
            x.shape[2:], dout.shape[2:], layer.kernel_size, layer.stride, layer._widths, layer.dilation
        )
        self.filters, self.channels = self.arrays["W"].shape[:2]  # channels: those of one group

    def _first(self, k: int) -> int:
        """c0: the first channel that filter k sees."""
        return k // (self.filters // self.layer.groups) * self.channels

    def _in_group(self, c: Any, sign: str, c0: Any) -> str:
        """A channel as text, moved by c0 where there are groups: "c-c0"."""
        return f"{c}" if self.layer.groups == 1 or c0 == 0 else f"{c}{sign}{c0}"

    def _where(self, k: int | None = None) -> dict[str, Any]:
        groups = {} if self.layer.groups == 1 else {"G": self.layer.groups}
        first = {} if not groups else {"c0": "first channel of filter k's group" if k is None else self._first(k)}
        return {**self.windows.where("F"), **groups, **first}

    def out(self, n: int, k: int, *y: int) -> Sum:
        windows = self.windows

        def text(n: Any, k: Any, y: Sequence, c0: Any, numbers: bool) -> str:
            weight = listed([k, self._in_group("c", "-", c0), *windows.r])
            return (
                f"O[{listed([n, k, *y])}] = {self.plus_bias(k)}sum over {listed(['c', *windows.r])} of "
                f"I[{n},c, {windows.reads(y, windows.r, numbers)}] * W[{weight}]"
            )

        first, terms = self._first(k), self.bias(k)
        for c in range(self.arrays["I"].shape[1]):
            if not first <= c < first + self.channels:
                why = f"in another group: filter {k} sees {_range('channel', first, self.channels)}"
                terms.append(Term((c, *(None for _ in y)), (), why))
                continue
            for r in windows.taps():
                i = windows.place(y, r)
                factors = self.factor("I", n, c, *i), self.factor("W", k, c - first, *r)
                terms.append(Term((c, *r), factors, windows.why_zero(i)))
        rule, here = text("n", "k", windows.y, "c0", False), text(n, k, y, first, True)
        return Sum(rule, here, ("c", *windows.r), terms, self._where(k))

    def dx(self, n: int, c: int, *i: int) -> Sum:
        windows = self.windows

        def text(n: Any, c: Any, i: Sequence, c0: Any, numbers: bool) -> str:
            weight = listed(["k", self._in_group(c, "-", c0), *windows.r])
            return (
                f"dI[{listed([n, c, *i])}] = sum over {listed(['k', *windows.r])} of "
                f"dO[{n},k, {windows.meets(i, windows.r, numbers)}] * W[{weight}]"
            )

        terms, each = [], self.filters // self.layer.groups
        own = range(c // self.channels * each, (c // self.channels + 1) * each)
        for k in range(self.filters):
            if k not in own:
                why = f"in another group: channel {c} is seen by {_range('filter', own.start, each)}"
                terms.append(Term((k, *(None for _ in i)), (), why))
                continue
            for r in windows.taps():
                y, why = windows.output(i, r)
                weight = self.factor("W", k, c - self._first(k), *r)
                factors = (weight,) if y is None else (self.factor("dO", n, k, *y), weight)
                terms.append(Term((k, *r), factors, why))
        first = self._first(own.start)
        rule, here = text("n", "c", windows.i, "c0", False), text(n, c, i, first, True)
        return Sum(rule, here, ("k", *windows.r), terms, self._where(own.start))

    def dweight(self, k: int, c: int, *r: int) -> Sum:
        windows = self.windows

        def text(k: Any, c: Any, r: Sequence, c0: Any, numbers: bool) -> str:
            channel, read = self._in_group(c, "+", c0), windows.reads(windows.y, r, numbers)
            return (
                f"dW[{listed([k, c, *r])}] = sum over {listed(['n', *windows.y])} of "
                f"dO[{listed(['n', k, *windows.y])}] * I[n,{channel}, {read}]"
            )

        first, terms = self._first(k), []
        for n in range(len(self.arrays["I"])):
            for y in windows.outputs():
                i = windows.place(y, r)
                factors = self.factor("dO", n, k, *y), self.factor("I", n, c + first, *i)
                terms.append(Term((n, *y), factors, windows.why_zero(i)))
        rule, here = text("k", "c", windows.r, "c0", False), text(k, c, r, first, True)
        return Sum(rule, here, ("n", *windows.y), terms, self._where(k))

    def dbias(self, k: int) -> Sum:
        def text(k: Any) -> str:
            return f"dB[{k}] = sum over {listed(['n', *self.windows.y])} of dO[{listed(['n', k, *self.windows.y])}]"

        images = range(len(self.arrays["I"]))
        terms = [Term((n, *y), (self.factor("dO", n, k, *y),)) for n in images for y in self.windows.outputs()]
        return Sum(text("k"), text(k), ("n", *self.windows.y), terms)


def _range(what: str, first: int, count: int) -> str:
    return f"{what} {first} alone" if count == 1 else f"{what}s {first} to {first + count - 1}"
