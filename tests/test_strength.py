"""How strong the gate is: one line of scratchnet/ops is edited, and the first dozen settings of the layer must show it.

The edits are mistakes that people make. The edited source is compiled in memory, and the code of its functions takes
the place of the original's for the length of one test; no file is written.
"""

import types
from importlib import import_module
from pathlib import Path

import pytest

import scratchnet.ops
from oracle.cases import make
from oracle.judge import judge_case
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.selection import FIRST, default_cases, grid
from oracle.subjects.scratchnet import Scratchnet

OPS = Path(scratchnet.ops.__file__).parent
CONVOLUTIONS, MAXIMA, MEANS = (" ".join(f"{kind}{n}d" for n in (1, 2, 3)) for kind in ("Conv", "MaxPool", "AvgPool"))

# what is wrong: (file, what stands there, what is written instead, the layers in which it must be seen)
EDITS = {
    "bias dropped": ("conv", "if b is not None:", "if False:", CONVOLUTIONS),
    "kernel rotated in dx": (
        "conv",
        "columns = _by_group(w, groups).swapaxes(-1, -2) @ rows",
        "columns = _by_group(w[:, :, ::-1, ::-1], groups).swapaxes(-1, -2) @ rows",
        "Conv2d",
    ),
    "dilation ignored in dw": (
        "conv",
        "columns = _columns(xp[some], shape[2:], stride, dilation, dout.shape[2:], groups)",
        "columns = _columns(xp[some], shape[2:], stride, (1,) * len(stride), dout.shape[2:], groups)",
        CONVOLUTIONS,
    ),
    "gradient of the bias of one image": (
        "conv",
        "db = dout.sum(axis=(0, *range(2, dout.ndim)))",
        "db = dout.sum(axis=tuple(range(2, dout.ndim)))[0]",
        CONVOLUTIONS,
    ),
    "gradient of the padding kept": ("conv", "return crop(dxp, padding), dw, db", "return dxp, dw, db", CONVOLUTIONS),
    "cropped at the wrong end": (
        "padding",
        "slice(before, before + size)",
        "slice(0, size)",
        "Conv2d",
    ),
    "= for += where windows overlap": (
        "windows",
        "xp[place] += columns",
        "xp[place] = columns",
        CONVOLUTIONS,
    ),
    "stride dropped in dx": (
        "windows",
        "place = (slice(r * d, r * d + s * (o - 1) + 1, s)",
        "place = (slice(r * d, r * d + (o - 1) + 1, 1)",
        "Conv2d",
    ),
    "stride dropped in forward": (
        "windows",
        "*(step * s for step, s in zip(steps, stride, strict=True)),",
        "*(step * 1 for step, s in zip(steps, stride, strict=True)),",
        CONVOLUTIONS,
    ),
    "output size rounded up": (
        "windows",
        "return (size + padding - extent) // stride + 1",
        "return -(-(size + padding - extent) // stride) + 1",
        "Conv2d MaxPool2d AvgPool2d",
    ),
    "maximum that overlaps taken once": (
        "pooling",
        "np.add.at(dx, places.ravel(), dout.ravel())",
        "dx[places.ravel()] = dout.ravel()",
        MAXIMA,
    ),
    "padding can be the maximum": (
        "pooling",
        "dilation, out_sizes), -np.inf)",
        "dilation, out_sizes), 0)",
        MAXIMA,
    ),
    "maximum of the first tap": (
        "pooling",
        "_flat(steps, sizes).take(winner)",
        "_flat(steps, sizes).take(0 * winner)",
        MAXIMA,
    ),
    "average not divided": ("pooling", "out /= divisor", "out /= 1", MEANS),
    "average not divided in dx": ("pooling", "share = dout / divisor", "share = dout", MEANS),
    "padding always counts": (
        "pooling",
        "border = padding if count_include_pad else (0,) * len(kernel)",
        "border = padding",
        MEANS,
    ),
    "mask of relu from dout": (
        "activation_piecewise",
        "return dout * ~(x <= 0)",
        "return dout * ~(dout <= 0)",
        "ReLU",
    ),
    "sigmoid without the product": (
        "activation_smooth",
        "return dout * out * (1 - out)",
        "return dout * (1 - out)",
        "Sigmoid",
    ),
    "tanh without the square": (
        "activation_smooth",
        "return dout * (1 - out * out)",
        "return dout * (1 - out)",
        "Tanh",
    ),
    "softmax without cross terms": (
        "softmax",
        "return p * (dout - (dout * p).sum(axis=axis, keepdims=True))",
        "return p * (dout - dout * p)",
        "Softmax",
    ),
    "softmax of all elements": (
        "softmax",
        "out = e / e.sum(axis=axis, keepdims=True)",
        "out = e / e.sum()",
        "Softmax",
    ),
    "upstream gradient taken for 1": (
        "softmax",
        "return dout - np.exp(logp) * dout.sum(axis=axis, keepdims=True)",
        "return dout - np.exp(logp)",
        "LogSoftmax CrossEntropyLoss",
    ),
    "cross entropy without the mean": (
        "loss",
        'return losses.sum() / divisor if reduction == "mean" else losses.sum()',
        "return losses.sum()",
        "CrossEntropyLoss MSELoss",
    ),
    "mean forgotten in the gradient": (
        "loss",
        'return dout / divisor if reduction == "mean" else dout',
        "return dout",
        "CrossEntropyLoss MSELoss",
    ),
    "the two of the square": ("loss", "dx = 2 * difference *", "dx = difference *", "MSELoss"),
    "half of the square": ("loss", "return 0.5 * (difference", "return 1.0 * (difference", "HalfSquaredError"),
    "upstream gradient of a loss dropped": ("loss", "dx = dout * cache\n", "dx = 1 * cache\n", "HalfSquaredError"),
    "batch not summed": ("linear", "return dx, dw, rows.sum(axis=0)", "return dx, dw, rows.mean(axis=0)", "Linear"),
    "weights not transposed": ("linear", "dw = rows.T @ x.reshape", "dw = -rows.T @ x.reshape", "Linear"),
    "running mean without the old one": (
        "normalization",
        "running *= 1 - momentum",
        "running *= 1",
        "BatchNorm1d BatchNorm2d",
    ),
    "momentum of the old value": (
        "normalization",
        "running += momentum * new",
        "running += (1 - momentum) * new",
        "BatchNorm1d BatchNorm2d",
    ),
    "no path through the variance": (
        "normalization",
        "dx = g - _mean(g, axes) - xh * _mean(g * xh, axes)",
        "dx = g - _mean(g, axes)",
        "BatchNorm1d BatchNorm2d LayerNorm GroupNorm InstanceNorm2d",
    ),
    "no path through the mean": (
        "normalization",
        "dx = g - _mean(g, axes) - xh * _mean(g * xh, axes)",
        "dx = g - xh * _mean(g * xh, axes)",
        "BatchNorm1d BatchNorm2d LayerNorm GroupNorm InstanceNorm2d",
    ),
    "eps outside of the root": (
        "normalization",
        "s = np.sqrt(var + eps)",
        "s = np.sqrt(var) + eps",
        "BatchNorm2d LayerNorm",
    ),
    "flattened to one axis too few": (
        "shape",
        "def flatten_backward(dout: np.ndarray, cache: Any) -> np.ndarray:\n    return dout.reshape(cache)",
        "def flatten_backward(dout: np.ndarray, cache: Any) -> np.ndarray:\n    return dout",
        "Flatten",
    ),
    "equal indices taken once": (
        "embedding",
        "np.add.at(dw, x.reshape(-1), dout.reshape(-1, shape[1]))",
        "dw[x.reshape(-1)] += dout.reshape(-1, shape[1])",
        "Embedding",
    ),
    "gradient of the padding row": ("embedding", "dw[padding_idx] = 0", "pass", "Embedding"),
    "not divided by the frequency": ("embedding", "if by_frequency:", "if False:", "Embedding"),
    "no gradient through time": (
        "recurrent",
        "dstate = (dr[t] @ weights.w_hh + direct[0], *direct[1:])",
        "dstate = (0 * (dr[t] @ weights.w_hh), *direct[1:])",
        "RNN GRU LSTM",
    ),
    "weight of the state from the last step alone": (
        "recurrent",
        "_, dw_hh, db_hh = linear_backward(dr, (before, weights.w_hh))",
        "_, dw_hh, db_hh = linear_backward(dr[-1:], (before[-1:], weights.w_hh))",
        "RNN GRU LSTM",
    ),
    "state after the step in dw_hh": ("recurrent", "before[t] = state[0]", "before[t] = out[t - 1]", "RNN GRU LSTM"),
    "second direction reads forward": (
        "recurrent",
        "steps = range(len(x))[::-1] if reverse else range(len(x))",
        "steps = range(len(x))",
        "RNN GRU LSTM",
    ),
    "reset gate on the input too": ("recurrent", "np.tanh(a_n + R * r_n)", "np.tanh(R * (a_n + r_n))", "GRU GRUCell"),
    "update gate the other way": (
        "recurrent",
        "return ((1 - z) * n + z * before,)",
        "return (z * n + (1 - z) * before,)",
        "GRU GRUCell",
    ),
    "nothing goes past the update gate": ("recurrent", "axis=1), (dh * z,)", "axis=1), (0 * dh,)", "GRU GRUCell"),
    "gates in another order": (
        "recurrent",
        "a_i, a_f, a_g, a_o = np.split(a + r, 4, axis=1)",
        "a_i, a_f, a_o, a_g = np.split(a + r, 4, axis=1)",
        "LSTM LSTMCell",
    ),
    "cell forgets its gradient": ("recurrent", "dc = dc + dh * o", "dc = dh * o", "LSTM LSTMCell"),
    "no path through the cell": ("recurrent", "da, da, (0, dc * f)", "da, da, (0, 0 * dc)", "LSTM LSTMCell"),
    "scores not scaled": ("attention", "scores = (q / sqrt(q.shape[-1]))", "scores = q", "MultiheadAttention"),
    "scale forgotten in dq": ("attention", "return (dscores @ k) * scale", "return dscores @ k", "MultiheadAttention"),
    "mask ignored": ("attention", "scores = scores + mask", "scores = scores", "MultiheadAttention"),
    "dropout forgotten in dp": (
        "attention",
        "dp = dp if factor is None else dp * factor",
        "dp = dp",
        "MultiheadAttention",
    ),
    "gradient of the weights dropped": (
        "attention",
        "dp = through_out if dweights is None else through_out + dweights",
        "dp = through_out",
        "MultiheadAttention",
    ),
    "heads side by side in the wrong order": (
        "attention",
        "return x.transpose(2, 0, 1, 3).reshape(",
        "return x.transpose(2, 0, 3, 1).reshape(",
        "MultiheadAttention",
    ),
}


