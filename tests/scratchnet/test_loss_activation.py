"""What the registry's cases of losses and activations do not reach: a distance of one's own, labels in one row, the
slopes that RReLU draws."""

import math

import numpy as np
import pytest
import torch

from scratchnet import nn


@pytest.mark.parametrize("swap", [False, True])
def test_a_triplet_loss_with_a_distance_of_its_own_is_torchs(swap):
    rng = np.random.default_rng(0)
    a, p, n = (rng.normal(size=(5, 4)) for _ in range(3))
    own = nn.TripletMarginWithDistanceLoss(distance_function=nn.PairwiseDistance(p=1.0), swap=swap)
    twin = torch.nn.TripletMarginWithDistanceLoss(distance_function=torch.nn.PairwiseDistance(p=1.0), swap=swap)
    inputs = [torch.from_numpy(each).requires_grad_() for each in (a, p, n)]
    loss = twin(*inputs)
    loss.backward()
    terms = 5 * 4 * 16  # sums over all elements, with a few operations in each
    np.testing.assert_allclose(own(a, p, n), loss.item(), rtol=terms * 2.0**-53)
    for gradient, each in zip(own.backward(), inputs):
        np.testing.assert_allclose(gradient, each.grad.numpy(), atol=terms * 2.0**-53)


def test_ctc_takes_its_labels_one_after_the_other():
    x = np.log(np.random.default_rng(1).dirichlet(np.ones(4), (6, 3)))
    frames, lengths = np.array([6, 5, 6]), np.array([2, 1, 3])
    rows = np.array([[1, 2, 1], [3, 1, 1], [1, 1, 2]])
    flat = np.concatenate([row[:length] for row, length in zip(rows, lengths)])
    losses = [nn.CTCLoss(reduction="none")(x, target, frames, lengths) for target in (rows, flat)]
    np.testing.assert_array_equal(*losses)


def test_slopes_of_rrelu_are_uniform_and_can_be_read_back():
    layer = nn.RReLU(0.1, 0.3, rng=np.random.default_rng(2))
    x = -np.ones(10_000, np.float32)
    out = layer(x)
    np.testing.assert_array_equal(out, -layer.slopes)
    assert layer.slopes.min() >= np.float32(0.1) and layer.slopes.max() <= np.float32(0.3)
    deviation = 0.2 / math.sqrt(12 * len(x))  # of the mean of as many uniform numbers
    assert abs(layer.slopes.mean() - 0.2) < 5 * deviation  # missed once in 1.7 million seeds
    np.testing.assert_array_equal(layer.eval()(x), np.full_like(x, -(0.1 + 0.3) / 2))
