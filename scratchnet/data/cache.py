"""Arrays kept in the user's cache folder, because reading their source is slow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scratchnet.files import whole

Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/scratchnet`, or `~/.cache/scratchnet` where the variable is unset or not an absolute path."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "scratchnet"


def cached(name: str, make: Callable[[], Arrays], fits: Callable[[Arrays], bool]) -> Arrays:
    """The arrays of `<cache folder>/<name>.npz`; made by `make()` and written there where the file is not usable.

    Not usable: not there, cut short, damaged (a .npz carries checksums), or its arrays do not satisfy `fits`.
    Another process never reads half a file. A folder that cannot be written costs only time: the arrays are made again
    at the next call.
    """
    try:
        path = cache_folder() / f"{name}.npz"
    except RuntimeError:  # no home directory
        return make()
    arrays = _read(path)
    if arrays is None or not fits(arrays):
        arrays = make()
        _write(path, arrays)
    return arrays


def _read(path: Path) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except Exception:  # whatever is wrong with it: damage shows in zipfile, zlib, struct or NumPy, each in its own way
        return None


def _write(path: Path, arrays: Arrays) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
