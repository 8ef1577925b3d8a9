"""Mistakes in activations as people write them: scalar loops, masks that are assigned to, formulas in the output. The
diagnosis gives the name; and what is right in another form is right.
"""

import math

import numpy as np
import pytest

from oracle.diagnosis import diagnose
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.reference import run_twin
from oracle.selection import default_cases
from tests.oracle.test_mistakes_in_other_forms import Wrong


def one_by_one(f, x, *settings):
    """f of every element, a number of Python's."""
    return np.array([f(i, *settings) for i in x.ravel().tolist()], x.dtype).reshape(x.shape)


def value(f):
    """O = f(I, settings)"""
    return lambda call: one_by_one(f, call.inputs["x"], call.settings)


def slope(f):
    """dI = dO * f(I, settings)"""
    return lambda call: call.upstream["dout"] * one_by_one(f, call.inputs["x"], call.settings)


def clamped(i, low, high):
    return low if i < low else high if i > high else i


def sigmoid(i):
    return 1 / (1 + math.exp(-i)) if i >= 0 else math.exp(i) / (1 + math.exp(i))


def softplus(i):
    return max(i, 0) + math.log1p(math.exp(-abs(i)))


def celu_without_the_inner_derivative(i, settings):
    return 1 if i > 0 else settings["alpha"] * math.exp(i / settings["alpha"])


def mish_without_the_sigmoid(i, settings):
    t = math.tanh(softplus(i))
    return t + i * (1 - t * t)


def gelu_without_the_inner_derivative(i, settings):
    if settings["approximate"] == "none":
        return math.erfc(-i / math.sqrt(2)) / 2 + i * math.exp(-i * i / 2) / math.sqrt(2 * math.pi)
    t = math.tanh(math.sqrt(2 / math.pi) * (i + 0.044715 * i**3))
    return 0.5 * (1 + t) + 0.5 * i * (1 - t * t)


def silu_of_the_output(i, settings):
    o = i * sigmoid(i)
    return sigmoid(o) * (1 + o * (1 - sigmoid(o)))


# ---- assigned to the elements that a mask picks


def above_the_bound_alone(call):
    out = call.inputs["x"].copy()
    out[out > call.settings["max_val"]] = call.settings["max_val"]
    return out


def bounds_of_the_gradient(call):
    dx = call.upstream["dout"].copy()
    dx[dx < 0] = 0
    dx[dx > 6] = 0
    return dx


def gradient_at_the_bounds(call):
    x, dx = call.inputs["x"], call.upstream["dout"].copy()
    dx[x < 0] = 0
    dx[x > 6] = 0
    return dx


def both_sides_at_once(call):
    """Chosen by a product: 0 * inf where the side that is not asked for overflows."""
    x = call.inputs["x"]
    with np.errstate(all="ignore"):
        negative = x.dtype.type(1.6732632423543772) * (np.exp(x) - 1)
        return 1.0507009873554805 * ((x >= 0) * x + (x < 0) * negative)


# ---- what has a slope of its own


def weight_gradient_of_every_element(call):
    x, dw = call.inputs["x"], np.zeros_like(call.parameters["weight"])
    for place in np.ndindex(x.shape):
        dw[place[1] if len(dw) > 1 else 0] += call.upstream["dout"][place] * x[place]
    return dw


def weight_gradient_of_the_last_image(call):
    x, dw = call.inputs["x"], np.zeros_like(call.parameters["weight"])
    for place in np.ndindex(x.shape):
        channel = place[1] if len(dw) > 1 else 0
        if place[0] == len(x) - 1 and x[place] <= 0:
            dw[channel] += call.upstream["dout"][place] * x[place]
    return dw


def slopes_of_the_last_axis(call):
    x, w = call.inputs["x"], call.parameters["weight"]
    out = x.copy()
    for place in np.ndindex(x.shape):
        if x[place] < 0:
            out[place] *= w[place[-1] if len(w) > 1 else 0]
    return out


def lower_bound_in_evaluation(call):
    x = call.inputs["x"]
    a = call.buffers["slopes"] if call.training else call.settings["lower"]
    return np.where(x >= 0, x, x * a)


def sign_of_the_output(call):
    dx, out = call.upstream["dout"].copy(), run_twin(call)["out"]
    mean = (call.settings["lower"] + call.settings["upper"]) / 2
    slopes = call.buffers["slopes"] if call.training else np.full(out.shape, mean, out.dtype)
    dx[out <= 0] *= slopes[out <= 0]
    return dx


