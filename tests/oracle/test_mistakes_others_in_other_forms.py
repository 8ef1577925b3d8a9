"""Mistakes of Unfold and Fold, of the rarer poolings, of local response normalisation, of rarer optimizers and of
options, as people write them: im2col with gathered indices, sliding windows, np.repeat, scalar steps. The diagnosis
gives the name; and what is right in another form is right.
"""

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from oracle.diagnosis import diagnose
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.layers.spec import per_axis
from oracle.selection import default_cases
from tests.oracle.test_mistakes_in_other_forms import Wrong


def both_axes(call, *names):
    return [per_axis(call.settings[name], 2) for name in names]


def padded(x, P):
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in P)))


# ---- Unfold and Fold


def gathered(call, rows_of):
    """im2col with index arrays: `rows_of(c, r, s)` puts the three into the order of the rows."""
    (R, S), stride, P, D = both_axes(call, "kernel_size", "stride", "padding", "dilation")
    x = padded(call.inputs["x"], P)
    C, H, W = x.shape[1:]
    H2, W2 = (H - D[0] * (R - 1) - 1) // stride[0] + 1, (W - D[1] * (S - 1) - 1) // stride[1] + 1
    c, r, s = rows_of(*np.meshgrid(np.arange(C), np.arange(R), np.arange(S), indexing="ij"))
    y, z = np.divmod(np.arange(H2 * W2), W2)
    i, j = r.reshape(-1, 1) * D[0] + y * stride[0], s.reshape(-1, 1) * D[1] + z * stride[1]
    return x[:, c.reshape(-1, 1), i, j]


def channels_innermost(call):
    return gathered(call, lambda c, r, s: [np.moveaxis(a, 0, -1) for a in (c, r, s)])


def channels_outermost(call):
    return gathered(call, lambda c, r, s: (c, r, s))


def windows_as_rows(call):
    (F, _), (S, _), P = both_axes(call, "kernel_size", "stride", "padding")
    windows = sliding_window_view(padded(call.inputs["x"], P), (F, F), (2, 3))[:, :, ::S, ::S]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(len(windows), -1, windows.shape[1] * F * F)


