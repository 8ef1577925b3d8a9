"""Initialisers: bounds, moments and structure, and torch's numbers where nothing is drawn.

The moments of 40,000 draws are allowed 6 standard errors: a false alarm in 1 of 500 million checks. Seeds are fixed.
"""

import math

import numpy as np
import pytest
import torch

from scratchnet import nn
from scratchnet.nn import init

SHAPE = (100, 50, 4, 2)  # fan_in 400, fan_out 800
LEAKY = math.sqrt(2 / (1 + 0.1**2))


def generator():
    return np.random.default_rng(11)


def filled(name, *args, shape=SHAPE, **kwargs):
    return getattr(init, name)(np.full(shape, np.nan), *args, rng=generator(), **kwargs)


UNIFORM = [
    ("uniform_", (), {}, 0, 1),
    ("uniform_", (-3, 5), {}, -3, 5),
    ("xavier_uniform_", (), {}, -math.sqrt(6 / 1200), math.sqrt(6 / 1200)),
    ("xavier_uniform_", (2,), {}, -2 * math.sqrt(6 / 1200), 2 * math.sqrt(6 / 1200)),
    ("kaiming_uniform_", (), {}, -math.sqrt(6 / 400), math.sqrt(6 / 400)),
    ("kaiming_uniform_", (0.1,), {"mode": "fan_out"}, -LEAKY * math.sqrt(3 / 800), LEAKY * math.sqrt(3 / 800)),
    ("kaiming_uniform_", (), {"nonlinearity": "tanh"}, -5 / 3 * math.sqrt(3 / 400), 5 / 3 * math.sqrt(3 / 400)),
    ("kaiming_uniform_", (math.sqrt(5),), {}, -1 / math.sqrt(400), 1 / math.sqrt(400)),
    ("torch_default_", (400,), {}, -1 / math.sqrt(400), 1 / math.sqrt(400)),
]
NORMAL = [
    ("normal_", (), {}, 0, 1),
    ("normal_", (3, 0.5), {}, 3, 0.5),
    ("xavier_normal_", (), {}, 0, math.sqrt(2 / 1200)),
    ("xavier_normal_", (2,), {}, 0, 2 * math.sqrt(2 / 1200)),
    ("kaiming_normal_", (), {}, 0, math.sqrt(2 / 400)),
    ("kaiming_normal_", (0.1,), {"mode": "fan_out"}, 0, LEAKY / math.sqrt(800)),
    ("kaiming_normal_", (), {"nonlinearity": "linear"}, 0, 1 / math.sqrt(400)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "low", "high"), UNIFORM)
def test_uniform_fills_its_interval(name, args, kwargs, low, high):
    x = filled(name, *args, **kwargs)
    width = high - low
    assert low <= x.min() < low + width / 1000 and high - width / 1000 < x.max() <= high
    assert abs(x.mean() - (low + high) / 2) < 6 * width / math.sqrt(12 * x.size)


@pytest.mark.parametrize(("name", "args", "kwargs", "mean", "std"), NORMAL)
def test_normal_has_its_mean_and_standard_deviation(name, args, kwargs, mean, std):
    x = filled(name, *args, **kwargs)
    assert abs(x.mean() - mean) < 6 * std / math.sqrt(x.size)
    assert abs(x.std() - std) < 6 * std / math.sqrt(2 * x.size)
    assert abs(((x - mean) ** 4).mean() / std**4 - 3) < 6 * math.sqrt(96 / x.size)  # normal, not any other shape


@pytest.mark.parametrize(("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 2, 0, 1.5), (0, 1, 1, 3)])
def test_trunc_normal_stays_inside_and_has_its_moments(mean, std, a, b):
    x = filled("trunc_normal_", mean, std, a, b)
    grid = np.linspace(a, b, 200_001)
    density = np.exp(-(((grid - mean) / std) ** 2) / 2)
    expected = (grid * density).sum() / density.sum()
    spread = math.sqrt(((grid - expected) ** 2 * density).sum() / density.sum())
    assert a <= x.min() and x.max() <= b
    assert abs(x.mean() - expected) < 6 * spread / math.sqrt(x.size)


FIXED = [
    ("constant_", (2.5,), (3, 4)),
    ("ones_", (), (3, 4)),
    ("zeros_", (), ()),
    ("eye_", (), (3, 5)),
    ("eye_", (), (5, 3)),
    ("dirac_", (), (4, 3, 3)),
    ("dirac_", (), (3, 5, 4, 3)),
    ("dirac_", (2,), (6, 2, 3, 3)),
    ("dirac_", (), (2, 2, 1, 2, 3)),
]


@pytest.mark.parametrize(("name", "args", "shape"), FIXED)
def test_what_is_not_drawn_equals_torch(name, args, shape):
    ours = getattr(init, name)(np.full(shape, np.nan), *args)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), *args)
    assert np.array_equal(ours, theirs.numpy())


