"""save and load: state in .npz files, without pickle.

    scratchnet.save(net.state_dict(), "net.npz")
    net.load_state_dict(scratchnet.load("net.npz"))

A dict of arrays becomes a plain .npz, which `numpy.load` reads too. In anything else (an optimizer's state_dict, a
checkpoint) the arrays are named by their place, "optimizer/state/0/exp_avg", and an entry "structure.json" holds the
rest as JSON. Reading runs no code of the file.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.files import whole

STRUCTURE = "structure.json"


def save(state: Any, path: str | Path) -> None:
    """Write `state` to the file `path`: arrays, numbers, text, None, and dicts, lists and tuples of them.

    At any moment `path` is the whole old file or the whole new one.
    Raises TypeError for other values, and for arrays of Python objects.
    """
    arrays: dict[str, np.ndarray] = dict(state) if _is_plain(state) else {}
    structure = None if _is_plain(state) else json.dumps(_encode(state, "", arrays))
    with whole(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
        if structure is not None:
            archive.writestr(STRUCTURE, structure)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def load(path: str | Path) -> Any:
    """What `save` wrote to `path`, with the same types, dtypes and bits; of any other .npz the dict of its arrays.

    Raises FileNotFoundError for no file, ValueError for one that is damaged or no .npz.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as entry:
                        arrays[name.removesuffix(".npy")] = np.lib.format.read_array(entry, allow_pickle=False)
            if STRUCTURE not in archive.namelist():
                return arrays
            return _decode(json.loads(archive.read(STRUCTURE)), arrays)
    except OSError:
        raise
    except Exception as error:  # damage shows in zipfile, zlib, json or NumPy, each in its own way
        raise ValueError(f"{path}: a .npz file by scratchnet.save expected; it is damaged or none ({error})") from None


def _is_plain(state: Any) -> bool:
    return isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(value, np.ndarray) for name, value in state.items()
    )


def _encode(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON knows it; arrays and NumPy's scalars go to `arrays`, other types are dicts of one entry."""
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        while place in arrays:
            place += "'"
        arrays[place] = np.asarray(value)
        return {"array" if isinstance(value, np.ndarray) else "scalar": place}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{place}/{number}", arrays) for number, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        kind = "Counter" if isinstance(value, Counter) else "dict"
        prefix = f"{place}/" if place else ""
        return {kind: [[_encode(key, "", arrays), _encode(value[key], f"{prefix}{key}", arrays)] for key in value]}
    raise TypeError(
        f"save: {place or 'the state'} is a {type(value).__name__}; arrays, numbers, text, None, and dicts, lists and "
        "tuples of them expected, such as state_dict() gives"
    )


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in ("array", "scalar"):
        return arrays[content] if kind == "array" else arrays[content][()]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in content)
    pairs = {_decode(key, arrays): _decode(item, arrays) for key, item in content}
    return Counter(pairs) if kind == "Counter" else pairs
