"""The transformer's bound: its chain is torch's own function, it says something in float32 too, what is 0 in exact
numbers may round, and the loops in 50 digits lie inside."""

import numpy as np
import pytest

from oracle.cases import make, parse
from oracle.exact import exact
from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.layers.transformer_bounds import _chain, _View
from oracle.reference import reference
from oracle.selection import grid
from oracle.subjects.naive import Naive

LAYERS = ("TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer")


def cases(dtype, places=(2, 4, 9)):
    return [make(SPECS[name], grid(SPECS[name])[place], dtype) for name in LAYERS for place in places]


@pytest.mark.parametrize("case", cases("float64"), ids=str)
def test_the_chain_is_torch_s_function_and_the_loops_in_50_digits_lie_inside(case):
    call = case.call()
    expected, chain, digits = reference(case, call), _chain(call, _View(call)), exact(call)
    assert digits is not None
    for name, right in expected.tensors.items():
        value = chain.value(chain.results[name])
        value = value if name[1:] in call.parameters else _View(call).as_given(value)
        np.testing.assert_allclose(value, right, rtol=0, atol=1e-12 * max(1, np.abs(right).max()), err_msg=name)
        assert (np.abs(digits[name] - right) <= expected.bounds[name]).all(), name


@pytest.mark.parametrize("case", cases("float32"), ids=str)
def test_in_float32_an_error_of_a_hundredth_is_seen_in_every_tensor_that_is_not_0(case):
    expected = reference(case, case.call())
    for name, right in expected.tensors.items():
        if (size := np.abs(right).max()) > 1e-6:
            assert np.median(expected.bounds[name]) < 0.01 * size, name


ZEROS = """TransformerDecoderLayer(d_model=3,nhead=1,dim_feedforward=2,dropout=0.0)[tgt=3x2x3,memory=2x2x3]\
@float32,strided#2
Transformer(d_model=4,nhead=1,num_encoder_layers=1,num_decoder_layers=1,dim_feedforward=3,dropout=0.0,activation=gelu)\
[src=4x2x4,tgt=3x2x4]@float64,strided#0"""


@pytest.mark.parametrize("id", ZEROS.splitlines())
def test_a_gradient_that_is_0_in_exact_numbers_may_round(id):
    result = judge_case(Naive(id.partition("(")[0]), parse(id))
    assert not result.failed and not result.unjudged
