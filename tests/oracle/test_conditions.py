"""The condition that a report prints is the one under which the subject fails: subjects that fail exactly there."""

import time

import pytest

from oracle.cases import Case, parse
from oracle.checking import investigated
from oracle.conditions import condition, facts, find_when, terms
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.reference import run_twin
from oracle.selection import all_cases, default_cases
from oracle.subjects import Subject
from oracle.subjects.attempt import attempt


class FailsWhere(Subject):
    """Right, but where `holds(facts)`: there every gradient of the input is doubled and one is added."""

    implements, conventions = "fails_where", ()

    def __init__(self, spec, holds):
        self.spec, self.holds, self.case = spec, holds, None

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        shapes = {name: array.shape for name, array in call.inputs.items()}
        dtype = next(array.dtype.name for array in call.inputs.values() if array.dtype.kind == "f")
        case = Case(SPECS[self.spec], call.settings, shapes, dtype)

        def backward(given):
            tensors = {name: array for name, array in run_twin(given).items() if name != "out"}
            if self.holds(facts(case)):
                tensors["dx"] = 2 * tensors["dx"] + 1
            return tensors

        return attempt(call, lambda given: {"out": run_twin(given)["out"]}, backward)


def each(value):
    return value if isinstance(value, tuple) else (value,)


def padded(f):
    return not isinstance(f["padding"], str) and max(each(f["padding"])) >= 1


def strided(f):
    return max(each(f["stride"])) > 1


# the subject's fault as a predicate, and the words that the report must find for it (one of them)
CONDITIONS = {
    "padding = 0": ("Conv2d", lambda f: f["padding"] in (0, (0, 0)), {"padding = 0"}),
    "padding >= 1": ("Conv2d", padded, {"padding >= 1"}),
    "padding = same": ("Conv2d", lambda f: f["padding"] == "same", {"padding = same"}),
    "padding > 1": ("Conv2d", lambda f: padded(f) and max(each(f["padding"])) > 1, {"padding > 1"}),
    "stride > 1": ("Conv2d", strided, {"stride > 1"}),
    "stride = 1": ("Conv1d", lambda f: not strided(f), {"stride = 1"}),
    "H != W": ("Conv2d", lambda f: f["H"] != f["W"], {"H != W"}),
    "H = W": ("Conv2d", lambda f: f["H"] == f["W"], {"H = W"}),
    "stride > 1 and padding >= 1": (
        "Conv2d", lambda f: strided(f) and padded(f), {"stride > 1 and padding >= 1", "padding >= 1 and stride > 1"},
    ),
    "N > 1": ("Conv2d", lambda f: f["N"] > 1, {"N > 1"}),
    "N = 1": ("Linear", lambda f: f["N"] == 1, {"N = 1"}),
    "float32": ("Linear", lambda f: f["dtype"] == "float32", {"dtype = float32"}),
    "one kernel size": ("Conv2d", lambda f: each(f["kernel_size"]) in ((3,), (3, 3)), {"kernel_size = 3"}),
    "kernels that are not square": (
        "Conv2d", lambda f: len(set(each(f["kernel_size"]))) > 1, {"kernel_size is not square"},
    ),
    "groups": ("Conv1d", lambda f: f["groups"] > 1, {"groups > 1"}),
    "dilation": ("MaxPool2d", lambda f: max(each(f["dilation"])) > 1, {"dilation > 1"}),
    "ceil_mode": ("MaxPool2d", lambda f: f["ceil_mode"], {"ceil_mode = true"}),
    "no bias": ("Linear", lambda f: not f["bias"], {"bias = false"}),
    "reduction": ("MSELoss", lambda f: f["reduction"] == "none", {"reduction = none"}),
    "everywhere": ("Conv2d", lambda f: True, {"always"}),
}  # fmt: skip


