"""Layouts: "torch's axes->its own", a letter an axis.

"OI->IO" is transposed, "F->1F" has an axis of size 1 that torch does not have, "OIHW->OIhw" goes through its small
letters backwards, "OIHW->O(IHW)" has the axes in brackets as one, "N->NC" is a label as a row of zeros with one 1.
"ifgo>fgio:AB->BA" has the blocks of its first axis, the gates of a recurrent layer, in another order.
"NCHW->HW" is one image of one channel, without those axes; "NI->N**" is a row of I numbers folded into
two axes, as an image is before it is flattened.
"""

from __future__ import annotations

import re

import numpy as np


def relaid(array: np.ndarray, layout: str, classes: int = 0) -> np.ndarray:
    """`array` from torch's layout in its own; contiguous where it was."""
    if not layout:
        return array
    if ":" in layout:
        torchs, own, layout = re.split("[>:]", layout, maxsplit=2)
        return relaid(_reordered(array, torchs, own), layout)
    if layout == "NI->N**":
        return array.reshape(fold(array.shape))
    if layout == "N->NC":
        return np.eye(classes)[array]
    torchs, own = layout.split("->")
    letters = re.sub(r"[()]", "", own)
    gone = tuple(place for place, axis in enumerate(torchs) if axis not in letters.upper())
    array, torchs = array.squeeze(gone), "".join(axis for axis in torchs if axis in letters.upper())
    moved = array.transpose([torchs.index(axis.upper()) for axis in letters if axis != "1"])
    moved = moved[tuple(_backwards(axis) for axis in letters if axis != "1")]
    moved = np.expand_dims(moved, [place for place, axis in enumerate(letters) if axis == "1"])
    if "(" in own:
        sizes = iter(moved.shape)
        moved = moved.reshape([int(np.prod([next(sizes) for _ in group])) for group in _groups(own)])
    return np.ascontiguousarray(moved) if array.flags.c_contiguous else moved


def restored(array: np.ndarray, layout: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Back in torch's layout. An array that does not have its axes stays as it is: its shape is the finding. `shape` is
    torch's, which tells the axes in brackets apart."""
    if not layout:
        return array
    if ":" in layout:
        torchs, own, layout = re.split("[>:]", layout, maxsplit=2)
        return _reordered(restored(array, layout, shape), own, torchs)
    if layout == "NI->N**":
        folded = shape is not None and array.shape == fold(shape)
        return array.reshape(shape) if folded and shape is not None else array[..., None]  # (N, I) must not pass for it
    torchs, own = layout.split("->")
    letters = re.sub(r"[()]", "", own)
    if "(" in own:
        if shape is None or array.shape != relaid(np.empty(shape), layout).shape:
            return array
        array = array.reshape([1 if axis == "1" else shape[torchs.index(axis.upper())] for axis in letters])
    extra = tuple(place for place, axis in enumerate(letters) if axis == "1")
    if array.ndim != len(letters) or any(array.shape[place] != 1 for place in extra):
        return array
    array = array[tuple(_backwards(axis) for axis in letters)].squeeze(extra)
    bare = letters.replace("1", "").upper()
    moved = array.transpose([bare.index(axis) for axis in torchs if axis in bare])
    return np.expand_dims(moved, [place for place, axis in enumerate(torchs) if axis not in bare])


def _reordered(array: np.ndarray, before: str, after: str) -> np.ndarray:
    """With its gates in the order `after`; as it is where it has not as many."""
    if array.ndim == 0 or len(array) % len(before):
        return array
    return np.concatenate([np.split(array, len(before))[before.index(gate)] for gate in after])


def fold(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(N, I) as (N, I/a, a), a the smallest divisor of I above 1."""
    images, size = shape
    a = next((a for a in range(2, size + 1) if size % a == 0), 1)
    return images, size // a, a


def _backwards(axis: str) -> slice:
    return slice(None, None, -1) if axis.islower() else slice(None)


def _groups(own: str) -> list[str]:
    """ "O(IHW)" -> ["O", "IHW"] """
    return [bracketed or single for bracketed, single in re.findall(r"\((\w+)\)|(\w)", own)]
