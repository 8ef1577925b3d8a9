"""A file that is written is the whole old one or the whole new one, whatever happens on the way."""

import pytest

from scratchnet.files import whole


def test_the_old_file_stays_until_all_of_the_new_one_is_there(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"old")
    with whole(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), whole(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_write_the_same_file_do_not_mix(tmp_path):
    path = tmp_path / "net.npz"
    with whole(path) as first, whole(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"  # it was closed last
    assert list(tmp_path.iterdir()) == [path]
