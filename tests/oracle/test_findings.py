"""What a report says beside a layer's own mistakes: those of any layer, and where unexplained elements lie."""

import numpy as np
import pytest

from oracle.checking import investigated
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import default_cases
from oracle.subjects import Answer, Failure, Subject
from oracle.subjects.scratchnet import Scratchnet


class Spoilt(Subject):
    """scratchnet's layer, whose answer is changed by `spoil(call, tensors, whether it is the second run)`."""


    def __init__(self, spec, spoil):
        self.spec, self.implements, self._inner, self._spoil = spec, spoil.__name__, Scratchnet(spec), spoil
        self._last = None

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        again, self._last = call is self._last, call  # the judge runs every call twice
        tensors = dict(self._inner.run(call).tensors)
        return Answer(tensors, modified=self._spoil(call, tensors, again) or ())


def doubled(call, tensors, again):
    tensors["dx"] = 2 * tensors["dx"]


def minus(call, tensors, again):
    tensors["dweight"] = -tensors["dweight"]


def x_is_changed(call, tensors, again):
    return ("x",)


def second_is_double(call, tensors, again):
    tensors["dweight"] = tensors["dweight"] * (2 if again else 1)


def second_differs(call, tensors, again):
    tensors["out"] = tensors["out"] + (1 if again else 0)


def last_column(call, tensors, again):
    tensors["out"] = tensors["out"].copy()
    tensors["out"][..., -1] += np.arange(1, tensors["out"][..., -1].size + 1).reshape(tensors["out"][..., -1].shape)


def noise(call, tensors, again):
    tensors["out"] = tensors["out"] + np.sin(np.arange(tensors["out"].size) + 1).reshape(tensors["out"].shape)


@pytest.mark.parametrize(
    ("spoil", "tensor", "mistake"),
    [
        (doubled, "dx", "scaled-by-constant"),
        (minus, "dweight", "scaled-by-constant"),
        (x_is_changed, "x", "modifies-input"),
        (second_is_double, "dweight", "accumulates-over-calls"),
        (second_differs, "out", "state-carries-over"),
    ],
)
def test_mistakes_of_any_layer_reach_the_report(spoil, tensor, mistake):
    report = reported(spoil)
    assert report["verdict"] == "wrong"
    assert [(found["tensor"], found["mistake"]) for found in report["diagnoses"]] == [(tensor, mistake)]
    assert report["tensors"][tensor]["attribution"] == f"mistake:{mistake}"


@pytest.mark.parametrize(
    ("spoil", "words"), [(last_column, "out only in the last column"), (noise, "No known mistake explains it")]
)
def test_what_nothing_explains_is_said_to_be_unexplained(spoil, words):
    report = reported(spoil)
    assert report["diagnoses"] == [] and words in report["message"]


def reported(spoil):
    cases, _ = default_cases(SPECS["Conv2d"], count=48)
    return investigated(judge(Spoilt("Conv2d", spoil), cases), 0)


class Refusing(Spoilt):
    """Right, where it answers."""

    def run(self, call):
        if call.settings["stride"] != 1:
            return Answer({}, {"forward": Failure("AssertionError", "width does not work")})
        return super().run(call)


def test_a_forward_that_only_refuses_is_not_to_be_mended_first():
    cases, _ = default_cases(SPECS["Conv2d"], count=48)
    report = investigated(judge(Refusing("Conv2d", lambda call, tensors, again: None), cases), 0)
    assert report["failed"]
    assert report["own_derivative"] is None
    assert "mend out first" not in report["message"]
