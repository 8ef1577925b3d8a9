"""Where the windows of convolution and pooling lie, as their kernels use it, and what is true of their settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.mistakes.kernel import Facts

# ---- in the kernels and their edits


def place(r, stride, dilation, size):
    """Where window position r meets the padded input, for each output position."""
    return (..., *(slice(a * d, a * d + s * (o - 1) + 1, s) for a, s, d, o in zip(r, stride, dilation, size)))


def inside(size, before):
    """The image itself in what was padded."""
    return (..., *(slice(p, p + h) for p, h in zip(before, size)))


def flip(r, kernel):
    return tuple(f - 1 - a for a, f in zip(r, kernel))


def none(axes):
    return (0,) * len(axes)


def ones(axes):
    return (1,) * len(axes)


def swapped(axes):
    return tuple(axes)[::-1]


def cut(result, size):
    """`result` in an array of zeros of another size, as far as both reach."""
    lead = result.ndim - len(size)
    framed = np.zeros((*result.shape[:lead], *size))
    both: Any = (..., *(slice(0, min(a, b)) for a, b in zip(result.shape[lead:], size)))
    framed[both] = result[both]
    return framed


# ---- where a mistake shows


def axes(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def padded(facts: Facts) -> bool:
    return facts["padding"] == "same" or (facts["padding"] != "valid" and max(axes(facts["padding"])) > 0)


def wide(facts: Facts) -> bool:
    """A window of more than one place."""
    return max(axes(facts["kernel_size"])) > 1


def uneven(facts: Facts) -> bool:
    """Another window height than width."""
    return len(set(axes(facts["kernel_size"]))) > 1
