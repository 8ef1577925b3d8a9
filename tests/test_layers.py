"""The gate: every layer x every setting of its grid x float32/float64 x random, integer and the styles that apply.

scratchnet (and, on integers, the loops of naive) equal torch: outputs, input gradients, parameter gradients.
The cases come from the registry, so a new layer is judged as soon as it is declared.
"""

import numpy as np
import pytest

from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.reports.failure import story
from oracle.selection import gate_cases
from oracle.subjects.naive import LOOPS, Naive
from oracle.subjects.scratchnet import Scratchnet

SCRATCHNET = {name: Scratchnet(name) for name in SPECS}
LOOPED = {name: Naive(name) for name in SPECS if name in LOOPS}
CASES = [case for spec in SPECS.values() for case in gate_cases(spec)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scratchnet_equals_torch(case):
    result = judge_case(SCRATCHNET[case.spec.name], case)
    if result.failed or result.unjudged or result.notes:
        pytest.fail(story(result, f'scripts/oracle check scratchnet --case "{case.id}"'), pytrace=False)
    assert {tensor.dtype for tensor in result.answer.tensors.values() if tensor.dtype.kind == "f"} == {
        np.dtype(case.dtype)
    }, "dtype in = dtype out"


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.style == "integer" and c.dtype == "float64" and c.spec.name in LOOPED], ids=str
)
def test_loops_equal_torch(case):
    result = judge_case(LOOPED[case.spec.name], case)
    if result.failed or result.unjudged:
        pytest.fail(story(result, f'scripts/oracle check naive --case "{case.id}"'), pytrace=False)
