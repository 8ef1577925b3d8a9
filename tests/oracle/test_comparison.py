"""One tensor against the reference: what is exact, what is rounding, and what is wrong, and the words for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.comparison import compare, worst_accuracy
from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.reference import reference
from oracle.selection import default_cases
from oracle.subjects import Subject
from oracle.subjects.attempt import attempt

NAN, INF = np.nan, np.inf
A = np.array

# actual, expected, bound -> accuracy, reason (its beginning), worst
TABLE = {
    "equal": (A([1.0, 2.0]), A([1.0, 2.0]), 0.0, "exact", None, 0.0),
    "equal where rounding is allowed": (A([1.0, 2.0]), A([1.0, 2.0]), 0.1, "exact", None, 0.0),
    "inside the bound": (A([1.0, 2.0625]), A([1.0, 2.0]), 0.125, "rounding", None, 0.5),
    "on the bound": (A([1.5]), A([1.0]), 0.5, "rounding", None, 1.0),
    "outside of the bound": (A([1.0, 2.5, 9.0]), A([1.0, 2.0, 9.0]), 0.25, "wrong", "1 of 3 elements differ", 2.0),
    "off where nothing may be": (A([1.0, 2.0 + 2**-50]), A([1.0, 2.0]), 0.0, "wrong", "1 of 2 elements", None),
    "scalar": (A(3.0), A(3.0), 0.0, "exact", None, 0.0),
    "NumPy's own number": (np.float64(3), A(3.0), 0.0, "wrong", "a float64, no array", None),
    "Python's number": (3.0, A(3.0), 0.0, "wrong", "a float, no array", None),
    "list": ([3.0], A([3.0]), 0.0, "wrong", "a list, no array", None),
    "nothing": (None, A([3.0]), 0.0, "wrong", "a NoneType, no array", None),
    "a size of 1 for a scalar": (A([3.0]), A(3.0), 0.0, "wrong", "wrong shape: 1, a scalar expected", None),
    "a scalar for a size of 1": (A(3.0), A([3.0]), 0.0, "wrong", "wrong shape: a scalar, 1 expected", None),
    "could be broadcast": (np.ones((1, 1)), np.ones((4, 5)), 0.0, "wrong", "wrong shape: 1x1, 4x5 expected", None),
    "could be broadcast to": (np.ones((4, 5)), np.ones((1, 1)), 0.0, "wrong", "wrong shape: 4x5, 1x1 expected", None),
    "a row for a column": (np.ones((1, 4)), np.ones((4, 1)), 0.0, "wrong", "wrong shape: 1x4, 4x1 expected", None),
    "empty": (np.ones((4, 0)), np.ones((4, 0)), 0.0, "exact", None, 0.0),
    "empty for a column": (np.ones((4, 0)), np.ones((4, 1)), 0.0, "wrong", "wrong shape: 4x0, 4x1 expected", None),
    "empty along another": (np.ones((0, 4)), np.ones((4, 0)), 0.0, "wrong", "wrong shape: 0x4, 4x0 expected", None),
    "a column for empty": (np.ones((4, 1)), np.ones((4, 0)), 0.0, "wrong", "wrong shape: 4x1, 4x0 expected", None),
    "NaN in its place": (A([NAN, 1.0]), A([NAN, 1.0]), 0.0, "exact", None, 0.0),
    "NaN in another place": (A([1.0, NAN]), A([NAN, 1.0]), 1e9, "wrong", "NaN, where the reference has none", None),
    "NaN for a number": (A([NAN, 1.0]), A([1.0, 1.0]), 1e9, "wrong", "NaN, where the reference has none; 1 of 2", None),
    "a number for NaN": (A([1.0, 1.0]), A([NAN, 1.0]), 1e9, "wrong", "1 of 2 elements differ", None),
    "NaN under a bound of NaN": (A([NAN]), A([NAN]), NAN, "exact", None, 0.0),
    "a number under a bound of NaN": (A([1.0]), A([NAN]), NAN, "wrong", "1 of 1 elements differ", None),
    "inf in its place": (A([INF, -INF]), A([INF, -INF]), 0.1, "exact", None, 0.0),
    "inf of the other sign": (A([-INF]), A([INF]), 0.1, "wrong", "inf, where the reference has none", None),
    "inf for a number": (A([INF, 1.0]), A([1.0, 1.0]), 0.1, "wrong", "inf, where the reference has none; 1 of 2", None),
    "a number for inf": (A([1e308]), A([INF]), 0.1, "wrong", "1 of 1 elements differ", None),
    "inf under a bound of inf": (A([INF]), A([1.0]), INF, "wrong", "inf, where", None),
    "zeros of both signs": (A([0.0, -0.0]), A([-0.0, 0.0]), 0.0, "exact", None, 0.0),
    "float32": (A([1, 2], np.float32), A([1.0, 2.0]), 0.0, "exact", None, 0.0),
    "float16": (A([1, 2], np.float16), A([1.0, 2.0]), 0.0, "exact", None, 0.0),
    "whole numbers": (A([1, 2]), A([1.0, 2.0]), 0.0, "exact", None, 0.0),
    "unsigned": (A([1, 255], np.uint8), A([1.0, -1.0]), 0.0, "wrong", "1 of 2 elements differ", None),
    "truth values": (A([True]), A([1.0]), 0.0, "wrong", "dtype bool, numbers expected", None),
    "complex": (A([1 + 0j]), A([1.0]), 0.0, "wrong", "dtype complex128, numbers expected", None),
    "objects": (A([1.0], object), A([1.0]), 0.0, "wrong", "dtype object, numbers expected", None),
    "text": (A(["1.0"]), A([1.0]), 0.0, "wrong", "dtype <U3, numbers expected", None),
    "dates": (A(["2020-01-01"], "M8[D]"), A([1.0]), 0.0, "wrong", "dtype datetime64[D], numbers expected", None),
    "not contiguous": (np.arange(4.0)[::-1], A([3.0, 2.0, 1.0, 0.0]), 0.0, "exact", None, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("actual, expected, bound, accuracy, reason, worst", TABLE.values(), ids=TABLE)
def test_table(actual, expected, bound, accuracy, reason, worst):
    result = compare(actual, expected, np.full(expected.shape, bound))
    assert (result.status, result.accuracy, result.worst) == ("ran", accuracy, worst)
    assert result.failed == (accuracy == "wrong")
    assert result.reason is None if reason is None else result.reason.startswith(reason)


def test_the_worst_element_is_named_and_all_wrong_ones_are_marked():
    expected = np.zeros((2, 3))
    actual = A([[0.0, 0.5, 3.0], [0.0, 9.0, 0.0]])
    result = compare(actual, expected, np.ones((2, 3)))
    assert result.element == (1, 1)
    assert result.wrong.tolist() == [[False, False, True], [False, True, False]]


def test_the_least_accuracy_is_the_worst():
    exact, wrong = compare(A([1.0]), A([1.0]), A([0.0])), compare(A([2.0]), A([1.0]), A([0.0]))
    assert worst_accuracy([exact, wrong, exact]) == "wrong"
    assert worst_accuracy([]) is None


class Perturbed(Subject):
    """torch's own answer with one element of one tensor moved by `factor` bounds."""

    implements, conventions = "perturbed", ()

    def __init__(self, case, expected, name, place, factor):
        self.spec, self.expected, self.moved = case.spec.name, expected, (name, place, factor)

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        tensors = {name: np.array(array, np.float64, order="C") for name, array in self.expected.tensors.items()}
        name, place, factor = self.moved
        flat, bound = tensors[name].reshape(-1), self.expected.bounds[name].reshape(-1)[place]
        away = np.sign(flat[place]) or 1.0
        flat[place] += away * max(factor * bound, abs(flat[place]) * 2**-50, 5e-324)
        outputs = {n[1:] for n in call.upstream}
        return attempt(call, lambda given: {n: a for n, a in tensors.items() if n in outputs},
                       lambda given: {n: a for n, a in tensors.items() if n not in outputs})  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_element_moved_by_more_than_two_bounds_is_always_seen(data):
    spec = SPECS[data.draw(st.sampled_from(list(SPECS)))]
    case = data.draw(st.sampled_from(default_cases(spec, count=40)[0]))
    expected = reference(case, case.call())
    name = data.draw(st.sampled_from([n for n, array in expected.tensors.items() if array.size]))
    place = data.draw(st.integers(0, expected.tensors[name].size - 1))
    moved = judge_case(Perturbed(case, expected, name, place, 2.1), case).tensors[name]
    value = expected.tensors[name].reshape(-1)[place]
    if np.isfinite(value) and np.isfinite(expected.bounds[name].reshape(-1)[place]):
        assert moved.accuracy == "wrong", (case.id, name)
        assert moved.reason.startswith("1 of ")
        assert moved.element == tuple(map(int, np.unravel_index(place, expected.tensors[name].shape)))
    others = judge_case(Perturbed(case, expected, name, place, 0.0), case).tensors
    assert all(not tensor.failed for other, tensor in others.items() if other != name)