# ---- halves and rows


def first_half_as_gate(call):
    x, dim = call.inputs["x"], call.settings["dim"]
    half = x.shape[dim] // 2
    gate, rest = (np.take(x, places, dim) for places in (range(half), range(half, 2 * half)))
    return one_by_one(sigmoid, gate) * rest


def gate_without_gradient(call):
    x, dout, dim = call.inputs["x"], call.upstream["dout"], call.settings["dim"]
    _, gate = np.split(x, 2, dim)
    dx = np.zeros_like(x)
    np.split(dx, 2, dim)[0][...] = dout * one_by_one(sigmoid, gate)
    return dx


def jacobian_of_softmax(call):
    x, dout = (np.moveaxis(a, call.settings["dim"], -1) for a in (call.inputs["x"], call.upstream["dout"]))
    dx = np.empty_like(x)
    for row in np.ndindex(x.shape[:-1]):
        p = np.exp(x[row].min() - x[row])
        p /= p.sum()
        dx[row] = (np.diag(p) - np.outer(p, p)) @ dout[row]
    return np.moveaxis(dx, -1, call.settings["dim"])


def one_half_of_the_saturation(call):
    """t = -alpha, where it is -scale * alpha."""
    x, mask, p = call.inputs["x"], np.broadcast_to(call.buffers["mask"], call.inputs["x"].shape), call.settings["p"]
    if not call.training:
        return x
    if p == 1:
        return 0 * x
    q, t = 1 - p, -1.6732632423543772
    a = 1 / math.sqrt(q + t * t * q * p)
    return (a * np.where(mask == 1, x, t) - a * p * t).astype(x.dtype)


def scale_of_dropout(call):
    dout, mask, p = call.upstream["dout"], call.buffers["mask"], call.settings["p"]
    return dout if not call.training else dout * mask / (1 - p) if p < 1 else 0 * dout


FORMS = [
    ("ReLU6", "dx", gradient_at_the_bounds, "gradient-at-kink"),
    ("ReLU6", "dx", bounds_of_the_gradient, "mask-from-dout"),
    ("Hardtanh", "out", above_the_bound_alone, "bound-missing"),
    ("Hardsigmoid", "out", value(lambda i, _: clamped(0.2 * i + 0.5, 0, 1)), "keras-hard-sigmoid"),
    ("Hardsigmoid", "dx", slope(lambda i, _: float(-3 < i < 3)), "constant-missing"),
    ("Hardsigmoid", "dx", value(lambda i, _: float(-3 < i < 3)), "constant-missing+upstream-ignored"),
    ("Hardswish", "dx", slope(lambda i, _: clamped(i + 3, 0, 6) / 6), "product-rule-missing"),
    ("Hardshrink", "out", value(lambda i, s: i if i > s["lambd"] else 0), "negative-side-missing"),
    ("Softshrink", "out", value(lambda i, s: i - s["lambd"] if abs(i) > s["lambd"] else 0), "shift-sign"),
    ("Threshold", "out", value(lambda i, s: max(i, s["threshold"])), "clamped-at-threshold"),
    ("Tanhshrink", "dx", slope(lambda i, _: -1 / math.cosh(min(abs(i), 300)) ** 2), "term-missing"),
    ("Softsign", "dx", slope(lambda i, _: (1 + 2 * abs(i)) / (1 + abs(i)) ** 2), "product-rule-missing"),
    ("CELU", "out", value(lambda i, s: max(i, 0) + min(s["alpha"] * math.expm1(min(i, 0)), 0)), "elu-for-celu"),
    ("CELU", "dx", slope(celu_without_the_inner_derivative), "inner-derivative-missing"),
    ("SELU", "out", both_sides_at_once, "selu-overflow"),
    ("SELU", "dx", slope(lambda i, _: 1.0507 if i > 0 else 1.0507 * 1.6733 * math.exp(i)), "constants-rounded"),
    ("LogSigmoid", "out", value(lambda i, _: math.log(sigmoid(i) + 1e-8)), "epsilon-in-log"),
    ("LogSigmoid", "dx", slope(lambda i, _: sigmoid(i) * sigmoid(-i)), "inner-derivative-missing"),
    ("Mish", "dx", slope(mish_without_the_sigmoid), "inner-derivative-missing"),
    ("SiLU", "dx", slope(silu_of_the_output), "derivative-of-output-not-input"),
    ("PReLU", "dweight", weight_gradient_of_every_element, "mask-missing"),
    ("PReLU", "dweight", weight_gradient_of_the_last_image, "no-sum-over-batch"),
    ("PReLU", "out", slopes_of_the_last_axis, "slope-along-wrong-axis"),
    ("RReLU", "out", lower_bound_in_evaluation, "rrelu-mean"),
    ("RReLU", "dx", sign_of_the_output, "derivative-of-output-not-input"),
    ("GELU", "dx", slope(gelu_without_the_inner_derivative), "inner-derivative-missing"),
    ("GLU", "out", first_half_as_gate, "glu-halves-swapped"),
    ("GLU", "dx", gate_without_gradient, "product-rule-missing"),
    ("Softmin", "dx", jacobian_of_softmax, "minus-missing"),
    ("AlphaDropout", "out", one_half_of_the_saturation, "alpha-dropout-saturation"),
    ("FeatureAlphaDropout", "dx", scale_of_dropout, "dropout-for-alpha-dropout"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "tensor", "compute", "id"), FORMS, ids=[f"{spec}-{id}" for spec, *_, id in FORMS])
