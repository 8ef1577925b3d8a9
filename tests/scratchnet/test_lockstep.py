"""LeNet-5 in scratchnet and in torch, step for step: same weights, same mini-batches, float64."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from scratchnet.data import mnist5k, stratified_split

SCRIPT = Path(__file__).parents[2] / "scripts" / "experiments" / "lockstep.py"


@pytest.fixture(scope="module")
def lockstep():
    spec = importlib.util.spec_from_file_location("lockstep", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lockstep


@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_the_losses_of_20_updates_agree_with_torch_to_1e_10(lockstep, kind):
    (x, y), _ = stratified_split(*mnist5k(np.float64), test_size=1000, rng=np.random.default_rng(0))
    own, torch_s = lockstep(x, y, kind, updates=20)
    assert own[0] == pytest.approx(np.log(10), abs=0.1)  # ten classes, nothing learned
    assert own[-1] < own[0]  # it does learn, so the later losses compare weights that moved
    np.testing.assert_allclose(own, torch_s, rtol=0, atol=1e-10)
