"""Sliding windows: the geometry that convolution and pooling share, in any number of spatial axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Sizes = tuple[int, ...]


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """O = floor((I + P - (D*(F - 1) + 1)) / S) + 1, where P is the padding of both sides together.

    Raises ValueError where not even one window fits.
    """
    extent = dilation * (kernel - 1) + 1
    if size + padding < extent:
        raise ValueError(
            f"output size 0: the window of {extent} (kernel_size {kernel}, dilation {dilation}) is larger than the "
            f"padded input of {size + padding} (size {size}, padding {padding} in all); output size = "
            f"floor((size + padding - dilation*(kernel_size - 1) - 1) / stride) + 1; "
            "use a larger input or padding, or a smaller kernel or dilation"
        )
    return (size + padding - extent) // stride + 1


def windows(xp: np.ndarray, kernel: Sizes, stride: Sizes, dilation: Sizes, out: Sizes) -> np.ndarray:
    """Every window of the padded input as a view, nothing copied: (..., *kernel, *out).

    windows[..., r, y] = xp[..., y*stride + r*dilation]
    """
    n = len(kernel)
    lead, steps = xp.strides[:-n], xp.strides[-n:]
    strides = (
        *lead,
        *(step * d for step, d in zip(steps, dilation, strict=True)),
        *(step * s for step, s in zip(steps, stride, strict=True)),
    )
    return np.lib.stride_tricks.as_strided(xp, (*xp.shape[:-n], *kernel, *out), strides, writeable=False)


def taps(kernel: Sizes, stride: Sizes, dilation: Sizes, out: Sizes) -> Iterator[tuple[Sizes, tuple]]:
    """Every kernel offset r with the place in the padded input that it meets, once for each output position:
    padded[place][..., y] is padded[..., y*stride + r*dilation]."""
    for offset in np.ndindex(kernel):
        place = (slice(r * d, r * d + s * (o - 1) + 1, s)
                 for r, s, d, o in zip(offset, stride, dilation, out, strict=True))  # fmt: skip
        yield offset, (..., *place)


def add_windows(columns: np.ndarray, sizes: Sizes, stride: Sizes, dilation: Sizes) -> np.ndarray:
    """The transpose of `windows`: every window is added back where it lay, (..., *kernel, *out) -> (..., *sizes).

    xp[..., y*stride + r*dilation] += columns[..., r, y]
    """
    n = len(sizes)
    lead, kernel, out = columns.shape[: -2 * n], columns.shape[-2 * n : -n], columns.shape[-n:]
    everywhere = (slice(None),) * n
    one: Any = (..., *(0,) * n, *everywhere)
    xp = np.zeros_like(columns[one], shape=(*lead, *sizes))  # with the axes in the same order in memory
    for offset, place in taps(kernel, stride, dilation, out):
        column: Any = (..., *offset, *everywhere)
        xp[place] += columns[column]
    return xp
