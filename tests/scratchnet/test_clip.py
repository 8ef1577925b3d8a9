"""Clipping does to gradients what torch's does: in place, over all of them as one vector."""

import math

import numpy as np
import pytest
import torch

from scratchnet import nn, optim
from scratchnet.nn import utils

SHAPES = [(3, 4), (), (5,), (0,)]


def both(dtype=np.float64, scale=1.0):
    rng = np.random.default_rng(3)
    mine, yours = [], []
    for shape in [*SHAPES, None]:
        mine.append(nn.Parameter(np.zeros(shape or (), dtype)))
        yours.append(torch.nn.Parameter(torch.tensor(mine[-1].data)))
        if shape is not None:
            mine[-1].grad = np.array(scale * rng.normal(size=shape), dtype)
            yours[-1].grad = torch.tensor(mine[-1].grad)
    return mine, yours


def assert_same(mine, yours, dtype):
    rounding = 16 * np.finfo(dtype).eps / 2  # a sum of 18 squares, a root, a quotient and a product
    for one, other in zip(mine, yours):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            assert one.grad.dtype == dtype
            np.testing.assert_allclose(one.grad, other.grad.numpy(), rtol=rounding)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, math.inf, "inf"])
@pytest.mark.parametrize("max_norm", [0.5, 1e3, 0.0])
def test_norm_is_that_of_torch(max_norm, norm_type, dtype):
    mine, yours = both(dtype)
    kept = [parameter.grad for parameter in mine]
    norm = optim.clip_grad_norm_(mine, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_([p for p in yours if p.grad is None or p.numel()], max_norm, norm_type)
    np.testing.assert_allclose(norm, float(expected), rtol=16 * np.finfo(dtype).eps / 2)
    assert_same(mine, yours, dtype)
    assert all(parameter.grad is gradient for parameter, gradient in zip(mine, kept))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_is_that_of_torch(dtype):
    mine, yours = both(dtype)
    optim.clip_grad_value_(mine, 0.3)
    torch.nn.utils.clip_grad_value_(yours, 0.3)
    assert_same(mine, yours, dtype)
    assert max(np.abs(p.grad).max() for p in mine if p.grad is not None and p.grad.size) == dtype(0.3)


def test_one_parameter_alone_and_a_generator_are_taken():
    parameter = nn.Parameter(np.zeros(2))
    parameter.grad = np.array([3.0, 4.0])
    assert utils.clip_grad_norm_(parameter, 1e9) == 5
    assert utils.clip_grad_norm_((p for p in [parameter]), 1e9) == 5
    utils.clip_grad_value_(parameter, 3.5)
    assert np.array_equal(parameter.grad, [3, 3.5])


def test_without_gradients_the_norm_is_zero():
    assert optim.clip_grad_norm_([nn.Parameter(np.zeros(2))], 1.0) == 0


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_spreads_or_raises(bad):
    mine, yours = both()
    mine[0].grad[0, 0], yours[0].grad[0, 0] = bad, bad
    with pytest.raises(RuntimeError, match="norm of order 2"):
        optim.clip_grad_norm_(mine, 1.0, error_if_nonfinite=True)
    optim.clip_grad_norm_(mine, 1.0)
    torch.nn.utils.clip_grad_norm_([p for p in yours if p.grad is None or p.numel()], 1.0)
    assert_same(mine, yours, np.float64)