@pytest.mark.parametrize("spec, holds, words", CONDITIONS.values(), ids=CONDITIONS)
def test_the_printed_condition_is_the_one_under_which_it_fails(spec, holds, words):
    started = time.perf_counter()
    report = investigated(judge(FailsWhere(spec, holds), default_cases(SPECS[spec])[0]), 0)
    assert report["verdict"] == "wrong"
    assert report["wrong_when"] in words
    small = parse(report["smallest_case"])
    assert holds(facts(small))
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("spec, holds, words", CONDITIONS.values(), ids=CONDITIONS)
def test_what_is_printed_as_right_is_right(spec, holds, words):
    cases = default_cases(SPECS[spec])[0]
    when = find_when([case for case in cases if holds(facts(case))], [case for case in cases if not holds(facts(case))])
    every = list(all_cases(SPECS[spec]))
    assert all(when.holds(case) == holds(facts(case)) for case in every[::61])
    if when.right is not None and " or " not in when.right:
        right = condition(when.right, every)
        assert not any(holds(facts(case)) for case in every[::61] if right(case))


def test_layers_whose_cases_have_different_numbers_of_axes():
    """ReLU has images and vectors: a vector has no H."""
    cases = default_cases(SPECS["ReLU"])[0]
    four = [case for case in cases if len(case.shapes["x"]) == 4]
    assert "H" not in facts(cases[0])
    when = find_when(four, [case for case in cases if case not in four])
    assert when is None or not when.is_exact


def test_no_condition_is_none():
    """What depends on the values alone has none, or one that is not exact."""
    cases = default_cases(SPECS["Linear"])[0]
    when = find_when(cases[1::2], cases[::2])
    assert when is None or not when.is_exact or when.wrong.startswith("style")


def test_a_condition_that_fresh_cases_contradict_is_not_printed():
    cases = [case for case in default_cases(SPECS["Conv2d"])[0] if case.settings["dilation"] == 1]
    failing = [case for case in cases if case.settings["padding"] == 0]
    passing = [case for case in cases if case.settings["padding"] != 0]
    assert find_when(failing, passing).wrong == "padding = 0"
    fresh = default_cases(SPECS["Conv2d"], seed=1)[0]
    when = find_when(failing, passing, lambda case: case.settings["stride"] == 1 or case in failing, fresh)
    assert when is None or when.wrong != "padding = 0"


def test_a_case_that_says_nothing_contradicts_nothing():
    cases = default_cases(SPECS["Conv2d"])[0]
    failing = [case for case in cases if case.settings["padding"] == 0]
    passing = [case for case in cases if case.settings["padding"] != 0]
    assert find_when(failing, passing, lambda case: None, failing + passing).rate == (len(failing), len(failing))


@pytest.mark.parametrize("spec", SPECS)
def test_every_term_holds_in_some_cases_and_not_in_others(spec):
    cases = default_cases(SPECS[spec])[0]
    tables = [facts(case) for case in cases]
    for term in terms(cases):
        assert {term.holds(table) for table in tables} <= {True, False}, term.text
    texts = [term.text for term in terms(cases)]
    assert len(set(texts)) == len(texts)


def test_an_unknown_condition_says_which_are_known():
    with pytest.raises(ValueError, match=r"'colour = red' is no condition on these cases; known are: .*padding = 0"):
        condition("colour = red", default_cases(SPECS["Conv2d"])[0])


def test_a_layer_with_thousands_of_cases_is_quick():
    cases = list(all_cases(SPECS["Conv2d"]))[:6000]
    started = time.perf_counter()
    when = find_when(cases[::2], cases[1::2])
    assert when is None or not when.is_exact
    assert time.perf_counter() - started < 10


def test_a_condition_that_most_passing_cases_meet_is_not_printed():
    """Failures without a pattern: what all of them happen to meet, and nearly everything else too, is no help."""
    cases = default_cases(SPECS["Conv2d"], count=60)[0]
    failing = [case for place, case in enumerate(cases) if place % 7 in (0, 3)]
    when = find_when(failing, [case for case in cases if case not in failing])
    assert when is None or when.wrong == "always" or 2 * (when.rate[1] - when.rate[0]) <= len(cases) - len(failing)


def test_fractions_are_above_0_and_whole_numbers_at_least_1():
    some = [parse(f"SGD(lr=0.1,momentum={m})[g=2x3]@float64,random#0") for m in ("0", "0.5")]
    assert {"momentum > 0", "momentum = 0"} <= {term.text for term in terms(some)}
    assert "momentum >= 1" not in {term.text for term in terms(some)}
