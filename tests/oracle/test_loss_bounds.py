"""Bounds of losses where a logarithm is infinite."""

import numpy as np
import pytest

from oracle.cases import make
from oracle.comparison import compare
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.reference import reference


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_probability_of_0_or_1_has_a_bound(dtype, reduction):
    """The logarithm of 0 is cut off at -100; an infinite bound would let any other number pass."""
    setting = Setting({"reduction": reduction}, {"x": (6, 5), "target": (6, 5)})
    case = make(SPECS["BCELoss"], setting, dtype, "kinks")
    call = case.call()
    expected = reference(case, call)
    assert {0.0, 1.0} <= set(call.inputs["x"].ravel().tolist())
    assert np.isfinite(expected.bounds["out"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(6))
def test_the_slope_of_bce_as_two_quotients_is_right(dtype, seed):
    """-(t/x - (1 - t)/(1 - x)), as courses write it: its two quotients cancel where t is near x."""
    setting = Setting({"reduction": "none"}, {"x": (40, 50), "target": (40, 50)})
    case = make(SPECS["BCELoss"], setting, dtype, "random", seed)
    call = case.call()
    x, t, dout = call.inputs["x"], call.inputs["target"], call.upstream["dout"]
    expected = reference(case, call)
    two_quotients = -dout * (t / x - (1 - t) / (1 - x))
    assert two_quotients.dtype == dtype
    assert not compare(two_quotients, expected.tensors["dx"], expected.bounds["dx"]).failed
