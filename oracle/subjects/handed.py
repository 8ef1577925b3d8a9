"""Layers that are made of their weights, `Affine(W, b)`: what no shape tells, because nobody chose one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from oracle.subjects.binding import Binding
from oracle.subjects.names import plain


def handed(binding: Binding) -> tuple[str, ...]:
    """The arrays that the constructor is given, in its order."""
    values = binding.plan.make.kwargs.values() if binding.plan.make else ()
    return tuple(value[1:] for value in values if isinstance(value, str) and value.startswith("$") and value != "$lr")


def handed_layouts(binding: Binding, weights: Sequence[str]) -> Iterator[dict[str, str]]:
    """tensor -> layout, for each way that they may be meant, the plainest first."""
    for weight, bias in product(weights, ("", "F->1F") if "bias" in handed(binding) else ("",)):
        yield {name: layout for name, layout in (("weight", weight), ("bias", bias)) if layout}


def in_a_list(
    arrays: Mapping[str, Any], lists: Sequence[str], order: Sequence[str], own: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """tensor -> "grads[0]", where an object keeps a list with those of `order` in this order, as their sizes say."""
    for name in dict.fromkeys(path.partition("[")[0] for path in arrays):
        paths = {tensor: f"{name}[{place}]" for place, tensor in enumerate(order) if tensor in own}
        entries = {tensor: path for tensor, path in paths.items() if path in arrays}
        sizes = [(np.prod(arrays[path], dtype=int), own[tensor].size) for tensor, path in entries.items()]
        if entries and plain(name) in lists and all(size == torchs for size, torchs in sizes):
            return entries
    return {}
