"""Dropout beside the judgement of tests/test_layers.py (which hands the mask in): the mask that it draws by itself.

The checks of chance use Hoeffding's inequality: the mean of n independent values within [lo, hi] is further than
(hi - lo) * sqrt(ln(2/alpha) / (2n)) from its expectation with a probability of at most alpha. alpha is 1e-9 for each
check, set before any was run; the seeds are fixed, so that a check that passes goes on passing.
"""

import math

import numpy as np
import pytest

from scratchnet import nn

ALPHA = 1e-9
N = 200_000


def allowed(values: int, lo: float = 0.0, hi: float = 1.0) -> float:
    return (hi - lo) * math.sqrt(math.log(2 / ALPHA) / (2 * values))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.8, 1.0])
def test_each_element_is_dropped_with_probability_p(p):
    layer = nn.Dropout(p, rng=np.random.default_rng(1))
    layer(np.ones(N, np.float32))
    assert abs(layer.mask.mean(dtype=np.float64) - (1 - p)) <= (0 if p in (0, 1) else allowed(N))


@pytest.mark.parametrize("step", [1, 2, 500])
def test_neighbours_are_dropped_independently(step):
    layer = nn.Dropout(0.3, rng=np.random.default_rng(2))
    layer(np.ones((N // 500, 500)))
    both = (layer.mask.ravel()[:-step] * layer.mask.ravel()[step:])[:: 2 * step]  # pairs that share no element
    assert abs(both.mean() - 0.7**2) <= allowed(len(both))


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_the_mean_of_x_is_kept(p):
    out = nn.Dropout(p, rng=np.random.default_rng(3))(np.ones(N))
    assert abs(out.mean() - 1) <= allowed(N, 0, 1 / (1 - p))


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_0_and_variance_1(p):
    x = np.tile([1.0, -1.0], N // 2)
    out = nn.AlphaDropout(p, rng=np.random.default_rng(4))(x)
    assert abs(out.mean()) <= allowed(N, out.min(), out.max())
    assert abs((out**2).mean() - 1) <= allowed(N, 0, (out**2).max())


@pytest.mark.parametrize(
    ("layer", "shape", "mask_shape"),
    [
        (nn.Dropout, (2, 3, 4), (2, 3, 4)),
        (nn.Dropout1d, (2, 3, 4), (2, 3, 1)),
        (nn.Dropout1d, (3, 4), (3, 1)),
        (nn.Dropout2d, (2, 3, 4, 5), (2, 3, 1, 1)),
        (nn.Dropout2d, (2, 3, 4), (2, 3, 1)),
        (nn.Dropout3d, (2, 3, 4, 5, 2), (2, 3, 1, 1, 1)),
        (nn.Dropout3d, (3, 4, 5, 2), (3, 1, 1, 1)),
        (nn.AlphaDropout, (2, 3), (2, 3)),
        (nn.FeatureAlphaDropout, (2, 3, 4), (2, 3, 1)),
    ],
)
def test_the_mask_can_be_read_back_and_handed_in(layer, shape, mask_shape):
    x = np.random.default_rng(5).standard_normal(shape)
    first = layer(0.5, rng=np.random.default_rng(6))
    out = first(x)
    assert first.mask.shape == mask_shape
    assert set(np.unique(first.mask)) <= {0.0, 1.0}
    second = layer(0.5)
    assert np.array_equal(second(x, mask=first.mask), out)
    assert np.array_equal(second(x, mask=first.mask.astype(bool)), out)


def test_the_same_generator_state_draws_the_same_mask_and_layers_share_none():
    x = np.ones(1000)
    one, same, other = (nn.Dropout(rng=np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(one(x), same(x))
    assert not np.array_equal(one(x), other(x))
    assert not np.array_equal(nn.Dropout()(x), nn.Dropout()(x))


def test_numpy_s_global_generator_is_neither_used_nor_moved():
    np.random.seed(9)
    before = np.random.get_state()[1].copy()
    nn.Dropout()(np.ones(100))
    assert np.array_equal(np.random.get_state()[1], before)


def test_each_backward_uses_the_mask_of_its_own_forward():
    layer = nn.Dropout(0.5, rng=np.random.default_rng(10))
    x = np.ones(50)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    assert np.array_equal(layer.backward(x), second)
    assert np.array_equal(layer.backward(x), first)


def test_evaluation_is_the_identity_and_keeps_all():
    layer = nn.Dropout(0.9).eval()
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(layer(x), x)
    assert np.array_equal(layer.backward(-x), -x)
    assert layer.mask.all() and layer.mask.shape == x.shape


def test_a_dropped_nan_stays_one_as_in_torch():
    layer = nn.Dropout(0.5)
    out = layer(np.array([np.nan, 1.0]), mask=np.array([0, 0]))
    assert np.isnan(out[0]) and out[1] == 0


def test_dropout_has_no_state():
    assert nn.Dropout().state_dict() == {}


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_is_a_probability(p):
    with pytest.raises(ValueError, match="probability to DROP"):
        nn.Dropout(p)


@pytest.mark.parametrize(
    ("layer", "x", "mask", "said"),
    [
        (nn.Dropout, np.ones((2, 3)), np.ones((3, 2)), r"mask has shape \(3, 2\), \(2, 3\) expected"),
        (nn.Dropout2d, np.ones((2, 3, 2, 2)), np.ones((2, 3)), r"\(2, 3, 1, 1\) expected"),
        (nn.Dropout, np.ones(3), np.array([0, 2, 1]), "other values than 1"),
        (nn.Dropout1d, np.ones(3), None, "3 axes .* or 2 axes"),
        (nn.Dropout2d, np.ones((2, 3)), None, "4 axes"),
        (nn.Dropout3d, np.ones((2, 3, 4)), None, "5 axes"),
        (nn.FeatureAlphaDropout, np.ones(3), None, "sizes"),
    ],
)
def test_what_does_not_fit_raises(layer, x, mask, said):
    with pytest.raises(ValueError, match=said):
        layer()(x, mask)
