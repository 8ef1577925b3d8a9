"""The floating-point formats that a layer is judged in, coarsest last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Format:
    """bits     of the significand, the leading one included
    tiny     the smallest normal number: below it rounding is absolute
    holder   the NumPy type of arrays that carry its values
    nearest  array -> the nearest values that it holds, in float64
    """

    name: str
    bits: int
    tiny: float
    holder: type[np.floating]
    nearest: Callable[[np.ndarray], np.ndarray]

    @property
    def u(self) -> float:
        """Unit roundoff: the largest relative error of rounding to the nearest."""
        return 2.0**-self.bits


def _bfloat16(array: np.ndarray) -> np.ndarray:
    """The upper half of a float32, rounded to even: half a unit of its last place is added, and the rest cut off."""
    with np.errstate(over="ignore"):
        bits = np.asarray(array, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(array), np.nan, rounded.view(np.float32)).astype(np.float64)


def _nearest_in(dtype: type[np.floating]) -> Callable[[np.ndarray], np.ndarray]:
    def nearest(array: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(array, np.float64).astype(dtype).astype(np.float64)

    return nearest


FORMATS = {
    name: Format(name, bits, tiny, holder, nearest)
    for name, bits, tiny, holder, nearest in (
        ("float64", 53, 2.0**-1022, np.float64, _nearest_in(np.float64)),
        ("float32", 24, 2.0**-126, np.float32, _nearest_in(np.float32)),
        ("float16", 11, 2.0**-14, np.float32, _nearest_in(np.float16)),
        ("bfloat16", 8, 2.0**-126, np.float32, _bfloat16),  # NumPy has no type for it
    )
}
DTYPES = ("float64", "float32")
HALVES = ("float16", "bfloat16")
