"""Outside of the elementwise bound and yet not wrong: each explanation is found where it holds, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.accuracy import settle
from oracle.bounds import Formula
from oracle.cases import parse
from oracle.checking import investigated
from oracle.exact import exact
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.layers.conv import BORDERS
from oracle.selection import default_cases
from oracle.subjects import Answer, Subject
from oracle.subjects.scratchnet import Scratchnet
from scratchnet.naive import softmax as naive_softmax


class Changed(Subject):
    """scratchnet's layer with one thing changed: `change(call, tensors)` gets the right answer and returns another."""


    def __init__(self, spec, change, before=lambda call: call):
        self.spec, self.implements = spec, change.__name__
        self._inner, self._change, self._before = Scratchnet(spec), change, before

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        answer = self._inner.run(self._before(call))
        return Answer(answer.tensors | self._change(call, dict(answer.tensors)), answer.failures, answer.modified)


def in_float32(call):
    def low(arrays):
        return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in arrays.items()}

    return replace(call, inputs=low(call.inputs), parameters=low(call.parameters), buffers=low(call.buffers),
                   upstream=low(call.upstream))  # fmt: skip


def back_to_float64(call, tensors):
    dtype = call.inputs["x"].dtype
    return {name: array.astype(dtype) for name, array in tensors.items()}


def fft_forward(call, tensors):
    """The same convolution by FFT: correlation is a product with the conjugate."""
    x, w = call.inputs["x"], call.parameters["weight"]
    xp, axes = _padded(call), (-2, -1)
    size = xp.shape[2:]
    product = np.einsum("nchw,kchw->nkhw", np.fft.rfft2(xp, size), np.conj(np.fft.rfft2(w, size)))
    out = np.fft.irfft2(product, size, axes)[:, :, : size[0] - w.shape[2] + 1, : size[1] - w.shape[3] + 1]
    s, t = _pair(call.settings["stride"])
    bias = call.parameters.get("bias", np.zeros(len(w)))[:, None, None]
    return {"out": (out[:, :, ::s, ::t] + bias).astype(x.dtype)}


def winograd_forward(call, tensors):
    """F(2x2, 3x3): two outputs from four multiplications on each axis, after a linear change of both operands."""
    x, w = call.inputs["x"], call.parameters["weight"]
    B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float)
    G = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [1 / 3, -1 / 3, 1 / 3], [0, 0, 1]], float)
    A = np.array([[1, 0], [1.5, 1.5], [1.5, -1.5], [0, -1]], float)
    xp = _padded(call)
    h, v = xp.shape[2] - 2, xp.shape[3] - 2
    xp = np.pad(xp.astype(float), ((0, 0), (0, 0), (0, 2), (0, 2)))
    out = np.zeros((len(x), len(w), h + h % 2, v + v % 2))
    U = np.einsum("ia,kcab,jb->kcij", G, w, G)
    for i in range(0, h, 2):
        for j in range(0, v, 2):
            V = np.einsum("ia,ncab,jb->ncij", B, xp[:, :, i : i + 4, j : j + 4], B)
            out[:, :, i : i + 2, j : j + 2] = np.einsum("ia,nkij,jb->nkab", A, np.einsum("kcij,ncij->nkij", U, V), A)
    bias = call.parameters.get("bias", np.zeros(len(w)))[:, None, None]
    return {"out": (out[:, :, :h, :v] + bias).astype(x.dtype)}


def _padded(call):
    (p, q), mode = _pair(call.settings["padding"]), call.settings["padding_mode"]
    return np.pad(call.inputs["x"], ((0, 0), (0, 0), (p, p), (q, q)), mode=BORDERS.get(mode, "constant"))


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def plain(setting):
    args = setting.args
    return not isinstance(args.get("padding", 0), str) and args.get("groups", 1) == 1 and args.get("dilation", 1) == 1


def three_by_three(setting):
    return plain(setting) and args_are(setting, kernel_size=3, stride=1)


def args_are(setting, **wanted):
    return all(setting.args.get(name, 1) == value for name, value in wanted.items())


