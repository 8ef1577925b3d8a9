"""Max pooling where it has to choose: equal values, NaN, nothing but -inf, and the indices that it returns."""

import numpy as np
import pytest
import torch

from scratchnet import nn

INF, NAN = np.inf, np.nan
ROWS = {
    "ties": [1, 2, 2, 0, 2, 2, 1, 1],
    "all equal": [0] * 8,
    "all -inf": [-INF] * 8,
    "-inf and numbers": [-INF, -INF, -5, -INF, -INF, -INF, -INF, 3],
    "NaN before numbers": [NAN, 1, 2, 3, 0, NAN, 9, 9],
    "several NaN": [NAN, 5, NAN, 5, NAN, NAN, 5, NAN],
    "inf": [INF, 1, INF, NAN, INF, INF, -INF, 0],
    "negative, so that a padding of 0 would win": [-3, -1, -2, -4, -8, -7, -5, -6],
}
WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 3},
    {"kernel_size": 2, "stride": 3},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},  # a fourth window would start in the padding
    {"kernel_size": 8},
]
SHAPES = {1: (1, 1, 8), 2: (1, 1, 2, 4), 3: (1, 1, 2, 2, 2)}


def both(axes, x, **window):
    """(out, indices, dx) of scratchnet and of torch, with an upstream gradient that tells the outputs apart."""
    layer, twin = (getattr(lib, f"MaxPool{axes}d")(**window, return_indices=True) for lib in (nn, torch.nn))
    tx = torch.tensor(x, requires_grad=True)
    tout, tindices = twin(tx)
    dout = 2.0 ** np.arange(tout.numel()).reshape(tout.shape)
    tout.backward(torch.tensor(dout))
    out, indices = layer(x)
    return (out, indices, layer.backward(dout)), (tout.detach().numpy(), tindices.numpy(), tx.grad.numpy())


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_it_chooses_as_torch_in_one_axis(row, window):
    ours, theirs = both(1, np.array(row, float).reshape(SHAPES[1]), **window)
    for mine, expected in zip(ours, theirs, strict=True):
        assert np.array_equal(mine, expected, equal_nan=True)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_it_chooses_as_torch_in_more_axes(row, axes):
    ours, theirs = both(axes, np.array(row, float).reshape(SHAPES[axes]), kernel_size=2, stride=1, padding=1)
    for mine, expected in zip(ours, theirs, strict=True):
        assert np.array_equal(mine, expected, equal_nan=True)


def test_a_window_of_more_than_255_places_keeps_count():
    x = np.random.default_rng(0).permutation(20 * 20).reshape(1, 1, 20, 20).astype(float)
    ours, theirs = both(2, x, kernel_size=18, stride=1)
    for mine, expected in zip(ours, theirs, strict=True):
        assert np.array_equal(mine, expected)


def test_indices_of_many_images_count_within_each():
    ours, theirs = both(2, np.random.default_rng(0).normal(size=(3, 2, 5, 4)), kernel_size=2)
    for mine, expected in zip(ours, theirs, strict=True):
        assert np.array_equal(mine, expected)


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"])
def test_an_image_without_a_batch_is_a_batch_of_one(name):
    layer = getattr(nn, name)(2, stride=1)
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 3)[: int(name[-2]) + 1])
    one, many = layer(x), layer(x[None])
    assert np.array_equal(one, many[0])
    dout = np.random.default_rng(1).normal(size=one.shape)
    assert np.array_equal(layer.backward(dout[None])[0], layer.backward(dout))


@pytest.mark.parametrize(("count_include_pad", "expected"), [(True, [0.5, 1, 0.5]), (False, [1, 1, 1])])
def test_the_divisor_at_the_border(count_include_pad, expected):
    """Size 4, window 2, padding 1: the windows hold (padding, 1), (1, 1) and (1, padding)."""
    pool = nn.AvgPool1d(2, padding=1, count_include_pad=count_include_pad)
    assert np.array_equal(pool(np.ones((1, 1, 4)))[0, 0], expected)


def test_what_hangs_over_never_counts():
    """Size 4, window 3, stride 3, ceil_mode: the second window holds one number and two places that do not exist."""
    assert np.array_equal(nn.AvgPool1d(3, ceil_mode=True)(np.ones((1, 1, 4)))[0, 0], [1, 1])
