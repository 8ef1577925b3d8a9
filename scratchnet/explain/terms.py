"""What an explanation is made of: factors, terms, and the sum that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

Index = tuple[int, ...]


@dataclass(frozen=True)
class Factor:
    """One element of one tensor, `I[0,0,3,-1]`; its value is None where there is no such element."""

    tensor: str
    index: Index
    value: float | None

    def __str__(self) -> str:
        return f"{self.tensor}[{listed(self.index)}]"


@dataclass(frozen=True)
class Term:
    """One term: the product of its factors over its divisor; or 0, and the reason why it is absent.

    `index` holds the numbers of the sum's letters, None stands for every number; the bias has none. The reason is a
    few words of its kind ("in the padding"), where there is more to say followed by a colon and that.
    """

    index: tuple[int | None, ...]
    factors: tuple[Factor, ...] = ()
    why_absent: str = ""
    divisor: float = 1

    @property
    def value(self) -> float:
        if self.why_absent:
            return 0.0
        return prod(factor.value for factor in self.factors if factor.value is not None) / self.divisor

    @property
    def kind(self) -> str:
        """The kind of reason, "" for a term that is there."""
        return self.why_absent.partition(":")[0]


@dataclass(frozen=True)
class Sum:
    """One element as the sum of its terms, over a divisor.

    rule     the formula in letters
    here     the same with this element's numbers
    letters  what the sum runs over, in the order of each term's index
    where    what the letters of the rule stand for
    picks    one term is picked (the maximum), none are added
    """

    rule: str
    here: str
    letters: tuple[str, ...]
    terms: list[Term]
    where: dict[str, Any] = field(default_factory=dict)
    divisor: float = 1
    picks: bool = False

    @property
    def total(self) -> float:
        return sum(term.value for term in self.terms) / self.divisor


class Explanation:
    """One forward and backward of a layer: `shapes` says which tensors there are, `element` gives the sum of one place.

    A layer's own class has one method for each tensor (`out`, `dx`, `dweight`, `dbias`) that takes the element's index.
    """

    def __init__(self, layer: Any, x: np.ndarray, dout: np.ndarray):
        parameters = {name: parameter.data for name, parameter in layer.named_parameters()}
        self.layer = layer
        self.arrays = {"I": x, "dO": dout}
        for letter, name in (("W", "weight"), ("B", "bias")):
            if name in parameters:
                self.arrays[letter] = parameters[name]
        self.shapes: dict[str, Index] = {"out": dout.shape, "dx": x.shape}
        self.shapes |= {f"d{name}": array.shape for name, array in parameters.items()}

    def element(self, name: str, index: Index) -> Sum:
        """The sum behind one element. Raises ValueError for a tensor or a place that does not exist."""
        if name not in self.shapes:
            known = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
            raise ValueError(f"there is no tensor {name!r}; there are {known}")
        shape = self.shapes[name]
        if len(index) != len(shape) or not all(0 <= i < size for i, size in zip(index, shape)):
            last = f"the last element is {name}[{listed(size - 1 for size in shape)}]" if prod(shape) else "it is empty"
            raise ValueError(f"there is no element {name}[{listed(index)}]: {name} has shape {shape}, {last}")
        return getattr(self, name)(*index)

    def factor(self, letter: str, *index: int) -> Factor:
        array = self.arrays[letter]
        there = all(0 <= i < size for i, size in zip(index, array.shape, strict=True))
        return Factor(letter, index, float(array[index]) if there else None)

    def bias(self, k: int) -> list[Term]:
        """The bias as a sum's first term, where the layer has one."""
        return [Term((), (self.factor("B", k),))] if "B" in self.arrays else []

    def plus_bias(self, k: Any) -> str:
        """The same in a formula."""
        return f"B[{k}] + " if "B" in self.arrays else ""


def listed(parts: Iterable[Any]) -> str:
    """What stands between the brackets of an index: n,c,i,j."""
    return ",".join(map(str, parts))


def sum_over(letters: Iterable[Any]) -> str:
    names = listed(letters)
    return f"sum over {names} of " if names else ""
