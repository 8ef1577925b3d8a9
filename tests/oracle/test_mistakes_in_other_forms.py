"""The same mistakes as people write them: scalar loops, slices of windows, im2col, gathered indices. Whatever the form,
the diagnosis gives the name; and a right implementation gets none.
"""

import math

import numpy as np
import pytest

from oracle.diagnosis import diagnose
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.mistakes import by_layer
from oracle.reference import run_twin
from oracle.selection import default_cases
from oracle.subjects import Subject
from oracle.subjects.attempt import attempt
from oracle.subjects.naive import LOOPS, Naive
from oracle.subjects.scratchnet import Scratchnet


class Wrong(Subject):
    """A layer that is right but for one tensor, which `compute(call)` gives. It takes what the code was written for."""

    def __init__(self, spec, tensor, compute, takes):
        self.spec, self.tensor, self.implements = spec, tensor, compute.__name__
        self._compute, self._takes = compute, takes

    def takes(self, settings, training, shapes=None):
        return self._takes(settings)

    def run(self, call):
        def forward(given):
            right = run_twin(call)
            return right | ({"out": self._compute(given)} if self.tensor == "out" else {})

        def backward(given):
            return {} if self.tensor == "out" else {self.tensor: self._compute(given)}

        return attempt(call, forward, backward)


def square(settings):
    """One integer for every setting, nothing but stride and padding."""
    plain = settings.get("dilation", 1) == 1 and settings.get("groups", 1) == 1 and not settings.get("ceil_mode")
    plain = plain and settings.get("padding_mode", "zeros") == "zeros" and not settings.get("return_indices")
    numbers = (settings["kernel_size"], settings["stride"], settings["padding"])
    return plain and all(isinstance(n, int) or n is None for n in numbers) and settings.get("count_include_pad", True)


def letters(call):
    """(x, kernel, stride, padding)"""
    kernel, stride = call.settings["kernel_size"], call.settings["stride"]
    return call.inputs["x"], kernel, kernel if stride is None else stride, call.settings["padding"]


def padded(x, p, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=value)


# ---- convolution


def crop_in_scalar_loops(call):
    x, _, S, P = letters(call)
    w, dout = call.parameters["weight"], call.upstream["dout"]
    dxp = padded(np.zeros_like(x), P)
    for n, k, y, z in np.ndindex(dout.shape):
        for c, r, s in np.ndindex(w.shape[1:]):
            dxp[n, c, y * S + r, z * S + s] += dout[n, k, y, z] * w[k, c, r, s]
    return dxp[:, :, P:-P, P:-P]


def assigning_windows_of_all_filters(call):
    x, R, S, P = letters(call)
    w, dout = call.parameters["weight"], call.upstream["dout"]
    dxp = padded(np.zeros_like(x), P)
    for y, z in np.ndindex(dout.shape[2:]):
        columns = dout[:, :, y, z] @ w.reshape(len(w), -1)
        dxp[:, :, y * S : y * S + R, z * S : z * S + R] = columns.reshape(len(x), -1, R, R)
    return dxp[:, :, P : P + x.shape[2], P : P + x.shape[3]]


