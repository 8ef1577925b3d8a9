"""Every input style has a mistake that it alone shows: left out, the mistake would pass."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.accuracy import settle
from oracle.cases import STYLES, make
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.mistakes.mutant import Mutant
from oracle.selection import grid
from oracle.strength import variants
from oracle.subjects import Answer, Failure, Subject
from oracle.subjects.scratchnet import Scratchnet


class Changed(Subject):
    """scratchnet's layer with `change(call, tensors)` made to its answer."""


    def __init__(self, spec, change):
        self.spec, self.implements, self._inner, self._change = spec, change.__name__, Scratchnet(spec), change

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        return self._change(call, self._inner.run(call))


def with_(answer, **tensors):
    return Answer({**answer.tensors, **tensors}, answer.failures, answer.modified)


def cut_off_fractions(call, answer):
    return with_(answer, out=np.trunc(answer.tensors["out"]))


def off_within_the_bound(call, answer):
    """A hundredth of what rounding may explain: too small to be seen but where sums are exact."""
    u = np.finfo(answer.tensors["out"].dtype).eps / 2
    return with_(answer, out=answer.tensors["out"] * (1 + 2 * u))


def forgets_strides(call, answer):
    """x is read as if it lay in memory without gaps."""
    x = call.inputs["x"]
    packed = np.lib.stride_tricks.as_strided(x, x.shape, np.empty(x.shape, x.dtype).strides)
    return answer if np.array_equal(packed, x) else with_(answer, out=answer.tensors["out"] + 1)


def needs_an_image(call, answer):
    return answer if len(call.inputs["x"]) else Answer(failures={"forward": Failure("IndexError", "no image")})


def one_pass_variance(call, answer):
    """E[x^2] - E[x]^2 in the dtype of x."""
    x = call.inputs["x"]
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *(1,) * (x.ndim - 2))
    mean, square = x.mean(axes).reshape(shape), (x * x).mean(axes).reshape(shape)
    variance = np.maximum(square - mean * mean, 0)
    out = (x - mean) / np.sqrt(variance + x.dtype.type(call.settings["eps"]))
    for name, join in (("weight", np.multiply), ("bias", np.add)):
        if name in call.parameters:
            out = join(out, call.parameters[name].reshape(shape))
    return with_(answer, out=out.astype(x.dtype))


def open_at_the_kink(call, answer):
    """dx = dout at |x| = lambd, where torch has 0 already."""
    x, dout = call.inputs["x"], call.upstream["dout"]
    return with_(answer, dx=np.where(np.abs(x) == call.settings["lambd"], dout, answer.tensors["dx"]))


def mutant(layer, mistake, tensor):
    return Mutant(layer, tensor, next(edits for row, edits in variants(layer).items() if row[:2] == (mistake, tensor)))


ONLY = {
    "random": Changed("Conv2d", cut_off_fractions),
    "integer": Changed("Linear", off_within_the_bound),
    "strided": Changed("ReLU", forgets_strides),
    "empty": Changed("Conv2d", needs_an_image),
    "offset": Changed("BatchNorm2d", one_pass_variance),
    "ties": mutant("MaxPool2d", "ties-all", "dx"),
    "kinks": Changed("Hardshrink", open_at_the_kink),
    "large": mutant("Sigmoid", "sigmoid-overflow", "out"),
}


def verdicts(subject, styles, dtype):
    spec = SPECS[subject.spec]
    settings = [setting for setting in grid(spec)[:12] if setting.args.get("lambd", 0.5) == 0.5]  # no whole number
    cases = [make(spec, setting, dtype, style) for setting in settings[2:] for style in styles]
    return judge(subject, [case for case in cases if len(case.shapes["x"]) > 1]).verdict


@pytest.mark.parametrize("style", ONLY)
def test_only_this_style_shows_it(style):
    subject = ONLY[style]
    others = {"random", "integer", *SPECS[subject.spec].styles} - {style}
    if style == "integer":
        others -= {"wide", "strided"}  # whole numbers as well
    if style == "random":
        others -= {"large", "offset"}
    if style == "ties":
        others -= {"kinks"}
    dtype = "float32" if style == "offset" else "float64"
    assert verdicts(subject, [style], dtype) in ("wrong", "error")
    assert verdicts(subject, sorted(others), dtype) == "right"


def test_wide_alone_is_evidence_of_a_lower_precision():
    """Inside float64 the inputs are rounded to float32, and the sums are not: no value gives it away but on `wide`."""
    spec = SPECS["Linear"]

    class Rounded(Changed):
        def run(self, call):
            def low(arrays):
                return {name: array.astype(np.float32).astype(array.dtype) for name, array in arrays.items()}

            return self._inner.run(replace(call, inputs=low(call.inputs), parameters=low(call.parameters),
                                           upstream=low(call.upstream)))  # fmt: skip

    subject = Rounded("Linear", needs_an_image)
    plain = [make(spec, setting, "float64", "random") for setting in grid(spec)[:12]]
    wide = [make(spec, setting, "float64", "wide", seed) for setting in grid(spec)[:12] for seed in (0, 1)]
    assert settle(judge(subject, plain)).verdict == "wrong"
    assert settle(judge(subject, plain + wide)).verdict == "right"


def test_every_style_is_here():
    assert {*ONLY, "wide"} == set(STYLES)
