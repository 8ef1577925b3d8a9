"""Bounds of losses where a logarithm is infinite."""

import numpy as np
import pytest

from oracle.cases import make
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