def windows_that_move_by_one(call):
    x, R, S, P = letters(call)
    w, b = call.parameters["weight"], call.parameters["bias"]
    xp = padded(x, P)
    out = np.zeros((len(x), len(w), *((n - R) // S + 1 for n in xp.shape[2:])), x.dtype)
    for n, k, y, z in np.ndindex(out.shape):
        out[n, k, y, z] = np.sum(xp[n, :, y : y + R, z : z + R] * w[k]) + b[k]
    return out


def one_output_size(call):
    x, R, S, P = letters(call)
    w, b = call.parameters["weight"], call.parameters["bias"]
    xp, size = padded(x, P), (x.shape[2] - R + 2 * P) // S + 1
    out = np.zeros((len(x), len(w), size, size), x.dtype)
    for n, k, y, z in np.ndindex(out.shape):
        out[n, k, y, z] = np.sum(xp[n, :, y * S : y * S + R, z * S : z * S + R] * w[k]) + b[k]
    return out


def gradient_of_the_mean(call):
    x, R, S, P = letters(call)
    dout, xp = call.upstream["dout"], padded(x, P)
    dw = np.zeros_like(call.parameters["weight"])
    for n, k, y, z in np.ndindex(dout.shape):
        dw[k] += dout[n, k, y, z] * xp[n, :, y * S : y * S + R, z * S : z * S + R]
    return (1 / len(x) * dw).astype(x.dtype)


def im2col_of_the_unpadded_image(call):
    x, R, S, P = letters(call)
    dout, xp = call.upstream["dout"], np.pad(x, ((0, 0), (0, 0), (0, 2 * P), (0, 2 * P)))
    windows = np.lib.stride_tricks.sliding_window_view(xp, (R, R), (2, 3))[:, :, ::S, ::S]
    return np.einsum("nkyz,ncyzrs->kcrs", dout, windows[:, :, : dout.shape[2], : dout.shape[3]])


# ---- pooling


def mask_of_equal_maxima(call):
    x, R, S, P = letters(call)
    dout, xp = call.upstream["dout"], padded(x, P, -np.inf)
    dxp = np.zeros_like(xp)
    for n, c, y, z in np.ndindex(dout.shape):
        window = xp[n, c, y * S : y * S + R, z * S : z * S + R]
        dxp[n, c, y * S : y * S + R, z * S : z * S + R] += (window == window.max()) * dout[n, c, y, z]
    return dxp[:, :, P : P + x.shape[2], P : P + x.shape[3]]


def assigning_to_the_maximum(call):
    x, R, S, P = letters(call)
    dout, xp = call.upstream["dout"], padded(x, P, -np.inf)
    dxp = np.zeros_like(xp)
    for n, c, y, z in np.ndindex(dout.shape):
        r, s = np.unravel_index(xp[n, c, y * S : y * S + R, z * S : z * S + R].argmax(), (R, R))
        dxp[n, c, y * S + r, z * S + s] = dout[n, c, y, z]
    return dxp[:, :, P : P + x.shape[2], P : P + x.shape[3]]


def maximum_with_zeros_around(call):
    x, R, S, P = letters(call)
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, P), (R, R), (2, 3))[:, :, ::S, ::S]
    return windows.reshape(*windows.shape[:4], R * R).max(axis=-1)


def index_into_the_image(call):
    x, R, S, P = letters(call)
    dout, xp, dx = call.upstream["dout"], padded(x, P, -np.inf), np.zeros_like(x)
    for n, c, y, z in np.ndindex(dout.shape):
        dx[n, c].flat[xp[n, c, y * S : y * S + R, z * S : z * S + R].argmax()] += dout[n, c, y, z]
    return dx


def average_without_division(call):
    x, R, S, P = letters(call)
    dout, dxp = call.upstream["dout"], padded(np.zeros_like(call.inputs["x"]), P)
    for n, c, y, z in np.ndindex(dout.shape):
        for r, s in np.ndindex(R, R):
            dxp[n, c, y * S + r, z * S + s] += dout[n, c, y, z]
    return dxp[:, :, P : P + x.shape[2], P : P + x.shape[3]]


# ---- normalisation, as the assignments of a course have it: step by step, on rows


def batch_step_by_step(call, of_mean=True, N=None):
    x, dout = call.inputs["x"], call.upstream["dout"]
    if not call.training:
        return run_twin(call)["dx"]
    axes, gamma = (0, *range(2, x.ndim)), call.parameters["weight"].reshape(-1, *(1,) * (x.ndim - 2))
    N = N or x.size // x.shape[1]
    xmu = x - np.mean(x, axis=axes, keepdims=True)
    ivar = 1 / np.sqrt(np.var(x, axis=axes, keepdims=True) + call.settings["eps"])
    dxhat = dout * gamma
    dvar = np.sum(dxhat * xmu, axis=axes, keepdims=True) * -0.5 * ivar**3
    dmu = -np.sum(dxhat, axis=axes, keepdims=True) * ivar - 2 * dvar * np.mean(xmu, axis=axes, keepdims=True)
    return (dxhat * ivar + 2 * dvar * xmu / N + (dmu / N if of_mean else 0)).astype(x.dtype)


def gradient_through_the_variance_only(call):
    return batch_step_by_step(call, of_mean=False)


def number_of_images_for_that_of_rows(call):
    return batch_step_by_step(call, N=len(call.inputs["x"]))


def rows_without_transpose(call):
    x, w, b = call.inputs["x"], call.parameters["weight"], call.parameters["bias"]
    rows = x.reshape(-1, x.shape[1])
    mean, var = rows.mean(0), rows.var(0)
    if not call.training:
        mean, var = call.buffers["running_mean"], call.buffers["running_var"]
    return (w * (rows - mean) / np.sqrt(var + call.settings["eps"]) + b).reshape(x.shape)


def squares_minus_square(call):
    x, w, b = call.inputs["x"], call.parameters["weight"], call.parameters["bias"]
    if not call.training:
        return run_twin(call)["out"]
    N, C, H, W = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(-1, C)
    mu = np.mean(rows, axis=0)
    var = np.mean(rows**2, axis=0) - mu**2
    return (w * (rows - mu) / np.sqrt(var + call.settings["eps"]) + b).reshape(N, H, W, C).transpose(0, 3, 1, 2)


def decay_times_the_old(call):
    old, x = call.buffers["running_var"], call.inputs["x"]
    if not call.training:
        return old
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    decay = 1 - call.settings["momentum"]
    return (decay * old + (1 - decay) * np.mean((rows - rows.mean(0)) ** 2, axis=0)).astype(x.dtype)


def standard_deviation_of_torch(call):
    x, w, b = call.inputs["x"], call.parameters["weight"], call.parameters["bias"]
    return w * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True, ddof=1) + call.settings["eps"]) + b


