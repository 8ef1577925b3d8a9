"""Frames: what grader and worker say to each other comes through bit for bit, or is refused before it is read."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oracle.worker.protocol import TO_GRADER, Caps, Frame, ProtocolError, pack, strided, strides_of, unpack

HEADER, ARRAY = 24, 128  # bytes

ARRAYS = st.dictionaries(
    st.text("abcdefghijklmnop_", min_size=1, max_size=20),
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_, np.complex128, ">f8"]),
        hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=3),
    ),
    max_size=4,
)


def reader(data):
    """`read` as a worker has it: exactly that many bytes, or the end."""
    rest = bytearray(data)

    def read(size):
        if size > len(rest):
            raise EOFError
        taken, rest[:] = rest[:size], rest[size:]
        return taken

    return read


@given(ARRAYS, st.integers(0, 2**64 - 1))
def test_what_is_packed_is_unpacked(arrays, number):
    data = b"".join(pack(Frame(number, {"a": "ä"}, arrays), TO_GRADER))
    frame = unpack(reader(data), TO_GRADER, number)
    assert frame.text == {"a": "ä"}
    assert frame.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert frame.arrays[name].shape == array.shape
        np.testing.assert_array_equal(frame.arrays[name], array)


@settings(max_examples=300)
@given(ARRAYS, st.data())
def test_a_broken_frame_is_refused_and_nothing_else_happens(arrays, data):
    raw = bytearray(b"".join(pack(Frame(1, {}, arrays), TO_GRADER)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw), HEADER + ARRAY) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError, EOFError):
        unpack(reader(raw), TO_GRADER, 1)


LONG = "dtransformer.decoder.layers.11.multihead_attn.in_proj_weight"


def test_the_longest_name_of_a_gradient_comes_through():
    frame = unpack(reader(b"".join(pack(Frame(1, {}, {LONG: np.ones(3)}), TO_GRADER))), TO_GRADER)
    assert list(frame.arrays) == [LONG]


@pytest.mark.parametrize("name", [LONG + "_of_all", "ä" * 33])
def test_a_name_that_does_not_fit_is_refused_and_never_cut(name):
    with pytest.raises(ProtocolError, match="is longer than 64 bytes"):
        pack(Frame(1, {}, {name: np.ones(3)}), TO_GRADER)


def test_what_does_not_begin_as_a_frame_is_refused():
    with pytest.raises(ProtocolError, match="no frame begins here"):
        unpack(reader(b"\0" * HEADER), TO_GRADER, 0)


def test_sizes_are_refused_before_anything_is_read():
    small = Caps(arrays=1, text=2, data=8)
    for frame in (
        Frame(1, {}, {"a": np.zeros(2)}),
        Frame(1, {"a": 1}),
        Frame(1, {}, {"a": np.zeros(1), "b": np.zeros(0)}),
    ):
        data = b"".join(pack(frame, TO_GRADER))
        with pytest.raises(ProtocolError, match="more than is accepted"):
            unpack(reader(data[:HEADER]), small, 1)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4)[:, ::-2],
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.broadcast_to(np.arange(3.0)[:, None], (3, 4)),
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[::-1],
        np.arange(3.0),
        np.zeros((0, 3)),
    ],
)
def test_a_memory_layout_comes_through(array):
    strides = strides_of(array)
    again = array.copy() if strides is None else strided(array.copy(), strides)
    np.testing.assert_array_equal(again, array)
    assert again.strides == array.strides or strides is None
    assert again.flags.writeable == (strides is None or 0 not in strides)