def accuracies(subject, takes=lambda setting: True):
    cases, _ = default_cases(SPECS[subject.spec], takes, 60)
    judgement = settle(judge(subject, cases))
    return {name: {result.accuracy for result in results} for name, results in judgement.tensors.items()}, judgement


@pytest.mark.parametrize(("change", "takes"), [(fft_forward, plain), (winograd_forward, three_by_three)])
def test_another_algorithm_is_not_wrong(change, takes):
    found, judgement = accuracies(Changed("Conv2d", change), takes)
    assert "different-algorithm" in found["out"]
    assert judgement.verdict == "right"
    assert "different-algorithm" in {note["id"] for note in investigated(judgement, 0)["notes"]}


def off_by_more_than_any_algorithm(call, tensors):
    norm = np.linalg.norm(call.inputs["x"]) * np.linalg.norm(call.parameters["weight"])
    return {"out": tensors["out"] + np.finfo(tensors["out"].dtype).eps * 1e4 * norm}


def test_a_small_error_is_no_algorithm():
    found, _ = accuracies(Changed("Conv2d", off_by_more_than_any_algorithm))
    assert "wrong" in found["out"]


@pytest.mark.parametrize("spec", ["Conv2d", "Linear", "BatchNorm2d", "Softmax", "Sigmoid", "CrossEntropyLoss"])
def test_float32_inside_float64_is_a_lower_precision(spec):
    found, judgement = accuracies(Changed(spec, back_to_float64, in_float32))
    assert judgement.verdict == "right", [result.case.id for result in judgement.failed]
    assert any("lower-precision" in seen for seen in found.values())


def eps_1e8(call, tensors):
    return {}


def test_another_eps_is_wrong_however_small():
    subject = Changed("BatchNorm2d", eps_1e8, lambda call: replace(call, settings={**call.settings, "eps": 1e-8}))
    found, judgement = accuracies(subject)
    assert judgement.verdict == "wrong" and "wrong" in found["out"] and "lower-precision" not in found["out"]


def scaled(factor):
    def by_a_constant(call, tensors):
        return {name: array * factor for name, array in tensors.items()}

    return by_a_constant


@pytest.mark.parametrize("spec", ["ReLU", "ZeroPad2d", "MaxPool2d", "Conv2d", "Linear", "Sigmoid"])
@pytest.mark.parametrize("factor", [1.001, 1 + 1e-5, 1 + 1e-8, 1 - 2.0**-9])
def test_a_factor_near_1_is_no_precision(spec, factor):
    _, judgement = accuracies(Changed(spec, scaled(factor)))
    assert judgement.verdict == "wrong"


def test_one_element_off_by_a_float32_rounding_is_wrong():
    def nudged(call, tensors):
        out = tensors["out"].copy()
        out.flat[0] *= 1 + 1e-7
        return {"out": out}

    found, _ = accuracies(Changed("Linear", nudged))
    assert "wrong" in found["out"]


def relative_gelu(case, call, expected, u, tiny):
    """Far from 0 torch's float64 GELU has lost its digits: it is outside of any bound that is relative to out."""
    return {name: 8 * u * np.abs(array) + tiny for name, array in expected.items()}


def exactly(call, tensors):
    return {name: value.astype(tensors[name].dtype) for name, value in exact(call).items()}


def off_by_a_millionth(call, tensors):
    return {name: array * (1 + 1e-6) for name, array in tensors.items()}


@pytest.mark.parametrize(("change", "verdict"), [(exactly, "right"), (off_by_a_millionth, "wrong")])
def test_the_exact_result_decides(change, verdict):
    """Where the subject and torch differ by more than rounding, the one that is nearer to the exact result is right."""
    case = parse("GELU()[x=8x8]@float64,random#0")
    case = replace(case, spec=replace(case.spec, bound=Formula(relative_gelu)))
    subject = Changed("GELU", change)
    assert judge(subject, [case]).verdict == "wrong"
    assert settle(judge(subject, [case])).verdict == verdict


def test_exact_numbers_leave_the_loops_as_they_were():
    before = naive_softmax.math
    assert exact(parse("Softmax(dim=1)[x=2x3]@float64,random#0").call())["out"].sum() == pytest.approx(2, abs=1e-15)
    assert naive_softmax.math is before and not hasattr(naive_softmax, "float")
