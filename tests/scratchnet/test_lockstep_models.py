"""A VGG with batch norm, a ResNet, an LSTM and a transformer encoder in scratchnet and in torch, step for step.

Same weights, same mini-batches, float64: the loss of each update depends on all gradients before it.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "scripts" / "lockstep_models"


def script(name):
    """A module of the scripts, which import each other by their bare names."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


networks, steps = script("networks"), script("steps")


@pytest.fixture(scope="module")
def images():
    return steps.images("float64", 640)


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_losses_and_weights_of_10_updates_agree_with_torch(images, network):
    losses, parted, moved = steps.lockstep(network, *images, updates=10)
    assert moved > 1e-2  # so that what is compared are weights that the gradients made
    # A step rounds by about 1e-16 and carries on what was there before; batch normalisation of small values raises it.
    # A weight gradient that is off by a millionth of itself stands out hundreds of times (tried, for all four).
    np.testing.assert_allclose(*losses.T, rtol=0, atol=1e-11)
    assert parted <= 1e-11
