"""What every layer checks of its arguments: settings per axis, one dtype, shapes, output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def check_dtype(owner: object, **arrays: Any) -> np.dtype:
    """The one dtype of all `arrays` (name=array or Parameter; None is skipped).

    Raises TypeError where one is not a float32 or float64 NumPy array, or where they differ: a layer that mixed
    them would quietly compute in the other precision.
    """
    layer = type(owner).__name__
    found: dict[str, np.dtype] = {}
    for name, array in arrays.items():
        if array is None:
            continue
        dtype = getattr(array, "dtype", None)
        if not isinstance(dtype, np.dtype):
            raise TypeError(f"{layer}: {name} is a {type(array).__name__}, a NumPy array was expected")
        if dtype not in DTYPES:
            raise TypeError(
                f"{layer}: {name} has dtype {dtype}, float32 or float64 expected; convert it: {name}.astype(np.float32)"
            )
        found[name] = dtype
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        raise TypeError(f"{layer}: mixed dtypes ({listed}); convert the input, or the layer with layer.to(dtype)")
    return next(iter(found.values()))


def per_axis(value: Any, ndim: int, name: str, least: int = 0) -> tuple[int, ...]:
    """`value` for each of `ndim` axes: an int stands for all of them, a sequence gives one each.

    Raises TypeError for what is not an integer, ValueError for a wrong number of them or one below `least`.
    """
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * ndim
    if len(values) != ndim:
        raise ValueError(f"{name}={value!r}: one integer or {ndim} of them expected")
    for entry in values:
        if isinstance(entry, bool) or not isinstance(entry, int | np.integer):
            raise TypeError(f"{name}={value!r}: an integer or {ndim} integers expected")
        if entry < least:
            raise ValueError(f"{name}={value!r}: at least {least} expected")
    return tuple(int(entry) for entry in values)


def check_shape(owner: object, name: str, array: np.ndarray, expected: tuple[Any, ...]) -> None:
    """Raise ValueError unless `array` has the `expected` shape; a word in it (a letter) stands for any size."""
    shape = np.shape(array)
    fits = len(shape) == len(expected) and all(
        isinstance(want, str) or size == want for size, want in zip(shape, expected, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join(map(str, expected)) + ")"
        raise ValueError(f"{type(owner).__name__}: {name} has shape {shape}, {wanted} expected")


def check_dout(owner: object, dout: np.ndarray, out_shape: tuple[int, ...], out_dtype: np.dtype) -> None:
    """Raise unless the upstream gradient has the shape (ValueError) and the dtype (TypeError) of the output."""
    check_dtype(owner, dout=dout)
    check_shape(owner, "dout", dout, out_shape)
    if dout.dtype != out_dtype:
        raise TypeError(
            f"{type(owner).__name__}: dout is {dout.dtype}, its output was {out_dtype}; convert dout with "
            f"dout.astype(np.{out_dtype})"
        )