def test_form_gets_the_name(spec, tensor, compute, id):
    subject = Wrong(spec, tensor, compute, lambda settings: True)
    judgement = judge(subject, default_cases(SPECS[spec], count=72)[0])
    fresh = default_cases(SPECS[spec], count=48, seed=1000)[0]
    found = diagnose(judgement, tensor, lambda case: judge_case(subject, case), fresh)
    assert found is not None
    assert "+".join(sorted(mistake.id for mistake in found.mistakes)) == id


# ---- right, and near to a mistake: the derivative in the output, the same numbers by another formula


def given(f):
    """dO * f(I, O, settings)"""

    def gradient(call):
        return call.upstream["dout"] * f(call.inputs["x"], run_twin(call)["out"], call.settings)

    return gradient


def gate_by_the_output(call):
    x, dim = call.inputs["x"], call.settings["dim"]
    s = one_by_one(sigmoid, np.split(x, 2, dim)[1])
    dout, out = call.upstream["dout"], run_twin(call)["out"]
    return np.concatenate([dout * s, dout * out * (1 - s)], dim)


def sum_of_both_sides(call):
    x, w = call.inputs["x"], call.parameters["weight"]
    slopes = w[0] if len(w) == 1 else w.reshape(-1, *(1,) * (x.ndim - 2))
    return np.maximum(x, 0) + slopes * np.minimum(x, 0)


def kept_or_saturated(call):
    x, mask, p, t = call.inputs["x"], call.buffers["mask"], call.settings["p"], -1.7580993408473766
    if not call.training or p == 1:
        return 0 * x if call.training else x
    a = (1 - p + t * t * p * (1 - p)) ** -0.5
    return np.where(np.broadcast_to(mask, x.shape) == 1, a * x - a * t * p, a * t * (1 - p)).astype(x.dtype)


RIGHT = [
    ("ReLU6", "dx", given(lambda x, out, s: (out > 0) & (out < 6))),
    ("Hardtanh", "dx", given(lambda x, out, s: (out != s["min_val"]) & (out != s["max_val"]))),
    ("Hardswish", "dx", slope(lambda i, _: clamped(i + 3, 0, 6) / 6 + i / 6 * (-3 < i < 3))),
    ("Softshrink", "out", value(lambda i, s: math.copysign(max(abs(i) - s["lambd"], 0), i))),
    ("Softsign", "dx", given(lambda x, out, s: (1 - np.abs(out)) ** 2)),
    ("CELU", "dx", given(lambda x, out, s: np.where(x > 0, 1, out / s["alpha"] + 1))),
    ("SELU", "dx", given(lambda x, out, s: np.where(x > 0, 1.0507009873554805, out + 1.7580993408473766))),
    ("LogSigmoid", "dx", given(lambda x, out, s: 1 - np.exp(out))),
    ("Mish", "out", value(lambda i, _: i * math.tanh(softplus(i)))),
    ("PReLU", "out", sum_of_both_sides),
    ("GLU", "dx", gate_by_the_output),
    ("AlphaDropout", "out", kept_or_saturated),
]


@pytest.mark.parametrize(("spec", "tensor", "compute"), RIGHT, ids=[f"{spec}-{tensor}" for spec, tensor, _ in RIGHT])
def test_right_form_is_right(spec, tensor, compute):
    subject = Wrong(spec, tensor, compute, lambda settings: True)
    assert not judge(subject, default_cases(SPECS[spec], count=48)[0]).failed
