"""The judge's verdicts, on small subjects whose fault is known because it was put there."""

import numpy as np
import pytest

from oracle.cases import parse
from oracle.checking import check, investigated
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.reference import run_twin
from oracle.selection import default_cases
from oracle.subjects import Failure, Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.target import Target


class Doctored(Subject):
    """torch's own answer, changed by `change(given, tensors)` after the forward and after the backward."""

    implements, conventions = "doctored", ()

    def __init__(self, change=lambda given, tensors: None, spec="Linear"):
        self.spec, self.change, self.runs = spec, change, 0

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        self.runs += 1

        def some(given, gradients):
            names = {name[1:] for name in given.upstream} | set(given.buffers)
            tensors = {name: a for name, a in run_twin(given).items() if (name not in names) == gradients}
            self.change(given, tensors)
            return tensors

        return attempt(call, lambda given: some(given, False), lambda given: some(given, True))


CASES = default_cases(SPECS["Linear"], count=24)[0]
CASE = parse("Linear(in_features=3,out_features=2)[x=4x3]@float64,random#0")


def when(holds, change):
    """`change` in the calls for which `holds`."""
    return lambda given, tensors: change(given, tensors) if holds(given) else None


def scale(name, factor):
    def change(given, tensors):
        if name in tensors:
            tensors[name] = tensors[name] * factor

    return change


def drop(*names):
    return lambda given, tensors: [tensors.pop(name, None) for name in names]


def fail(given, tensors):
    raise ZeroDivisionError("no room")


def fail_backward(given, tensors):
    if "dx" in tensors:
        raise ZeroDivisionError("no room")


def wide_batch(given):
    return len(given.inputs["x"]) > 3


def leave(given, tensors):
    raise SystemExit(0)


