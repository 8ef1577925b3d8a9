"""Pooling: of each window the maximum or the mean. Backward, dO goes to the place of the maximum alone, or in equal
shares to every place."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np

from scratchnet.explain.terms import Explanation, Factor, Index, Sum, Term, listed
from scratchnet.explain.windows import Windows


class _PoolExplanation(Explanation):
    def __init__(self, layer: Any, x: np.ndarray, dout: np.ndarray):
        super().__init__(layer, x, dout)
        axes = len(layer.kernel_size)
        dilation = getattr(layer, "dilation", (1,) * axes)
        padding = [(p, p) for p in layer.padding]
        self.windows = Windows(x.shape[-axes:], dout.shape[-axes:], layer.kernel_size, layer.stride, padding, dilation)
        self.axes, self.lead = axes, ("n", "c")[axes + 2 - x.ndim :]  # x is (N, C, *sizes) or (C, *sizes)

    def _candidates(self, lead: Index, y: Index) -> list[tuple[Index, Index, Factor, str]]:
        """(r, i, I[i], why it is not in the image) for each place of the window of y."""
        places = ((r, self.windows.place(y, r)) for r in self.windows.taps())
        return [(r, i, self.factor("I", *lead, *i), self.windows.why_no_input(i)) for r, i in places]

    def _split(self, index: Index) -> tuple[Index, Index]:
        return index[: -self.axes], index[-self.axes :]

    def _read(self, lead: Sequence, y: Sequence, numbers: bool) -> str:
        return f"I[{listed(lead)}, {self.windows.reads(y, self.windows.r, numbers)}]"

    def _meet(self, lead: Sequence, i: Sequence, numbers: bool) -> str:
        return f"dO[{listed(lead)}, {self.windows.meets(i, self.windows.r, numbers)}]"


class MaxPoolExplanation(_PoolExplanation):
    """The padding never is the maximum, and of equal values the first is taken."""

    def _maximum(self, lead: Index, y: Index) -> Factor:
        """As the loops find it: the first that none before it equals; NaN is larger than everything."""
        best: Factor | None = None
        for _, _, factor, why in self._candidates(lead, y):
            if not why and (best is None or _value(factor) > _value(best) or isnan(_value(factor))):
                best = factor
        assert best is not None  # the layer has refused a window in the padding alone
        return best

    def out(self, *index: int) -> Sum:
        def text(lead: Sequence, y: Sequence, numbers: bool) -> str:
            return f"O[{listed([*lead, *y])}] = max over {listed(self.windows.r)} of {self._read(lead, y, numbers)}"

        lead, y = self._split(index)
        best = self._maximum(lead, y)
        terms = []
        for r, _, factor, why in self._candidates(lead, y):
            if not why and factor.index != best.index:
                equal = _value(factor) == _value(best)
                why = f"not the first maximum: as large as {best}" if equal else "not the maximum"
            terms.append(Term(r, (factor,), f"{why}: never the maximum" if why == "in the padding" else why))
        rule, here = text(self.lead, self.windows.y, False), text(lead, y, True)
        return Sum(rule, here, self.windows.r, terms, self.windows.where("Ps"), picks=True)

    def dx(self, *index: int) -> Sum:
        def text(lead: Sequence, i: Sequence, numbers: bool) -> str:
            return (
                f"dI[{listed([*lead, *i])}] = sum over {listed(self.windows.r)} of {self._meet(lead, i, numbers)} "
                f"where the maximum is I[{listed([*lead, *i])}]"
            )

        lead, i = self._split(index)
        own = self.factor("I", *lead, *i)
        terms = []
        for r in self.windows.taps():
            y, why = self.windows.output(i, r)
            factors = () if y is None else (self.factor("dO", *lead, *y),)
            if y is not None and not why and (best := self._maximum(lead, y)).index != own.index:
                if _value(best) == _value(own):
                    why = f"not the first maximum: {best} is as large and comes first"
                else:
                    why = f"not the maximum: {best} = {_value(best):.10g} is"
            terms.append(Term(r, factors, why))
        rule, here = text(self.lead, self.windows.i, False), text(lead, i, True)
        return Sum(rule, here, self.windows.r, terms, self.windows.where("Ps"))


class AvgPoolExplanation(_PoolExplanation):
    """M is the number of places in a window: of the image, and of its padding unless count_include_pad is False."""

    def _places(self, y: Index) -> int:
        if (override := getattr(self.layer, "divisor_override", None)) is not None:
            return override
        border = self.layer.padding if self.layer.count_include_pad else (0,) * self.axes
        return sum(
            all(-b <= at < size + b for at, size, b in zip(self.windows.place(y, r), self.windows.image, border))
            for r in self.windows.taps()
        )

    def out(self, *index: int) -> Sum:
        def text(lead: Sequence, y: Sequence, divisor: Any, numbers: bool) -> str:
            read = self._read(lead, y, numbers)
            return f"O[{listed([*lead, *y])}] = (sum over {listed(self.windows.r)} of {read}) / {divisor}"

        lead, y = self._split(index)
        divisor = self._places(y)
        terms = [Term(r, (factor,), self.windows.why_zero(i)) for r, i, factor, _ in self._candidates(lead, y)]
        rule, here = text(self.lead, self.windows.y, "M", False), text(lead, y, divisor, True)
        return Sum(rule, here, self.windows.r, terms, {**self.windows.where("Ps"), "M": divisor}, divisor)

    def dx(self, *index: int) -> Sum:
        def text(lead: Sequence, i: Sequence, numbers: bool) -> str:
            meet = self._meet(lead, i, numbers)
            return f"dI[{listed([*lead, *i])}] = sum over {listed(self.windows.r)} of {meet} / M"

        lead, i = self._split(index)
        terms = []
        for r in self.windows.taps():
            y, why = self.windows.output(i, r)
            factors = () if y is None else (self.factor("dO", *lead, *y),)
            terms.append(Term(r, factors, why, 1 if why or y is None else self._places(y)))
        rule, here = text(self.lead, self.windows.i, False), text(lead, i, True)
        where = {**self.windows.where("Ps"), "M": "the number of places in the window of that output"}
        return Sum(rule, here, self.windows.r, terms, where)


def _value(factor: Factor) -> float:
    assert factor.value is not None
    return factor.value
