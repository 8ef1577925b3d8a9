"""The exact result, where torch in float64 is not the truth either: the loops of scratchnet.naive in 50 digits.

GELU far from 0, the derivatives of sigmoid and tanh in their tails: there torch's own float64 loses its digits, and a
subject that is more accurate must not be called wrong. So the loops decide. They are the formulas themselves, and run
on mpmath's numbers as on floats, once the `math` that they use is exchanged for it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

from oracle.subjects import Call
from oracle.subjects.naive import LOOPS

DIGITS = 50
_FUNCTIONS = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "erf", "erfc", "isnan", "isinf")


def exact(call: Call) -> dict[str, np.ndarray] | None:
    """Every tensor of the call by name, rounded once, to float64; None where the layer has no loops that can run so."""
    if call.spec not in LOOPS:
        return None
    with mpmath.workdps(DIGITS), _many_digits():
        try:
            out, gradients = LOOPS[call.spec][1](_in_many_digits(call))
            named = (out if isinstance(out, dict) else {"out": out}) | gradients()
            return {name: _rounded(value) for name, value in named.items()}
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return None  # loops that need real floats


@contextmanager
def _many_digits() -> Iterator[None]:
    """Inside, the modules of scratchnet.naive compute with mpmath: `math` is its own, and `float` keeps its numbers."""
    digits = SimpleNamespace(**vars(math))
    for name in _FUNCTIONS:
        setattr(digits, name, getattr(mpmath, name))
    digits.pi = mpmath.mp.pi
    modules = [module for name, module in sys.modules.items() if name.startswith("scratchnet.naive.")]
    before = [vars(module).get("math") for module in modules]
    for module in modules:
        vars(module).update(math=digits, float=lambda number: number)
    try:
        yield
    finally:
        for module, was in zip(modules, before):
            del vars(module)["math"], vars(module)["float"]
            if was is not None:
                vars(module)["math"] = was


def _in_many_digits(call: Call) -> Call:
    def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: _numbers(array) if array.dtype.kind == "f" else array for name, array in arrays.items()}

    return replace(
        call,
        inputs=convert(call.inputs),
        parameters=convert(call.parameters),
        buffers=convert(call.buffers),
        upstream=convert(call.upstream),
    )


def _numbers(array: np.ndarray) -> np.ndarray:
    numbers = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        numbers[place] = mpmath.mpf(float(array[place]))
    return numbers


def _rounded(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return np.array([float(number) for number in array.ravel()]).reshape(array.shape)
