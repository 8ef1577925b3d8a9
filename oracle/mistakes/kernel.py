"""How a mistake is computed: a short, readable kernel of each tensor, and edits of its text.

A family writes one function per tensor ("out", "dx", "dweight") in plain array code. A wrong variant is that function
with one line changed, as a person would have typed it: ("dx += ", "dx = "). Edits of two mistakes can be made one after
the other, which is how two mistakes in one tensor are found.
"""

from __future__ import annotations

import inspect
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.subjects import Call

Edit = tuple[str, str]  # what stands in the kernel, what was typed instead
Edits = tuple[Edit, ...]
Variants = tuple[Edits, ...]  # people write the same mistake in different ways
Facts = Mapping[str, Any]


class NotThere(ValueError):
    """An edit's text does not stand in the kernel: the edits of two mistakes touch the same line."""


@dataclass(frozen=True, eq=False)
class Mistake:
    """One way to get a layer wrong.

    id         bare; it belongs to its family
    variants   by tensor, the edits that make it
    when       where it shows, for a person: "padding = 0"
    shows      the same as a predicate on the facts of a case (oracle.conditions.facts)
    hint       what went wrong, in the letters of the course note
    fix        what to write instead
    convention whether some courses prescribe it
    styles     input styles that show it, where neither integers nor random numbers do
    """

    id: str
    variants: Mapping[str, Variants]
    when: str
    hint: str
    fix: str
    shows: Callable[[Facts], bool] = lambda facts: True
    convention: bool = False
    styles: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Family:
    """The kernels of a family's layers and its mistakes. A kernel gives its tensor, or several by name that one loop
    computes together. `prepare` makes the namespace `k` of a kernel from a call."""

    kernels: Mapping[str, Callable[..., np.ndarray]]  # by tensor
    mistakes: tuple[Mistake, ...]
    prepare: Callable[[Call], SimpleNamespace] = lambda call: SimpleNamespace(**call.settings)
    specs: tuple[str, ...] = field(default=())

    def compute(self, tensor: str, edits: Edits, call: Call) -> np.ndarray | None:
        """The tensor as the edited kernel gives it, in float64; None where it raises."""
        kernel, names = _compile(self.kernels[tensor], edits)
        arrays = call.arrays()
        given = {name: arrays.get(name) for name in names if name != "k"}
        given = {
            name: array.astype(np.float64) if array is not None and array.dtype.kind == "f" else array
            for name, array in given.items()
        }
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the variance of one value over n - 1
                result = kernel(**given, k=self.prepare(call))
                return np.asarray(result[tensor] if isinstance(result, dict) else result, np.float64)
        except Exception:  # two edits of one text can make anything
            return None


@lru_cache(maxsize=8192)
def _compile(kernel: Callable[..., np.ndarray], edits: Edits) -> tuple[Callable[..., np.ndarray], tuple[str, ...]]:
    """The kernel with its text edited, and the names of its arguments."""
    text = _source(kernel)
    for old, new in edits:
        if old not in text:
            raise NotThere(f"{kernel.__name__}: {old!r} does not stand in the kernel")
        text = text.replace(old, new)
    names = tuple(inspect.signature(kernel).parameters)
    if not edits:
        return kernel, names
    namespace: dict[str, Any] = dict(kernel.__globals__)
    exec(compile(text, f"<{kernel.__name__} edited>", "exec"), namespace)  # our own text, never a subject's
    return namespace[kernel.__name__], names


@cache
def _source(kernel: Callable[..., np.ndarray]) -> str:
    return textwrap.dedent(inspect.getsource(kernel))
