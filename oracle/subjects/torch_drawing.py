"""What oracle.subjects.drawing does to NumPy's random functions, done to torch's: dropout on tensors keeps what the
case says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from oracle.subjects.drawing import NEAR

Draw = Callable[..., torch.Tensor]


@contextmanager
def drawn(side: str, mask: np.ndarray | None) -> Iterator[None]:
    """Inside, random numbers are near 0 ("low") or near 1 ("high") where `mask` is 1; those that are 0 or 1 are 1 where
    the others are near 0."""
    if not side or mask is None:
        yield
        return
    low = torch.tensor(mask == (1 if side == "low" else 0), dtype=torch.float64)
    numbers = NEAR * low + (1 - NEAR) * (1 - low)
    replaced = [
        (torch, "rand", numbers, _made),
        (torch, "rand_like", numbers, _like),
        (torch, "bernoulli", low, _like),
        (torch.Tensor, "bernoulli", low, _like),
        (torch.Tensor, "bernoulli_", low, _in_place),
        (torch.Tensor, "uniform_", numbers, _in_place),
    ]
    before = [getattr(owner, name) for owner, name, _, _ in replaced]
    for (owner, name, values, kind), real in zip(replaced, before):
        setattr(owner, name, kind(real, values))
    try:
        yield
    finally:
        for (owner, name, _, _), real in zip(replaced, before):
            setattr(owner, name, real)


# What asks for another number of values than the mask has gets real ones.


def _made(real: Draw, values: torch.Tensor) -> Draw:
    """torch.rand(2, 3) or torch.rand((2, 3))"""

    def draw(*args: Any, **settings: Any) -> torch.Tensor:
        sizes = args or (settings.get("size", ()),)
        shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        if math.prod(shape) != values.numel():
            return real(*args, **settings)
        return values.reshape(shape).to(settings.get("dtype") or torch.get_default_dtype())

    return draw


def _like(real: Draw, values: torch.Tensor) -> Draw:
    """torch.rand_like(x), torch.bernoulli(p), p.bernoulli()"""

    def draw(like: torch.Tensor, *args: Any, **settings: Any) -> torch.Tensor:
        if like.numel() != values.numel():
            return real(like, *args, **settings)
        return values.reshape(like.shape).to(settings.get("dtype") or like.dtype)

    return draw


def _in_place(real: Draw, values: torch.Tensor) -> Draw:
    """x.uniform_(), x.bernoulli_(p)"""

    def draw(filled: torch.Tensor, *args: Any, **settings: Any) -> torch.Tensor:
        if filled.numel() != values.numel():
            return real(filled, *args, **settings)
        return filled.copy_(values.reshape(filled.shape))

    return draw
