"""Where the wrong elements lie when no mistake explains them: at the border, after the first image, in every second
row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from oracle.seen import Seen, wrong_elements

FEWEST = 3  # right elements outside of a part, below which it may hold all wrong ones by chance
_PARTS = {
    "out": ("image", "channel", "row", "column"),
    "dx": ("image", "channel", "row", "column"),
    "dweight": ("filter", "channel", "row", "column"),
    "dbias": ("filter",),
}
Region = Callable[[Seen], np.ndarray | None]


def where_wrong(seen: Sequence[Seen], tensor: str = "out") -> str | None:
    """ "only in the last column": the smallest part of the tensor that holds the wrong elements of every case; None
    where they lie everywhere."""
    same = [each for each in seen if each.actual.shape == each.expected.shape]
    found = []
    for text, region in _regions(_PARTS.get(tensor, ("row",)), max((each.expected.ndim for each in same), default=0)):
        inside = [region(each) for each in same]
        if any(part is not None and (wrong_elements(each) & ~part).any() for part, each in zip(inside, same)):
            continue
        outside = [~part for part in inside if part is not None and not part.all()]
        if len(outside) >= min(2, len(same)) and sum(int(rest.sum()) for rest in outside) >= FEWEST:
            found.append((sum(1.0 if part is None else part.mean() for part in inside), text))
    return "only " + min(found)[1] if found else None


def _regions(parts: Sequence[str], ndim: int) -> Iterator[tuple[str, Region]]:
    """Parts of a tensor that have a name; None where a case is too small to have it."""
    if ndim > 2:
        yield "at the border of the image", _border
    for axis, part in enumerate(parts[:ndim]):
        yield f"in the first {part}", _along(axis, lambda place, size: place == 0)
        yield f"in the last {part}", _along(axis, lambda place, size: place == size - 1)
        yield f"after the first {part}", _along(axis, lambda place, size: place > 0)
        yield f"before the last {part}", _along(axis, lambda place, size: place < size - 1)
        if axis > 1:
            for start, word in ((0, "even"), (1, "odd")):
                yield (
                    f"in every second {part} ({word} indices)",
                    _along(axis, _every_second(start), 3),
                )
    yield "where the right value is 0", lambda seen: seen.expected == 0
    yield "where the right value is negative", lambda seen: seen.expected < 0
    yield "where the right value is positive", lambda seen: seen.expected > 0
    yield "where x is negative", _where_x(lambda x: x < 0)
    yield "where x is positive", _where_x(lambda x: x > 0)
    yield "where x is 0", _where_x(lambda x: x == 0)


def _border(seen: Seen) -> np.ndarray | None:
    shape = seen.expected.shape
    if len(shape) < 3 or min(shape[2:], default=0) < 3:
        return None
    inner = np.zeros(shape, bool)
    middle: Any = (..., *(slice(1, -1) for _ in shape[2:]))
    inner[middle] = True
    return ~inner


def _along(axis: int, chosen: Callable[[np.ndarray, int], np.ndarray], least: int = 2) -> Region:
    def region(seen: Seen) -> np.ndarray | None:
        shape = seen.expected.shape
        if len(shape) <= axis or shape[axis] < least:
            return None
        line = chosen(np.arange(shape[axis]), shape[axis]).reshape(-1, *(1,) * (len(shape) - axis - 1))
        return np.broadcast_to(line, shape)

    return region


def _every_second(start: int) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda place, size: place % 2 == start


def _where_x(chosen: Callable[[np.ndarray], np.ndarray]) -> Region:
    def region(seen: Seen) -> np.ndarray | None:
        x = next(iter(seen.call.inputs.values()))
        return chosen(x) if x.shape == seen.expected.shape else None

    return region