def layer_from_batch_norm(call):
    x, dout, w = call.inputs["x"], call.upstream["dout"], call.parameters["weight"]
    std = np.sqrt(x.var(axis=1, keepdims=True) + call.settings["eps"])
    xhat, d = (x - x.mean(axis=1, keepdims=True)) / std, dout * w
    return (d - d.sum(axis=1, keepdims=True) / len(x) - xhat * (d * xhat).sum(axis=1, keepdims=True) / len(x)) / std


def batch(settings):
    return settings["affine"] and settings["track_running_stats"] and settings["momentum"] is not None


def of_rows(settings):
    size = settings["normalized_shape"]
    return settings["elementwise_affine"] and settings["bias"] and isinstance(size, int) and size > 1


# ---- the others


def outer_products_the_wrong_way(call):
    x, dout = (a.reshape(-1, a.shape[-1]) for a in (call.inputs["x"], call.upstream["dout"]))
    return sum(np.outer(row, given) for row, given in zip(x, dout))


def logarithm_with_an_epsilon(call):
    x, target = call.inputs["x"].astype(np.float64), call.inputs["target"]
    total = 0.0
    for row, label in zip(x, target):
        e = [math.exp(value - max(row)) for value in row]
        total -= math.log(e[label] / sum(e) + 1e-8)
    return np.asarray(total / len(x), call.inputs["x"].dtype)


def quotient_of_large_exponentials(call):
    x, target = call.inputs["x"], call.inputs["target"]
    with np.errstate(all="ignore"):
        p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(x)), target]).mean()


def gradient_without_the_mean(call):
    x, target = call.inputs["x"], call.inputs["target"]
    dx = np.exp(x - x.max(1)[:, None])
    dx /= dx.sum(1)[:, None]
    dx[np.arange(len(x)), target] -= 1
    return dx * call.upstream["dout"]


def jacobian_of_the_diagonal(call):
    x, dout = (np.moveaxis(a, call.settings["dim"], -1) for a in (call.inputs["x"], call.upstream["dout"]))
    dx = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        p = np.exp(x[place] - x[place].max())
        p = p / p.sum()
        dx[place] = np.diag(p * (1 - p)) @ dout[place]
    return np.moveaxis(dx, -1, call.settings["dim"])


def slope_in_the_input(call):
    dx = [g * v * (1 - v) for g, v in zip(call.upstream["dout"].ravel(), call.inputs["x"].ravel())]
    return np.array(dx, call.inputs["x"].dtype).reshape(call.inputs["x"].shape)


