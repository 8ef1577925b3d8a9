"""The gate: every layer x every setting of its grid x float32/float64 x random, integer and the styles that apply.

scratchnet (and, on integers, the loops of naive) equal torch: outputs, input gradients, parameter gradients.
The cases come from the registry, so a new layer is judged as soon as it is declared. A test is a setting, with all of
its cases: with one for each case half of the time would be pytest's.
"""

from collections import defaultdict

import numpy as np
import pytest

from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.reports.failure import story
from oracle.selection import gate_cases
from oracle.subjects.naive import LOOPS, Naive
from oracle.subjects.scratchnet import Scratchnet


def setting(case):
    """The constructor call and the shapes, without dtype, style and seed."""
    return case.id.partition("@")[0]


SETTINGS = defaultdict(list)
for spec in SPECS.values():
    for case in gate_cases(spec):
        SETTINGS[setting(case)].append(case)
LOOPED = {
    name: integers
    for name, cases in SETTINGS.items()
    if cases[0].spec.name in LOOPS
    and (integers := [case for case in cases if case.style == "integer" and case.dtype == "float64"])
}


def fail_with(stories):
    if stories:
        pytest.fail("\n\n".join(stories), pytrace=False)


@pytest.mark.parametrize("cases", SETTINGS.values(), ids=SETTINGS)
def test_scratchnet_equals_torch(cases):
    results = [judge_case(Scratchnet(case.spec.name), case) for case in cases]
    fail_with([
        story(result, f'scripts/oracle check scratchnet --case "{result.case.id}"')
        for result in results
        if result.failed or result.unjudged or result.notes
    ])  # fmt: skip
    for result in results:
        floats = {tensor.dtype for tensor in result.answer.tensors.values() if tensor.dtype.kind == "f"}
        assert floats == {np.dtype(result.case.dtype)}, f"dtype in = dtype out: {result.case}"


@pytest.mark.parametrize("cases", LOOPED.values(), ids=LOOPED)
def test_loops_equal_torch(cases):
    results = [judge_case(Naive(case.spec.name), case) for case in cases]
    fail_with([
        story(result, f'scripts/oracle check naive --case "{result.case.id}"')
        for result in results
        if result.failed or result.unjudged
    ])  # fmt: skip