def window_after_window(call, columns, sizes, add):
    (F, _), (S, _), (P, _) = both_axes(call, "kernel_size", "stride", "padding")
    H, W = sizes
    image = np.zeros((len(columns), columns.shape[1] // F**2, H + 2 * P, W + 2 * P), columns.dtype)
    W2 = (W + 2 * P - F) // S + 1
    for place in range(columns.shape[2]):
        y, x = place // W2 * S, place % W2 * S
        window = columns[:, :, place].reshape(*image.shape[:2], F, F)
        image[:, :, y : y + F, x : x + F] = add * image[:, :, y : y + F, x : x + F] + window
    return image[:, :, P : P + H, P : P + W]


def last_window_stays(call):
    return window_after_window(call, call.upstream["dout"], call.inputs["x"].shape[2:], 0)


def all_windows_added(call):
    return window_after_window(call, call.upstream["dout"], call.inputs["x"].shape[2:], 1)


def mean_of_the_windows(call):
    x, sizes = call.inputs["x"], per_axis(call.settings["output_size"], 2)
    times = window_after_window(call, np.ones_like(x), sizes, 1)
    return window_after_window(call, x, sizes, 1) / np.where(times == 0, 1, times)


def images(settings, shapes):
    return len(shapes["x"]) == (3 if "output_size" in settings else 4)


def square(settings, shapes):
    numbers = [settings[name] for name in ("kernel_size", "stride", "padding")]
    return images(settings, shapes) and settings["dilation"] == 1 and all(isinstance(n, int) for n in numbers)


# ---- pooling


def into_the_flat_array(call):
    x, indices = call.inputs["x"], call.inputs["indices"]
    out = np.zeros(call.upstream["dout"].shape, x.dtype)
    np.put(out, indices, x)
    return out


def repeated_rows_and_columns(call):
    x, (R, S) = call.inputs["x"], per_axis(call.settings["kernel_size"], 2)
    return x.repeat(R, axis=-2).repeat(S, axis=-1)


def from_the_corners(call):
    (R, S), dout = per_axis(call.settings["kernel_size"], 2), call.upstream["dout"]
    return dout[..., ::R, ::S].copy()


def side_by_side(settings, shapes):
    return settings["stride"] is None and settings["padding"] == 0


def powers(call):
    """(x in windows (..., H2, W2, R*S), p), for windows that lie in the image."""
    kernel = per_axis(call.settings["kernel_size"], 2)
    stride = kernel if call.settings["stride"] is None else per_axis(call.settings["stride"], 2)
    windows = sliding_window_view(call.inputs["x"], kernel, (-2, -1))[..., :: stride[0], :: stride[1], :, :]
    return windows.reshape(*windows.shape[:-2], -1), call.settings["norm_type"]


def root_mean_power(call):
    windows, p = powers(call)
    return np.asarray((windows**p).mean(-1) ** (1 / p), call.inputs["x"].dtype)


def vector_norm(call):
    windows, p = powers(call)
    return np.asarray(np.linalg.norm(windows, p, axis=-1), call.inputs["x"].dtype)


def sum_of_powers(call):
    windows, p = powers(call)
    return np.asarray((windows**p).sum(-1) ** (1 / p), call.inputs["x"].dtype)


def finite(settings, shapes):
    return not settings["ceil_mode"] and settings["norm_type"] < math.inf


def place_in_the_window(call):
    x, dout = call.inputs["x"], call.upstream["dout"]
    R, S, P = (call.settings[name] for name in ("kernel_size", "stride", "padding"))
    xp = np.pad(x, ((0, 0), (0, 0), (P, P), (P, P)), constant_values=-np.inf)
    indices = np.zeros(dout.shape, np.int64)
    for n, c, y, z in np.ndindex(dout.shape):
        indices[n, c, y, z] = xp[n, c, y * S : y * S + R, z * S : z * S + R].argmax()
    return indices


def plain_numbers(settings, shapes):
    numbers = all(isinstance(settings[name], int) for name in ("kernel_size", "stride", "padding"))
    return numbers and settings["dilation"] == 1 and not settings["ceil_mode"]


# ---- a convolution with a border of the image's own values


def convolved(call, mode):
    x, w, P = call.inputs["x"], call.parameters["weight"], call.settings["padding"]
    xp = np.pad(x, ((0, 0), (0, 0), (P, P), (P, P)), mode=mode)
    windows = sliding_window_view(xp, w.shape[2:], (2, 3))[:, :, :: call.settings["stride"], :: call.settings["stride"]]
    out = np.einsum("nchwrs,kcrs->nkhw", windows, w)
    return out + call.parameters["bias"].reshape(-1, 1, 1) if "bias" in call.parameters else out


def outermost_value_twice(call):
    mode = call.settings["padding_mode"]
    return convolved(call, "constant" if mode == "zeros" else "symmetric")


def numpys_modes(call):
    names = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return convolved(call, names[call.settings["padding_mode"]])


def cut_out_of_the_padded_gradient(call):
    x, w, dout = call.inputs["x"], call.parameters["weight"], call.upstream["dout"]
    S, P = call.settings["stride"], call.settings["padding"]
    dxp = np.zeros((*x.shape[:2], *(n + 2 * P for n in x.shape[2:])), x.dtype)
    for n, k, y, z in np.ndindex(dout.shape):
        dxp[n, :, y * S : y * S + w.shape[2], z * S : z * S + w.shape[3]] += dout[n, k, y, z] * w[k]
    return dxp[:, :, P : P + x.shape[2], P : P + x.shape[3]]


def without_dilation(settings, shapes):
    numbers = isinstance(settings["stride"], int) and isinstance(settings["padding"], int)
    return numbers and settings["dilation"] == settings["groups"] == 1


# ---- local response normalisation


def scales(call, alpha):
    x, size = call.inputs["x"], call.settings["size"]
    S = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : min(x.shape[1], c + (size - 1) // 2 + 1)]
        S[:, c] = call.settings["k"] + alpha * (near**2).sum(1)
    return S


def of_the_paper(call):
    return call.inputs["x"] / scales(call, call.settings["alpha"]) ** call.settings["beta"]


def of_torch(call):
    return call.inputs["x"] * scales(call, call.settings["alpha"] / call.settings["size"]) ** -call.settings["beta"]


def scale_as_a_constant(call):
    return call.upstream["dout"] / scales(call, call.settings["alpha"] / call.settings["size"]) ** call.settings["beta"]


# ---- optimizers, one weight after the other


def each_weight(call, steps):
    """`steps(gradients of one weight, the weight)` for each."""
    g, weight = call.inputs["g"], call.buffers["weight"]
    found = [steps(g[(slice(None), *place)].tolist(), float(weight[place])) for place in np.ndindex(weight.shape)]
    return np.array(found, weight.dtype).reshape(weight.shape)


def resilient(call, after_a_change):
    lr, (minus, plus), (least, most) = (call.settings[name] for name in ("lr", "etas", "step_sizes"))

    def steps(gradients, weight):
        last, size = 0.0, lr
        for g in gradients:
            g = -g if call.settings["maximize"] else g
            if g * last > 0:
                size = min(size * plus, most)
            elif g * last < 0:
                size = max(size * minus, least)
                g *= after_a_change
            size = min(max(size, least), most)
            weight -= math.copysign(size, g) if g else 0.0
            last = g
        return weight

    return each_weight(call, steps)


def steps_on_after_a_change(call):
    return resilient(call, 1.0)


def waits_after_a_change(call):
    return resilient(call, 0.0)


def mean_of_all_weights(call):
    lr, lambd, alpha, decay = (call.settings[name] for name in ("lr", "lambd", "alpha", "weight_decay"))

    def steps(gradients, weight):
        eta, passed = lr, []
        for t, g in enumerate(gradients, 1):
            g = (-g if call.settings["maximize"] else g) + decay * weight
            weight -= eta * (g + lambd * weight)
            passed.append(weight)
            eta = lr * (1 + lambd * lr * t) ** -alpha
        return sum(passed) / len(passed)

    return each_weight(call, steps)


def zeropower(call, factor):
    """As in Keller Jordan's own code: X X^T on the short side."""
    (a, b, c), weight, v = call.settings["ns_coefficients"], call.buffers["weight"].astype(np.float64), 0.0
    mu, lr = call.settings["momentum"], call.settings["lr"]
    for g in call.inputs["g"].astype(np.float64):
        v = mu * v + (1 - mu) * g
        X = mu * v + (1 - mu) * g if call.settings["nesterov"] else v
        X = X / max(np.linalg.norm(X), call.settings["eps"])
        tall = X.shape[0] > X.shape[1]
        X = X.T if tall else X
        for _ in range(call.settings["ns_steps"]):
            A = X @ X.T
            X = a * X + (b * A + c * A @ A) @ X
        X = X.T if tall else X
        weight = weight * (1 - lr * call.settings["weight_decay"]) - lr * factor(*X.shape) * X
    return weight.astype(call.buffers["weight"].dtype)


def same_rate_for_every_shape(call):
    return zeropower(call, lambda rows, columns: 1)


def rate_of_the_shape(call):
    to_rms = call.settings["adjust_lr_fn"] == "match_rms_adamw"
    return zeropower(call, lambda rows, columns: 0.2 * max(rows, columns) ** 0.5 if to_rms else
                     max(1, rows / columns) ** 0.5)  # fmt: skip


def anything(settings, shapes):
    return True


FORMS = [
    ("Unfold", "out", channels_innermost, images, "row-order"),
    ("Unfold", "out", windows_as_rows, square, "columns-transposed"),
    ("Unfold", "dx", last_window_stays, square, "assign-instead-of-add"),
    ("Fold", "out", mean_of_the_windows, square, "overlap-averaged"),
    ("MaxUnpool2d", "out", into_the_flat_array, anything, "indices-of-whole-array"),
    ("MaxUnpool2d", "out", repeated_rows_and_columns, side_by_side, "spread-over-window"),
    ("MaxUnpool2d", "dx", from_the_corners, side_by_side, "indices-ignored"),
    ("LPPool2d", "out", root_mean_power, finite, "mean-not-sum"),
    ("LPPool2d", "out", vector_norm, finite, "absolute-value-taken"),
    ("MaxPool2d", "indices", place_in_the_window, plain_numbers, "indices-of-window"),
    ("Conv2d", "out", outermost_value_twice, without_dilation, "padding-wrong-mode"),
    ("Conv2d", "dx", cut_out_of_the_padded_gradient, without_dilation, "border-gradient-dropped"),
    ("LocalResponseNorm", "out", of_the_paper, anything, "alpha-not-divided"),
    ("LocalResponseNorm", "dx", scale_as_a_constant, anything, "window-path-missing"),
    ("Rprop", "weight", steps_on_after_a_change, anything, "step-after-sign-change"),
    ("ASGD", "ax", mean_of_all_weights, anything, "t0-ignored"),
    ("Muon", "weight", same_rate_for_every_shape, anything, "adjust-lr-ignored"),
]

RIGHT = [
    ("Unfold", "out", channels_outermost, images),
    ("Unfold", "dx", all_windows_added, square),
    ("LPPool2d", "out", sum_of_powers, finite),
    ("Conv2d", "out", numpys_modes, without_dilation),
    ("LocalResponseNorm", "out", of_torch, anything),
    ("Rprop", "weight", waits_after_a_change, anything),
    ("Muon", "weight", rate_of_the_shape, anything),
]


def judged(spec, tensor, compute, takes, count):
    """(the judgement, what it takes to judge another case, more cases)"""
    subject = Wrong(spec, tensor, compute, lambda settings: True)

    def offered(setting):
        return takes(SPECS[spec].complete(setting.args), setting.shapes)

    cases = [default_cases(SPECS[spec], offered, *more)[0] for more in ((count,), (24, 1000))]
    return judge(subject, cases[0]), lambda case: judge_case(subject, case), cases[1]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS, ids=[form[2].__name__ for form in FORMS])
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    judgement, judge_again, fresh = judged(spec, tensor, compute, takes, 30)
    found = diagnose(judgement, tensor, judge_again, fresh)
    assert found is not None
    assert [mistake.id for mistake in found.mistakes] == [id]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes"), RIGHT, ids=[form[2].__name__ for form in RIGHT])
def test_right_form_is_right(spec, tensor, compute, takes):
    judgement, judge_again, _ = judged(spec, tensor, compute, takes, 24)
    assert not judgement.failed
    assert diagnose(judgement, tensor, judge_again) is None