def labels(settings):
    plain = settings["label_smoothing"] == 0 and settings["ignore_index"] < 0 and settings["weight"] is None
    return settings["reduction"] == "mean" and plain


FORMS = [
    ("Conv2d", "dx", crop_in_scalar_loops, square, "crop-with-zero-padding"),
    ("Conv2d", "dx", assigning_windows_of_all_filters, square, "assign-instead-of-add"),
    ("Conv2d", "out", windows_that_move_by_one, square, "stride-ignored"),
    ("Conv2d", "out", one_output_size, square, "height-for-width"),
    ("Conv2d", "dweight", gradient_of_the_mean, square, "mean-over-batch"),
    ("Conv2d", "dweight", im2col_of_the_unpadded_image, square, "padded-gradient-from-unpadded-input"),
    ("MaxPool2d", "dx", mask_of_equal_maxima, square, "ties-all"),
    ("MaxPool2d", "dx", assigning_to_the_maximum, square, "assign-instead-of-add"),
    ("MaxPool2d", "out", maximum_with_zeros_around, square, "zero-padding-in-max"),
    ("MaxPool2d", "dx", index_into_the_image, square, "argmax-in-flattened-image"),
    ("AvgPool2d", "dx", average_without_division, square, "average-backward-not-divided"),
    ("Linear", "dweight", outer_products_the_wrong_way, lambda settings: True, "weight-gradient-transposed"),
    ("CrossEntropyLoss", "out", logarithm_with_an_epsilon, labels, "epsilon-in-log"),
    ("CrossEntropyLoss", "out", quotient_of_large_exponentials, labels, "log-of-zero+softmax-not-shifted"),
    ("CrossEntropyLoss", "dx", gradient_without_the_mean, labels, "missing-batch-mean"),
    ("Softmax", "dx", jacobian_of_the_diagonal, lambda settings: True, "softmax-diagonal-only"),
    ("BatchNorm1d", "dx", gradient_through_the_variance_only, batch, "mean-path-missing"),
    ("BatchNorm2d", "dx", number_of_images_for_that_of_rows, batch, "divides-by-N-not-NHW"),
    ("BatchNorm2d", "out", rows_without_transpose, batch, "reshape-without-moving-axis"),
    ("BatchNorm2d", "out", squares_minus_square, batch, "one-pass-variance"),
    ("BatchNorm3d", "running_var", decay_times_the_old, batch, "biased-running-variance"),
    ("LayerNorm", "out", standard_deviation_of_torch, of_rows, "eps-outside-sqrt+unbiased-normalisation"),
    ("LayerNorm", "dx", layer_from_batch_norm, of_rows, "divides-by-batch-size"),
    ("Sigmoid", "dx", slope_in_the_input, lambda settings: True, "derivative-of-input-not-output"),
]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS, ids=[form[2].__name__ for form in FORMS])
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    subject = Wrong(spec, tensor, compute, takes)

    def offered(setting):
        return takes(SPECS[spec].complete(setting.args)) and (
            len(setting.shapes["x"]) == 2
            if spec == "LayerNorm"
            else spec != "CrossEntropyLoss" or len(setting.shapes["x"]) == 2 != len(setting.shapes["target"])
        )

    judgement = judge(subject, default_cases(SPECS[spec], offered, 72)[0])
    fresh = default_cases(SPECS[spec], offered, 48, 1000)[0]
    found = diagnose(judgement, tensor, lambda case: judge_case(subject, case), fresh)
    assert found is not None
    assert "+".join(sorted(mistake.id for mistake in found.mistakes)) == id


RIGHT = [Scratchnet(spec) for spec in by_layer()] + [Naive(spec) for spec in by_layer() if spec in LOOPS]


@pytest.mark.parametrize("subject", RIGHT, ids=lambda subject: subject.implements)
def test_right_implementation_gets_none(subject):
    judgement = judge(subject, default_cases(SPECS[subject.spec], count=24)[0])
    assert not judgement.failed
    for tensor in judgement.tensors:
        assert diagnose(judgement, tensor, lambda case: judge_case(subject, case)) is None