VERDICTS = {
    "right": (lambda given, tensors: None, "right", 0),
    "wrong in every case": (scale("dx", 2), "wrong", 24),
    "wrong in some cases": (when(wide_batch, scale("dx", 2)), "wrong", None),
    "raises in every case": (fail, "error", 24),
    "raises in every backward": (fail_backward, "error", 24),
    "raises in some cases": (when(wide_batch, fail), "wrong", None),
    "ends the program in every case": (leave, "error", 24),
    "wrong somewhere and raises elsewhere": (
        lambda given, tensors: (fail if wide_batch(given) else scale("out", 2))(given, tensors), "wrong", 24,
    ),
    "forward alone": (drop("dx", "dweight", "dbias"), "partial", 0),
    "one gradient missing": (drop("dbias"), "partial", 0),
    "nothing at all": (drop("out", "dx", "dweight", "dbias"), "partial", 0),
    "a wrong tensor and a missing one": (
        lambda given, tensors: (scale("out", 3)(given, tensors), drop("dx")(given, tensors)), "wrong", 24,
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, verdict, failed", VERDICTS.values(), ids=VERDICTS)
def test_verdict(change, verdict, failed):
    judgement = judge(Doctored(change), CASES)
    assert judgement.verdict == verdict
    assert len(judgement.failed) == failed if failed is not None else 0 < len(judgement.failed) < 24


def in_float32(given, tensors):
    for name in tensors:
        tensors[name] = tensors[name].astype(np.float32)


def first_element(name, add):
    def change(given, tensors):
        if name in tensors:
            tensors[name][(0,) * tensors[name].ndim] += add

    return change


def put(name, value):
    def change(given, tensors):
        if name in tensors:
            tensors[name] = value(tensors[name])

    return change


# what is done to one tensor -> the tensor's status, accuracy and the words of its reason
TENSORS = {
    "missing": (drop("dweight"), "dweight", "missing", None, "not returned"),
    "raised": (fail, "out", "error", None, "raised ZeroDivisionError: no room (test_judge.py, line"),
    "one element": (first_element("dx", 1e-9), "dx", "ran", "wrong", "1 of 12 elements differ"),
    "within rounding": (first_element("dx", 1e-17), "dx", "ran", "exact", None),
    "float32 inside": (in_float32, "out", "ran", "wrong", "of 8 elements differ"),
    "transposed": (put("dweight", np.transpose), "dweight", "ran", "wrong", "wrong shape: 3x2, 2x3 expected"),
    "one axis too many": (put("dbias", lambda a: a[None]), "dbias", "ran", "wrong", "wrong shape: 1x2, 2 expected"),
    "a number for an array": (put("dx", lambda a: 3.0), "dx", "ran", "wrong", "wrong shape: a scalar, 4x3 expected"),
    "NaN": (first_element("dx", np.nan), "dx", "ran", "wrong", "NaN, where the reference has none; 1 of 12"),
    "inf": (first_element("dx", np.inf), "dx", "ran", "wrong", "inf, where the reference has none; 1 of 12"),
    "bool": (put("dx", lambda a: a > 0), "dx", "ran", "wrong", "dtype bool, numbers expected"),
    "complex": (put("dx", lambda a: a + 0j), "dx", "ran", "wrong", "dtype complex128, numbers expected"),
    "text": (put("dx", lambda a: "dx"), "dx", "error", None, "raised TypeError: dx is a str, an array was expected"),
    "objects": (
        put("dx", lambda a: a.astype(object)),
        "dx",
        "error",
        None,
        "dx has dtype object, numbers were expected",
    ),
    "a list": (put("dx", np.ndarray.tolist), "dx", "ran", "exact", None),
    "a view of the input": (put("out", lambda a: a[:, ::-1][:, ::-1]), "out", "ran", "exact", None),
}


@pytest.mark.parametrize("change, name, status, accuracy, reason", TENSORS.values(), ids=TENSORS)
def test_what_is_said_of_a_tensor(change, name, status, accuracy, reason):
    tensor = judge_case(Doctored(change), CASE).tensors[name]
    assert (tensor.status, tensor.accuracy) == (status, accuracy)
    assert tensor.reason is None if reason is None else reason in tensor.reason


def test_a_float64_answer_to_float32_is_right():
    assert not judge_case(Doctored(), CASE.with_(dtype="float32")).failed


@pytest.mark.parametrize("name", ["x", "weight", "bias"])
def test_a_changed_argument_is_wrong_by_its_own_name(name):
    def change(given, tensors):
        given.arrays()[name].flat[0] += 1

    result = judge_case(Doctored(change), CASE)
    assert result.tensors[name].reason == "the caller's array was changed"
    assert result.failed


def test_a_changed_upstream_gradient_is_a_note():
    def change(given, tensors):
        if "dx" in tensors:
            given.upstream["dout"][...] = 0

    result = judge_case(Doctored(change), CASE)
    assert not result.failed
    assert result.notes == ("modifies-input",)


def test_the_subject_never_gets_the_arrays_of_the_reference():
    """What it changes in its copies changes no answer of the reference."""

    def change(given, tensors):
        for array in given.arrays().values():
            array[...] = 0
        for name in tensors:
            tensors[name][...] = 0

    expected = judge_case(Doctored(), CASE).expected.tensors
    spoiled = judge_case(Doctored(change), CASE)
    assert spoiled.tensors["out"].accuracy == spoiled.tensors["dx"].accuracy == "wrong"
    assert all(np.array_equal(expected[name], spoiled.expected.tensors[name]) for name in expected)


@pytest.mark.parametrize("second", [scale("dx", 2), fail_backward, drop("dx"), put("dx", lambda a: a[:1])],
                         ids=["another value", "raises", "missing", "another shape"])  # fmt: skip
def test_a_second_answer_that_differs_is_wrong(second):
    subject = Doctored()
    subject.change = lambda given, tensors: second(given, tensors) if subject.runs == 2 else None
    result = judge_case(subject, CASE)
    assert result.tensors["dx"].reason == "a second run on a fresh object gave another answer"
    assert result.tensors["out"].accuracy == "exact"
    assert subject.runs == 2


def test_a_subject_that_fails_once_is_reported_without_being_run_again():
    subject = Doctored()
    subject.change = lambda given, tensors: (
        scale("dx", 2)(given, tensors) if subject.runs == 2 * len(CASES) - 1 else None
    )
    report = investigated(judge(subject, CASES), 0)
    assert (report["verdict"], report["failed"], report["smallest_case"]) == ("wrong", 1, CASES[-1].id)


# ---- what is not the subject's fault


def judged(subject, cases=CASES, **rest):
    return investigated(judge(subject, cases, **rest), 0)


def test_what_the_budget_does_not_reach_is_unjudged():
    report = judged(Doctored(), budget=0)
    assert report["verdict"] == "unjudged"
    assert report["reason"] == "the budget of 0 s ended before it"


def test_no_case_at_all_is_unjudged():
    assert judged(Doctored(), [])["verdict"] == "unjudged"


def test_a_case_that_torch_refuses_is_unjudged():
    case = parse("AvgPool2d(kernel_size=2,divisor_override=0)[x=1x1x4x4]@float64,random#0")
    report = judged(Doctored(lambda given, tensors: None, "AvgPool2d"), [case])
    assert report["verdict"] == "unjudged"
    assert report["reason"].startswith("torch refuses AvgPool2d: ")


def test_wrong_is_wrong_although_other_cases_were_not_reached():
    cases = [CASES[0], parse("AvgPool2d(kernel_size=2,divisor_override=0)[x=1x1x4x4]@float64,random#0")]
    subject = Doctored(scale("out", 2))
    assert judge(subject, cases).verdict == "wrong"
    assert judge(Doctored(), cases).verdict == "unjudged"


class Unavailable(Doctored):
    def run(self, call):
        answer = super().run(call)
        answer.failures["forward"] = Failure("unjudged", "no process could be started")
        answer.tensors.clear()
        return answer


def test_a_failure_of_the_machine_is_unjudged():
    report = judged(Unavailable())
    assert (report["verdict"], report["reason"]) == ("unjudged", "no process could be started")


class Broken(Doctored):
    """A fault of the oracle's own code."""

    def run(self, call):
        raise KeyError("weight")


def test_an_exception_of_ours_makes_the_case_unjudged():
    report = judged(Broken())
    assert report["verdict"] == "unjudged"
    assert report["reason"].startswith("an error of the oracle itself: KeyError: 'weight' (test_judge.py, line ")


class Unsure(Doctored):
    def takes(self, settings, training, shapes=None):
        raise KeyError("settings")


@pytest.mark.parametrize(
    "broken", [Broken(spec="ReLU"), Unsure(spec="ReLU")], ids=["in a case", "in choosing the cases"]
)
def test_an_exception_of_ours_in_one_layer_leaves_the_reports_of_the_others(monkeypatch, broken):
    target = Target("mine", "auto", "in-process", [broken, Doctored(), Doctored(scale("out", 2), "Identity")])
    monkeypatch.setattr("oracle.checking.open_target", lambda *arguments: target)
    report = check("mine", cases=12)
    assert [(spec["spec"], spec["verdict"]) for spec in report["specs"]] == [
        ("ReLU", "unjudged"), ("Linear", "right"), ("Identity", "wrong"),
    ]  # fmt: skip
    assert "an error of the oracle itself: KeyError" in report["specs"][0]["message"]
    assert report["verdict"] == "wrong"


def test_an_exception_of_ours_while_explaining_leaves_the_verdict(monkeypatch):
    def broken(*arguments):
        raise KeyError("mistakes")

    monkeypatch.setattr("oracle.checking.investigate", broken)
    report = judged(Doctored(scale("out", 2)))
    assert report["verdict"] == "wrong"
    assert report["message"].startswith("out is wrong in every case")
    assert "; why was not found: an error of the oracle itself: KeyError: 'mistakes'" in report["message"]


def test_a_case_whose_settings_the_subject_does_not_offer_is_unjudged(monkeypatch):
    subject = Doctored()
    subject.takes = lambda settings, training, shapes=None: False
    monkeypatch.setattr("oracle.checking.open_target", lambda *arguments: Target("mine", "auto", "L0", [subject]))
    report = check("mine", case=CASE)
    assert report["verdict"] == "unjudged"
    assert report["specs"][0]["reason"] == "it offers none of the settings that were asked for"


def test_a_case_of_another_layer_than_the_one_asked_for_is_refused():
    with pytest.raises(ValueError, match="the case is one of Linear, not of ReLU"):
        check("scratchnet", ["ReLU"], case=CASE)