GAINS = ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@pytest.mark.parametrize("args", [(name,) for name in GAINS] + [("leaky_relu", 0.2), ("leaky_relu", 0)])
def test_gains_equal_torch(args):
    assert init.calculate_gain(*args) == torch.nn.init.calculate_gain(*args)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (3, 2, 4), (9, 2, 2)], ids=str)
def test_orthogonal_rows_or_columns_are_orthonormal(shape):
    matrix = filled("orthogonal_", 3, shape=shape).reshape(shape[0], -1)
    smaller = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(smaller, 9 * np.eye(len(smaller)), atol=1e-13)


def test_orthogonal_has_no_preferred_direction():
    rng = generator()
    corners = [init.orthogonal_(np.empty((2, 2)), rng=rng)[0, 0] for _ in range(400)]
    assert abs(np.mean(corners)) < 6 * math.sqrt(0.5 / 400)  # cos of a uniform angle: mean 0, variance 1/2


@pytest.mark.parametrize("sparsity", [0, 0.05, 0.5, 1])
def test_sparse_has_its_zeros_in_every_column(sparsity):
    x = filled("sparse_", sparsity, 2.0, shape=(50, 400))
    assert np.all((x == 0).sum(axis=0) == math.ceil(sparsity * 50))
    if (drawn := x[x != 0]).size:
        assert abs(drawn.std() - 2) < 6 * 2 / math.sqrt(2 * drawn.size)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "trunc_normal_", "kaiming_normal_", "orthogonal_"])
def test_a_parameter_is_filled_in_place_and_one_seed_gives_one_draw(name):
    array = np.zeros((4, 5), np.float32)
    parameter = nn.Parameter(array)
    assert getattr(init, name)(parameter, rng=generator()) is parameter
    assert parameter.data is array and array.dtype == np.float32 and np.all(array != 0)
    assert np.array_equal(array, getattr(init, name)(np.zeros((4, 5), np.float32), rng=generator()))


@pytest.mark.parametrize("name", ["xavier_uniform_", "kaiming_normal_", "orthogonal_", "uniform_"])
def test_an_empty_weight_is_left_alone(name):
    assert getattr(init, name)(np.zeros((0, 0))).shape == (0, 0)


ERRORS = [
    (lambda: init.xavier_uniform_(np.zeros(3)), "at least 2"),
    (lambda: init.kaiming_normal_(np.zeros(3)), "(3,)"),
    (lambda: init.kaiming_normal_(np.zeros((3, 3)), mode="fan"), '"fan_out"'),
    (lambda: init.kaiming_uniform_(np.zeros((3, 3)), nonlinearity="gelu"), "leaky_relu"),
    (lambda: init.calculate_gain("gelu"), "'gelu'"),
    (lambda: init.eye_(np.zeros((3, 3, 3))), "3 axes, 2 expected"),
    (lambda: init.dirac_(np.zeros((3, 3))), "3 or 4 or 5"),
    (lambda: init.dirac_(np.zeros((3, 3, 3)), 2), "groups=2"),
    (lambda: init.sparse_(np.zeros((3, 3, 3)), 0.5), "2 expected"),
    (lambda: init.sparse_(np.zeros((3, 3)), 1.5), "sparsity=1.5"),
    (lambda: init.normal_(np.zeros(3), std=-1), "std=-1"),
    (lambda: init.trunc_normal_(np.zeros(3), a=3, b=1), "a < b"),
    (lambda: init.trunc_normal_(np.zeros(3), a=30, b=31), "too far"),
    (lambda: init.orthogonal_(np.zeros(3)), "at least 2"),
]


@pytest.mark.parametrize(("call", "words"), ERRORS, ids=[words for _, words in ERRORS])
def test_a_wrong_argument_raises_and_says_what_was_expected(call, words):
    with pytest.raises(ValueError) as raised:
        call()
    assert words in str(raised.value)
