"""Linear: O[n,o] = B[o] + sum over i of I[n,i] * W[o,i]. There may be any number of leading axes n, none as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.explain.terms import Explanation, Sum, Term, listed, sum_over


class LinearExplanation(Explanation):
    @property
    def _lead(self) -> tuple[str, ...]:
        axes = self.arrays["I"].ndim - 1
        return ("n", "m", "l")[:axes] if axes <= 3 else tuple(f"n{axis}" for axis in range(axes))

    def _rows(self) -> np.ndindex:
        return np.ndindex(self.arrays["I"].shape[:-1])

    def out(self, *index: int) -> Sum:
        def text(n: Sequence, o: Any) -> str:
            return f"O[{listed([*n, o])}] = {self.plus_bias(o)}sum over i of I[{listed([*n, 'i'])}] * W[{o},i]"

        *n, o = index
        inputs = range(self.arrays["I"].shape[-1])
        terms = [Term((i,), (self.factor("I", *n, i), self.factor("W", o, i))) for i in inputs]
        return Sum(text(self._lead, "o"), text(n, o), ("i",), self.bias(o) + terms)

    def dx(self, *index: int) -> Sum:
        def text(n: Sequence, i: Any) -> str:
            return f"dI[{listed([*n, i])}] = sum over o of dO[{listed([*n, 'o'])}] * W[o,{i}]"

        *n, i = index
        outputs = range(self.arrays["dO"].shape[-1])
        terms = [Term((o,), (self.factor("dO", *n, o), self.factor("W", o, i))) for o in outputs]
        return Sum(text(self._lead, "i"), text(n, i), ("o",), terms)

    def dweight(self, o: int, i: int) -> Sum:
        def text(o: Any, i: Any) -> str:
            return f"dW[{o},{i}] = {sum_over(lead)}dO[{listed([*lead, o])}] * I[{listed([*lead, i])}]"

        lead = self._lead
        terms = [Term(n, (self.factor("dO", *n, o), self.factor("I", *n, i))) for n in self._rows()]
        return Sum(text("o", "i"), text(o, i), lead, terms)

    def dbias(self, o: int) -> Sum:
        def text(o: Any) -> str:
            return f"dB[{o}] = {sum_over(self._lead)}dO[{listed([*self._lead, o])}]"

        terms = [Term(n, (self.factor("dO", *n, o),)) for n in self._rows()]
        return Sum(text("o"), text(o), self._lead, terms)
