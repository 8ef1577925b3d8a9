"""What grader and worker say to each other: frames of a fixed header, a description of each array, JSON, raw bytes.

    header    24 bytes        magic, number of arrays, request id, bytes of text, bytes of data
    arrays    128 bytes each  name, dtype code, number of axes, bytes, shape
    text      JSON
    data      the arrays' bytes in C order, one after the other

Nothing is unpickled and nothing evaluated; every size is checked against a cap before a byte of it is read, and an
answer must carry the id of the request that it belongs to. The worker is not trusted: it sends raw tensors, never a
verdict.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAGIC = b"snor"
_HEADER = struct.Struct("<4sIQII")
_NAME = 64  # bytes: "ddecoder.layers.0.multihead_attn.in_proj_weight" has 47
_ARRAY = struct.Struct(f"<{_NAME}sIIQ6Q")
_AXES = 6
_SMALL = 1 << 16
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_DTYPES = tuple(
    map(np.dtype, ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c16", "c8", "g"))
)


class ProtocolError(Exception):
    """What came is no frame, or not the one expected."""


@dataclass(frozen=True)
class Caps:
    """The most that a reader accepts of one frame, in arrays and bytes."""

    arrays: int
    text: int
    data: int


TO_WORKER = Caps(arrays=64, text=1 << 16, data=1 << 28)
TO_GRADER = Caps(arrays=64, text=1 << 12, data=1 << 26)
LISTING = Caps(arrays=64, text=1 << 18, data=1 << 26)  # what a file defines, what an object holds: asked for once


@dataclass
class Frame:
    id: int
    text: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def pack(frame: Frame, caps: Caps) -> list[bytes | memoryview]:
    """The frame as pieces to send one after the other. Raises ProtocolError for what the other side refuses."""
    heads: list[bytes] = []
    data: list[bytes | memoryview] = []
    for name, array in frame.arrays.items():
        native = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
        array = np.asarray(array, native, order="C")
        if len(name.encode()) > _NAME:
            raise ProtocolError(f"the name {name!r} is longer than {_NAME} bytes")
        if array.dtype not in _DTYPES or array.ndim > _AXES:
            raise ProtocolError(f"{name} has shape {array.shape} and dtype {array.dtype}, which cannot be sent")
        if array.nbytes > caps.data:
            raise ProtocolError(f"{name} has shape {array.shape}: more than {caps.data >> 20} MB are not accepted")
        shape = (*array.shape, *[0] * (_AXES - array.ndim))
        heads.append(_ARRAY.pack(name.encode(), _DTYPES.index(array.dtype), array.ndim, array.nbytes, *shape))
        data.append(array.reshape(-1).view(np.uint8).data)
    text = _JSON.encode(frame.text).encode(errors="replace")
    size = sum(map(len, data))
    if len(data) > caps.arrays or len(text) > caps.text or size > caps.data:
        raise ProtocolError(
            f"{len(data)} arrays, {len(text)} bytes of text, {size} bytes of data: more than is accepted"
        )
    start = [_HEADER.pack(MAGIC, len(data), frame.id, len(text), size), *heads, text]
    if size < _SMALL:  # one system call, where copying costs less than a second one
        return [b"".join((*start, *data))]
    return [b"".join(start), *data]


def unpack(read: Callable[[int], bytearray], caps: Caps, expected_id: int | None = None) -> Frame:
    """One frame from `read(size)`, which gives exactly that many bytes. Raises ProtocolError for anything else than a
    frame that keeps to the caps. The arrays own their memory and can be written to."""
    magic, count, frame_id, text_size, data_size = _HEADER.unpack(read(_HEADER.size))
    if magic != MAGIC:
        raise ProtocolError("no frame begins here")
    if expected_id is not None and frame_id != expected_id:
        raise ProtocolError(f"an answer to request {frame_id}, where {expected_id} was asked")
    if count > caps.arrays or text_size > caps.text or data_size > caps.data:
        raise ProtocolError(
            f"{count} arrays, {text_size} bytes of text, {data_size} bytes of data: more than is accepted"
        )
    described = read(count * _ARRAY.size + text_size)  # in one piece: every system call counts in a case of 0.2 ms
    heads = [_described(*_ARRAY.unpack_from(described, place * _ARRAY.size)) for place in range(count)]
    if sum(size for _, _, _, size in heads) != data_size:
        raise ProtocolError("the arrays' sizes do not add up to the frame's")
    try:
        text = json.loads(described[count * _ARRAY.size :])
    except (ValueError, RecursionError):
        raise ProtocolError("the text is no JSON") from None
    if not isinstance(text, dict):
        raise ProtocolError("the text is no JSON object")
    arrays = {name: np.frombuffer(read(size), dtype).reshape(shape) for name, dtype, shape, size in heads}
    return Frame(frame_id, text, arrays)


def _described(name: bytes, code: int, ndim: int, size: int, *sizes: int) -> tuple[str, np.dtype, tuple[int, ...], int]:
    """(name, dtype, shape, bytes). Raises ProtocolError where they contradict each other."""
    if code >= len(_DTYPES) or ndim > _AXES:
        raise ProtocolError(f"an array of dtype code {code} and {ndim} axes")
    shape, dtype = tuple(sizes[:ndim]), _DTYPES[code]
    if math.prod(shape) * dtype.itemsize != size or math.prod(max(n, 1) for n in shape) >= 1 << 48:
        raise ProtocolError(f"an array of shape {shape} and dtype {dtype} in {size} bytes")
    try:
        return name.rstrip(b"\0").decode("ascii"), dtype, shape, size
    except UnicodeDecodeError:
        raise ProtocolError("an array whose name is not plain text") from None


# Memory layout: a frame carries values in C order; where the caller's array was strided, so is the worker's.


def strides_of(array: np.ndarray) -> list[int] | None:
    """The strides in elements; None where the array is contiguous."""
    if array.flags.c_contiguous:
        return None
    return [stride // array.itemsize for stride in array.strides]


def strided(values: np.ndarray, strides: Sequence[int]) -> np.ndarray:
    """`values` laid out with these strides (in elements), on memory of its own; read-only where a stride is 0, as
    NumPy's own expanded arrays are."""
    reach = [stride * (size - 1) for stride, size in zip(strides, values.shape)]
    first = -sum(r for r in reach if r < 0)
    memory = np.zeros(first + 1 + sum(r for r in reach if r > 0), values.dtype)
    steps = [stride * values.itemsize for stride in strides]
    view = np.lib.stride_tricks.as_strided(memory[first:], values.shape, steps)
    view[...] = values
    if 0 in strides:
        view.flags.writeable = False
    return view
