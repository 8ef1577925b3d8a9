"""Optimizers as the oracle knows them: other right implementations are inside of the bound, a small error is outside,
and the twin rounds in float64 alone.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch

from oracle.cases import parse
from oracle.comparison import compare
from oracle.judge import judge_case
from oracle.layers.optim import SPECS
from oracle.reference import reference
from oracle.running_error import Running
from oracle.selection import default_cases
from oracle.subjects import Answer, Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.scratchnet import Scratchnet

CASES = [case for spec in SPECS for case in default_cases(spec, count=60)[0][::3]]


class Torch(Subject):
    """torch.optim in the case's own dtype: in float32 it rounds otherwise than scratchnet."""

    def __init__(self, spec):
        self.spec = self.implements = spec

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        return attempt(call, self.steps, None)

    def steps(self, given):
        parameter = torch.nn.Parameter(torch.tensor(given.buffers["weight"]))
        before = torch.get_default_dtype()
        torch.set_default_dtype(parameter.dtype)
        try:
            optimizer = getattr(torch.optim, self.spec)([parameter], **given.settings)
            for step in given.inputs["g"]:
                parameter.grad = torch.tensor(step)
                optimizer.step()
        finally:
            torch.set_default_dtype(before)
        state = {"weight": parameter.detach(), **optimizer.state[parameter]}
        return {name: np.asarray(state[name]) for name in given.buffers}


class FoldedAdam(Torch):
    """Adam in other words, and in the dtype of the weight throughout: powers as running products, corrections in lr."""

    def steps(self, given):
        s, one = given.settings, given.inputs["g"].dtype.type
        lr, eps, decay = one(s["lr"]), one(s["eps"]), one(s["weight_decay"])
        b1, b2 = map(one, s["betas"])
        w = given.buffers["weight"].copy()
        m, v, largest, p1, p2 = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), one(1), one(1)
        for step in given.inputs["g"]:
            g = -step if s["maximize"] else step
            if s["decoupled_weight_decay"]:
                w = w - lr * decay * w
            else:
                g = g + decay * w
            m, v, p1, p2 = m * b1 + g * (one(1) - b1), v * b2 + g**2 * (one(1) - b2), p1 * b1, p2 * b2
            largest = np.maximum(largest, v)
            root = np.sqrt(largest if s["amsgrad"] else v)
            scale = np.sqrt(one(1) - p2)
            w = w - (lr * scale / (one(1) - p1)) * m / (root + eps * scale)
        return {"weight": w, "exp_avg": m, "exp_avg_sq": v} | ({"max_exp_avg_sq": largest} if s["amsgrad"] else {})


@pytest.mark.parametrize("case", [case for case in CASES if case.spec.name != "Muon"], ids=str)
def test_torch_in_the_cases_own_dtype_is_inside_of_the_bound(case):
    result = judge_case(Torch(case.spec.name), case)
    assert not result.failed and not result.unjudged, {n: (t.reason, t.worst) for n, t in result.tensors.items()}


@pytest.mark.parametrize("case", [case for case in CASES if case.spec.name == "Adam"], ids=str)
def test_the_same_formula_in_other_words_is_inside_of_the_bound(case):
    result = judge_case(FoldedAdam("Adam"), case)
    assert not result.failed, {n: (t.reason, t.worst) for n, t in result.tensors.items()}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.dtype == "float64" and case.style == "random"], ids=str
)
def test_a_small_relative_error_on_one_element_is_outside(case):
    small = 1e-10
    if case.settings.get("centered"):  # v - a^2 subtracts near numbers
        small = 1e-9
    if case.spec.name == "Muon":  # 5 polynomials of slope 3.4 at 0, one in the other
        small = 1e-6
    expected = reference(case, case.call())
    for name, array in expected.tensors.items():
        wrong = array.copy()
        element = np.unravel_index(np.abs(array).argmax(), array.shape)
        wrong[element] *= 1 + small
        assert array[element] == 0 or compare(wrong, array, expected.bounds[name]).failed


def test_torchs_own_muon_in_bfloat16_is_outside_and_is_left_as_it_was():
    result = judge_case(Torch("Muon"), parse("Muon(lr=0.5)[g=2x3x4]@float64,random#0"))
    assert result.tensors["weight"].failed and not result.tensors["momentum_buffer"].failed
    assert torch.ones(1).bfloat16().dtype == torch.bfloat16


def test_the_twin_keeps_the_default_dtype_of_torch():
    case = parse("ASGD(lr=0.1,lambd=0.25)[g=3x2]@float64,random#0")
    before = torch.get_default_dtype()
    expected = reference(case, case.call())
    assert torch.get_default_dtype() == before
    assert expected.tensors["eta"] != np.float32(expected.tensors["eta"])  # is no number of float32


def test_an_update_out_of_place_leaves_the_model_as_it_was():
    class OutOfPlace(Scratchnet):
        def run(self, call):
            answer = super().run(call)
            return Answer({**answer.tensors, "weight": call.buffers["weight"]})

    result = judge_case(OutOfPlace("SGD"), parse("SGD(lr=0.5)[g=3x2]@float64,random#0"))
    assert result.tensors["weight"].failed


FORMULAS = {
    "mean": lambda a, b, c: a * b + (1 - a) * c,
    "quotient": lambda a, b, c: a / (1 - b) - c,
    "power": lambda a, b, c: (1 - a**3) * b + abs(c),
    "maximum": lambda a, b, c: np.maximum(a * b, np.minimum(c, a)) * c,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_running_errors_hold_against_exact_fractions(name):
    rng = np.random.default_rng(7)
    for numbers in rng.uniform(0.1, 0.9, (200, 3)).astype(np.float32):
        exact = [Fraction(float(number)) for number in numbers]
        truth = (
            FORMULAS[name](*exact)
            if name != "maximum"
            else max(exact[0] * exact[1], min(exact[2], exact[0])) * exact[2]
        )
        computed = FORMULAS[name](*numbers)
        bound = FORMULAS[name](*(Running(float(number), 2.0**-24, 2.0**-126) for number in numbers)).error
        assert computed.dtype == np.float32
        assert abs(Fraction(float(computed)) - Fraction(truth)) <= Fraction(float(bound))


def test_a_root_near_zero_has_a_bound():
    root = np.sqrt(Running([0.0, 1e-20, 4.0], 2.0**-53, 0.0, 1e-16))
    assert np.allclose(root.value, [0, 1e-10, 2])
    assert np.allclose(root.error, [1e-8, 1e-8, 5e-17], rtol=0.01, atol=4 * 2**-52)
