"""Crops and flips: each image on its own, from rng, and in the loader."""

import numpy as np
import pytest

from scratchnet.data import Compose, DataLoader, RandomCrop, RandomHorizontalFlip


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=200, dtype=np.float32):
    return np.arange(1, n * 2 * 4 * 5 + 1, dtype=dtype).reshape(n, 2, 4, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_crop_is_a_window_of_the_padded_image_and_every_place_comes(dtype):
    x, before = images(dtype=dtype), images(dtype=dtype)
    out = RandomCrop((4, 5), padding=(1, 2), rng=rng())(x)
    assert out.shape == x.shape and out.dtype == dtype and out.flags.c_contiguous
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)))
    places = set()
    for image, whole in zip(out, padded):
        found = [(i, j) for i in range(3) for j in range(5) if np.array_equal(image, whole[:, i : i + 4, j : j + 5])]
        assert len(found) == 1
        places.update(found)
    assert len(places) == 15  # missing one of 15 places in 200 draws: 15 * (14/15)^200 = 1.5e-5, and the seed is fixed
    np.testing.assert_array_equal(x, before)


def test_a_crop_can_be_smaller_and_not_larger():
    assert RandomCrop(3, rng=rng())(images()).shape == (200, 2, 3, 3)
    with pytest.raises(ValueError, match="images of 4 x 5 with their padding, at least 6 x 6 expected"):
        RandomCrop(6)(images())


@pytest.mark.parametrize(("p", "share"), [(0, (0, 0)), (1, (1, 1)), (0.5, (0.3, 0.7))])
def test_a_flip_mirrors_whole_images_left_to_right(p, share):
    x = images()
    out = RandomHorizontalFlip(p, rng=rng())(x)
    flipped = [np.array_equal(a, b[..., ::-1]) for a, b in zip(out, x)]
    assert all(f or np.array_equal(a, b) for f, a, b in zip(flipped, out, x))
    assert share[0] <= np.mean(flipped) <= share[1] and out.dtype == x.dtype


def test_what_is_drawn_is_drawn_from_rng():
    def changed(seed):
        return Compose([RandomCrop(4, 2, rng=rng(seed)), RandomHorizontalFlip(rng=rng(seed + 1))])(images())

    np.testing.assert_array_equal(changed(0), changed(0))
    assert not np.array_equal(changed(0), changed(5))


def test_the_loader_changes_the_images_and_leaves_labels_and_data_set():
    x, y = images(10), np.arange(10)
    loader = DataLoader((x, y), 4, transform=RandomHorizontalFlip(1.0))
    batches = list(loader)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), x[..., ::-1])
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), y)
    np.testing.assert_array_equal(x, images(10))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="a probability from 0 to 1 expected"):
        RandomHorizontalFlip(1.5)
    with pytest.raises(ValueError, match=r"images \(N, C, H, W\) expected"):
        RandomCrop(2)(np.zeros((4, 4)))
