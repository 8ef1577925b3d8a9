"""The gate: every layer x every setting of its grid x float32/float64 x random, integer and the styles that apply.

scratchnet (and, on integers and in fewer settings, the loops of naive) equal torch: outputs, gradients of inputs and of
parameters.
The cases come from the registry, so a new layer is judged as soon as it is declared. A test is a setting, with all of
its cases: with one for each case half of the time would be pytest's.
"""

from collections import defaultdict

import numpy as np
import pytest

from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.reports.failure import story
from oracle.selection import FIRST, gate_cases
from oracle.subjects.naive import LOOPS, Naive
from oracle.subjects.scratchnet import Scratchnet


def setting(case):
    """The constructor call and the shapes, without dtype, style and seed."""
    return case.id.partition("@")[0]


SETTINGS, LOOPED = {}, {}
for spec in SPECS.values():
    own = defaultdict(list)
    for case in gate_cases(spec):
        own[setting(case)].append(case)
    SETTINGS |= own
    integers = {name: [case for case in cases if case.style == "integer" and case.dtype == "float64"]
                for name, cases in own.items() if spec.name in LOOPS}  # fmt: skip
    names = [name for name in integers if integers[name]]
    # The loops are slow: the first dozen settings, and a third of the others.
    LOOPED |= {name: integers[name] for name in (*names[:FIRST], *names[FIRST::3])}


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
