"""The numbers of a case: they follow from its id alone, on every machine.

Philox keyed by the first 128 bits of the id's sha256, mapped to numbers here, because NumPy promises the same bits in
every version but not the same floats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from oracle.formats import FORMATS, HALVES, Format
from oracle.layers.spec import UPSTREAM_OF_A_LOSS, Choice, Draw, Flags, Integers, Places, Shape, Uniform
from oracle.subjects import Call

if TYPE_CHECKING:
    from oracle.cases import Case


def _key(text: str) -> int:
    """The first 128 bits of the text's sha256."""
    return int.from_bytes(sha256(text.encode()).digest()[:16], "little")


def call_of(case: Case) -> Call:
    """The arrays of `case`, drawn from its id's own bits. Raises ValueError where the setting fits no arrays."""
    tensors, draws, form = case.tensors, _draws(case), FORMATS[case.dtype]
    philox = np.random.Philox(key=_key(case.id))

    def draw(shapes: Mapping[str, Shape], prefix: str = "") -> dict[str, np.ndarray]:
        drawn = {}
        for name, shape in shapes.items():
            raw = philox.random_raw(math.prod(shape)).reshape(shape)
            drawn[prefix + name] = np.asarray(_drawn(raw, draws[prefix + name], form))  # one number is no scalar
        return drawn

    call = Call(
        case.spec.name,
        case.settings,
        draw(case.shapes),
        draw(tensors.parameters),
        draw(tensors.buffers),
        draw(tensors.outputs, "d"),
        case.training,
        case.dtype if case.dtype in HALVES else None,
    )
    return _strided(call) if case.style == "strided" else call


def _drawn(raw: np.ndarray, draw: Draw, form: Format) -> np.ndarray:
    match draw:
        case Integers(lo, hi, scale, index):
            whole = lo + (raw % np.uint64(hi - lo + 1)).astype(np.int64)
            return whole if index else form.nearest(whole * scale).astype(form.holder)
        case Choice(values, index):
            held = np.array(values) if index else form.nearest(np.array(values))
            return held.astype(np.int64 if index else form.holder)[raw % np.uint64(len(values))]
        case Flags(of):
            return raw % np.uint64(of) == 0
        case Uniform(lo, hi):
            unit = (raw >> np.uint64(64 - form.bits)).astype(np.float64) * 2.0**-form.bits
            return form.nearest(lo + (hi - lo) * unit).astype(form.holder)
        case Places(count, axes):
            return _places(raw, count, axes)


def _places(raw: np.ndarray, count: int, axes: int) -> np.ndarray:
    """Each plane is cut into as many blocks as it has values; each value gets a block of its own, and a place in it."""
    lead, size = raw.shape[: raw.ndim - axes], math.prod(raw.shape[raw.ndim - axes :])
    planes = raw.reshape(math.prod(lead), size)
    block = count // max(size, 1)
    blocks = planes.argsort(axis=1, kind="stable").argsort(axis=1)
    return (blocks * block + (planes % np.uint64(block)).astype(np.int64)).reshape(raw.shape)


def _draws(case: Case) -> dict[str, Draw]:
    """What each tensor is drawn from: the style's range, then what the layer says itself."""
    outputs, own = case.tensors.outputs, case.spec.draws(case.settings, case.shapes, case.style, case.bits)
    names = [*case.shapes, *case.tensors.parameters, *case.tensors.buffers]
    value, upstream = _style_range(case)
    draws: dict[str, Draw] = {name: value for name in names}
    draws |= {f"d{name}": UPSTREAM_OF_A_LOSS if shape == () else upstream for name, shape in outputs.items()}
    if case.style == "wide":
        operands = ["x", *(f"d{name}" for name in outputs)]
        draws[operands[_key(case.id) % len(operands)]] = _wide(case)
    return draws | dict(own)


def _style_range(case: Case) -> tuple[Draw, Draw]:
    """(range of inputs and parameters, range of the upstream gradient).

    Integers are exact while every sum of products stays below 2**bits: terms * |x| * |w| < 2**bits. The
    upstream gradient is drawn from a wider range, so that sums over few positions are seldom zero by chance.
    """
    if case.style in ("random", "large", "offset", "empty"):
        return Uniform(), Uniform()
    if case.style == "kinks":
        return Integers(-7, 7), Integers(-9, 9)
    if case.style == "wide":  # one operand is; the others never hide it behind a 0
        most = _other_than_wide(case)
        return Choice((-1.0, 1.0)), Choice(tuple(float(n) for n in range(-most, most + 1) if n))
    if case.style == "ties":
        return Integers(-1, 1), Integers(-9, 9)
    most = max(1, min(9, int(room(case) ** 0.5)))
    upstream = max(1, min(99, room(case) // most - 1))
    return Integers(-most, most), Integers(-upstream, upstream)


def room(case: Case) -> int:
    """How large each product may be for the longest sum of them to stay exact."""
    return 2**case.bits // max(case.spec.bound.terms(case), 1)


def _wide(case: Case) -> Integers:
    most = max(1, min(2 ** (case.bits - 4), room(case) // _other_than_wide(case)))
    return Integers(-most, most)


def _other_than_wide(case: Case) -> int:
    return max(1, min(8, room(case) // 2))


def _strided(call: Call) -> Call:
    """The same kind of call on views: inputs with a negative stride over every second element, parameters in Fortran
    order, the upstream gradient expanded along its last axis (stride 0)."""

    def view(array: np.ndarray) -> np.ndarray:
        if array.ndim == 0 or array.dtype.kind != "f":
            return array
        base = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        base[..., ::-2] = array
        return base[..., ::-2]

    def expanded(array: np.ndarray) -> np.ndarray:
        return np.broadcast_to(array[..., :1], array.shape) if array.ndim else array

    return replace(
        call,
        inputs={name: view(array) for name, array in call.inputs.items()},
        parameters={name: np.asfortranarray(array) for name, array in call.parameters.items()},
        upstream={name: expanded(array) for name, array in call.upstream.items()},
    )
