"""Dropout draws its mask itself. For it to drop what the case says, NumPy's random functions give numbers that lie near
0 or near 1 while it runs: `rand(*x.shape) < p` is then true exactly where the case's mask keeps an element, or drops
one (`rand(...) > p`), and which of the two, a trial run shows. What asks for another number of values gets real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

NEAR = 1e-3  # nearer to 0 and 1 than any probability that is asked for


@contextmanager
def drawn(side: str, mask: np.ndarray | None) -> Iterator[None]:
    """Inside, random numbers are near 0 ("low") or near 1 ("high") where `mask` is 1."""
    if not side or mask is None:
        yield
        return
    source = _Source(mask == (1 if side == "low" else 0))
    before = {name: getattr(np.random, name) for name in _FUNCTIONS}
    for name in _FUNCTIONS:
        setattr(np.random, name, source.function(name, before[name]))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(np.random, name, function)


class _Source:
    """Draws whose k-th number is small where `low` is true. Also what default_rng() and RandomState() give."""

    def __init__(self, low: np.ndarray):
        self._low = low

    def function(self, name: str, real: Callable) -> Callable:
        if name in ("default_rng", "RandomState"):
            return lambda *args, **kwargs: _Generator(self, real(*args, **kwargs))

        def draw(*args: Any, **kwargs: Any) -> Any:
            size = _FUNCTIONS[name](args, kwargs)
            if size is None and self._low.ndim == 0:  # rand(*x.shape) for one number
                size = ()
            if size is None or int(np.prod(size)) != self._low.size:
                return real(*args, **kwargs)
            low = self._low.reshape(size)
            if name == "binomial":
                return low.astype(int)
            if name == "choice":
                values = sorted(np.atleast_1d(args[0] if args else kwargs["a"]))
                return np.where(low, values[-1], values[0])
            return np.where(low, NEAR, 1 - NEAR)

        return draw


class _Generator:
    def __init__(self, source: _Source, real: Any):
        self._source, self._real = source, real

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        return self._source.function(name, real) if name in _FUNCTIONS else real


def _keyword(place: int) -> Callable[[tuple, Mapping[str, Any]], Any]:
    return lambda args, kwargs: kwargs.get("size", args[place] if len(args) > place else None)


_FUNCTIONS: dict[str, Callable[[tuple, Mapping[str, Any]], Any]] = {
    "rand": lambda args, kwargs: args or None,
    "random": _keyword(0),
    "random_sample": _keyword(0),
    "ranf": _keyword(0),
    "uniform": _keyword(2),
    "binomial": _keyword(2),
    "choice": _keyword(1),
    "default_rng": lambda args, kwargs: None,
    "RandomState": lambda args, kwargs: None,
}
