"""The bounds hold: what is right stays inside, and computing in a lower precision does not."""

import numpy as np
import pytest
import torch

from oracle.bounds import U, gamma
from oracle.cases import LARGEST, make, parse
from oracle.formats import DTYPES
from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.reference import reference, run_twin
from oracle.selection import default_cases, grid
from oracle.subjects import Call, Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.naive import LOOPS, Naive
from oracle.subjects.scratchnet import Scratchnet
from oracle.subjects.torch_module import TorchModule

COUNT = 12  # cases of each layer and subject, spread over the grid, in float32


def subjects(spec):
    yield Scratchnet(spec.name)
    if spec.name in LOOPS:
        yield Naive(spec.name)
    if spec.twin is None and hasattr(torch.nn, spec.name):
        yield TorchModule(spec.name, getattr(torch.nn, spec.name))


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_right_stays_inside(spec, record_property):
    settings = grid(SPECS[spec])
    settings = [s for s in settings[:: max(len(settings) // COUNT, 1)] if "train" in (s.modes or SPECS[spec].modes)]
    worst = {}
    for subject in subjects(SPECS[spec]):
        for seed, setting in enumerate(settings):
            result = judge_case(subject, make(SPECS[spec], setting, "float32", "random", seed))
            for name, tensor in result.tensors.items():
                assert not tensor.failed, (subject.implements, result.case.id, name, tensor.reason)
                key = f"{subject.implements}: {name}"
                worst[key] = max(worst.get(key, 0.0), tensor.worst or 0.0)
    record_property("worst error in units of the bound", worst)
    print({key: round(value, 3) for key, value in worst.items()})


@pytest.mark.parametrize("spec", SPECS)
def test_the_bound_is_0_where_integers_are_exact_and_nowhere_else_negative(spec):
    for case in default_cases(SPECS[spec], count=48)[0]:
        bounds = reference(case, case.call()).bounds
        for name, bound in bounds.items():
            assert not (bound < 0).any(), (case.id, name)
            assert not case.exact or not bound.any(), (case.id, name)


class InFloat32(Subject):
    """torch's computation on everything rounded to float32."""

    implements, conventions = "in float32", ()

    def __init__(self, spec):
        self.spec = spec

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        def rounded(arrays):
            return {n: a.astype(np.float32).astype(a.dtype) if a.dtype.kind == "f" else a for n, a in arrays.items()}

        low = Call(call.spec, call.settings, rounded(call.inputs), rounded(call.parameters), rounded(call.buffers),
                   rounded(call.upstream), call.training)  # fmt: skip
        tensors = run_twin(low)
        outputs = {name[1:] for name in call.upstream}
        return attempt(call, lambda given: rounded({n: a for n, a in tensors.items() if n in outputs}),
                       lambda given: rounded({n: a for n, a in tensors.items() if n not in outputs}))  # fmt: skip


def sees_its_input(case):
    """Windows may lie in the padding alone: then no output depends on x."""
    return bool(run_twin(case.call())["dweight"].any())


WIDE = [
    make(SPECS[name], setting, "float64", "wide", seed)
    for name in ("Linear", "Conv1d", "Conv2d", "Conv3d")
    for setting in grid(SPECS[name])[::9][:25]
    for seed in (0, 1)
]


@pytest.mark.parametrize("case", [case for case in WIDE if case.settings["bias"] and sees_its_input(case)], ids=str)
def test_wide_always_shows_a_computation_in_float32(case):
    assert judge_case(InFloat32(case.spec.name), case).failed


def test_gamma_is_a_bound_for_every_sum_that_a_case_can_have():
    for dtype in DTYPES:
        u = U[dtype]
        assert 0 < gamma(LARGEST + 1, u) < 1
        assert gamma(1, u) >= u


def test_an_error_of_one_part_in_a_million_in_float32_is_no_rounding():
    case = parse("Linear(in_features=3,out_features=2)[x=4x3]@float32,random#0")
    expected = reference(case, case.call())
    for name, bound in expected.bounds.items():
        assert np.all(bound <= 1e-5 * np.maximum(np.abs(expected.tensors[name]), 1)), name