def functions(namespace):
    return {name: value for name, value in namespace.items() if isinstance(value, types.FunctionType)}


@pytest.mark.parametrize("file, old, new, layers", EDITS.values(), ids=EDITS)
def test_the_edit_is_seen_and_names_the_layer(monkeypatch, file, old, new, layers):
    source = (OPS / f"{file}.py").read_text()
    assert source.count(old) == 1, f"{old!r} must stand once in ops/{file}.py"
    original, edited = import_module(f"scratchnet.ops.{file}"), {"__name__": f"scratchnet.ops.{file}"}
    exec(compile(source.replace(old, new), f"<{file}.py, edited>", "exec"), edited)
    for name, function in functions(edited).items():
        if function.__module__ == original.__name__:
            monkeypatch.setattr(getattr(original, name), "__code__", function.__code__)
    assert [layer for layer in layers.split() if not fails(layer)] == []


def fails(layer):
    spec = SPECS[layer]
    first = [make(spec, setting) for setting in grid(spec)[:FIRST]]
    cases = [case for case in default_cases(spec)[0] if make(spec, Setting(case.args, case.shapes)) in first]
    return any(judge_case(Scratchnet(layer), case).failed for case in cases)


@pytest.mark.parametrize("layer", sorted({layer for *_, layers in EDITS.values() for layer in layers.split()}))
def test_without_an_edit_nothing_is_seen(layer):
    assert not fails(layer)
