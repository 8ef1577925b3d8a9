"""scratchnet.save and load: what comes back is what went in, and nothing in a file is run."""

import math
from collections import Counter

import numpy as np
import pytest

import scratchnet
from scratchnet import nn, optim
from scratchnet.models import MLP

ARRAYS = {
    "float32": np.float32([[1.5, -0.0], [np.nan, np.inf]]),
    "0-d": np.array(7),
    "empty": np.zeros((0, 3)),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "text": np.array(["a", "bc"]),
    "dots.and/slashes": np.ones(2),
    "file": np.ones(1),
}
TREES = {
    "numbers": {"a": 1, "b": 0.1 + 0.2, "c": True, "d": None, "e": "text", "f": math.inf, "g": 10**40},
    "nested": {"list": [1, (2, [3.5, ()])], "empty": {}, "numbers as keys": {0: "zero", 1: np.ones(2)}},
    "scalars": {"s": np.float32(0.1), "i": np.int64(3)},
    "counter": Counter([1, 1, 5]),
    "same place": {"a/b": np.ones(1), "a": {"b": np.zeros(1)}},
    "a number": 3.5,
    "an array": np.arange(3),
}


def assert_equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, np.ndarray | np.generic):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            assert_equal(one, other)
    else:
        assert a == b


def test_a_dict_of_arrays_is_a_plain_npz(tmp_path):
    path = tmp_path / "state.npz"
    scratchnet.save(ARRAYS, path)
    assert_equal(scratchnet.load(path), ARRAYS)
    with np.load(path, allow_pickle=False) as file:
        assert_equal({name: file[name] for name in file.files}, ARRAYS)


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_everything_else_comes_back_with_its_types(tmp_path, tree):
    scratchnet.save(tree, tmp_path / "state.npz")
    assert_equal(scratchnet.load(tmp_path / "state.npz"), tree)


def test_an_npz_of_numpy_is_read_too(tmp_path):
    np.savez_compressed(tmp_path / "state.npz", w=np.arange(3))
    assert_equal(scratchnet.load(tmp_path / "state.npz"), {"w": np.arange(3)})


def test_network_and_optimizer_go_through_a_file(tmp_path):
    def make(seed):
        net = MLP(4, 3, 2, rng=np.random.default_rng(seed))
        return net, optim.Adam(net.parameters())

    net, adam = make(0)
    nn.CrossEntropyLoss()
    for parameter in net.parameters():
        parameter.grad = np.ones_like(parameter.data)
    adam.step()
    scratchnet.save(net.state_dict(), tmp_path / "net.npz")
    scratchnet.save(adam.state_dict(), tmp_path / "adam.npz")
    other, other_adam = make(1)
    other.load_state_dict(scratchnet.load(tmp_path / "net.npz"))
    other_adam.load_state_dict(scratchnet.load(tmp_path / "adam.npz"))
    assert_equal(other.state_dict(), net.state_dict())
    assert_equal(other_adam.state_dict(), adam.state_dict())


@pytest.mark.parametrize("value", [object(), {"a": nn.ReLU()}, {"a": np.array([None])}, {1.5j: 0}])
def test_what_would_need_pickle_is_refused_and_leaves_no_file(tmp_path, value):
    with pytest.raises((TypeError, ValueError)):
        scratchnet.save(value, tmp_path / "state.npz")
    assert list(tmp_path.iterdir()) == []


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "state.npz", a=np.array([{}], object))
    with pytest.raises(ValueError, match=r"by scratchnet\.save expected"):
        scratchnet.load(tmp_path / "state.npz")


def test_no_file_and_no_npz_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        scratchnet.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(ValueError, match=r"text\.npz: a \.npz file"):
        scratchnet.load(tmp_path / "text.npz")
