"""Classes with torch's names: every layer that scratchnet has, as a class of a file that says nothing but these names,
is found, bound by them and right.
"""

import re
import shutil
import textwrap
from pathlib import Path

import pytest

import scratchnet.nn
from oracle.checking import check, takes
from oracle.judge import judge
from oracle.layers import FAMILY, SPECS
from oracle.selection import default_cases, grid
from oracle.subjects.names import spec_of
from oracle.subjects.target import TargetError, open_target

CASES = 3
WITHOUT = {
    "RReLU": "draws its slopes itself",
    "Transformer": "the name of someone's network",
}
LAYERS = [name for name in SPECS if FAMILY[name] != "optim" and name not in WITHOUT]

HEAD = """
import numpy as np
from scratchnet import nn


def buffers(layer):
    return [name for name in layer._buffers if name != "num_batches_tracked"]


def parts(own, layer):
    for name, parameter in layer.named_parameters():
        setattr(own, name.replace(".", "_"), parameter.data.astype(float))
    for name in buffers(layer):
        setattr(own, name, getattr(layer, name))


def call(own, layer, *inputs, **more):
    for name, parameter in layer.named_parameters():
        parameter.data = getattr(own, name.replace(".", "_"))
    for name in buffers(layer):
        setattr(layer, name, getattr(own, name))
    out = layer(*inputs, **more)
    for name in buffers(layer):
        setattr(own, name, getattr(layer, name))
    return out


def back(own, layer, *douts):
    returned = layer.backward(*douts)
    for name, parameter in layer.named_parameters():
        setattr(own, "d" + name.replace(".", "_"), parameter.grad)
    return returned


def mask(x, lead, p):
    shape = x.shape[:lead] + (1,) * (x.ndim - lead) if lead else x.shape
    return np.random.rand(*shape) < 1 - p
"""
CLASS = """

class {name}:
    def __init__({declared}):
        self.layer = nn.{name}({handed})
        self.p = {p}
        parts(self, self.layer)

    def forward(self, {inputs}{training}):
        {mode}
        return call(self, self.layer, {given}{mask})

    def backward(self, {douts}):
        return back(self, self.layer, {gradients})
"""


def class_text(name):
    """A class around scratchnet's layer, with torch's names."""
    spec = SPECS[name]
    setting = grid(spec)[0]
    tensors = spec.tensors(spec.complete(setting.args), setting.shapes)
    settings, _ = spec.split(dict.fromkeys(spec.required) | dict(spec.defaults))
    declared = [n if n in spec.required else f"{n}={spec.defaults[n]!r}" for n in settings]
    lead = {"Dropout": 0, "AlphaDropout": 0}.get(name, 2)
    douts = [f"d{n}" for n in tensors.outputs]
    given = [f"{n}={n}" if n in spec.optional and n != "h0" else n for n in spec.inputs]
    if name.startswith("LSTM"):
        given = ["x", "None if h0 is None else (h0, c0)"]
    return CLASS.format(
        name=name, declared=", ".join(["self", *declared]), handed=", ".join(f"{n}={n}" for n in settings),
        p="p" if "mask" in tensors.buffers else "0",
        inputs=", ".join(n if n not in spec.optional else f"{n}=None" for n in spec.inputs),
        training=", training=True" if "eval" in spec.modes else "",
        mode="self.layer.train(training)" if "eval" in spec.modes else "pass",
        given=", ".join(given),
        mask=f", mask=mask(x, {lead}, self.p) if training else None" if "mask" in tensors.buffers else "",
        gradients="dout, (dh_n, dc_n)" if name == "LSTM" else ", ".join(douts),
        douts=", ".join(douts),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    shutil.copytree(Path(scratchnet.nn.__file__).parents[1], folder / "scratchnet",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    return folder


@pytest.mark.parametrize("family", dict.fromkeys(FAMILY[name] for name in LAYERS))
def test_classes_with_torchs_names_are_found_and_right(folder, family):
    names = [name for name in LAYERS if FAMILY[name] == family]
    path = folder / f"{family}_of_mine.py"
    path.write_text(HEAD + "".join(map(class_text, names)))
    with open_target(str(path), timeout=20) as opened:
        assert [subject.spec for subject in opened.subjects] == names, (opened.problems, opened.unjudged)
        for subject in opened.subjects:
            offered = lambda setting, subject=subject: takes(subject, setting)  # noqa: E731
            cases, _ = default_cases(SPECS[subject.spec], offered, CASES, 0, subject.fixed)
            judgement = judge(subject, cases)
            assert cases and not judgement.failed, judgement.failed[0]


@pytest.mark.parametrize(
    "name, spec",
    [("lstm_cell", "LSTMCell"), ("GRULayer", "GRU"), ("Dropout2D", "Dropout2d"), ("Huber", "HuberLoss"),
     ("BCE", "BCELoss"), ("triplet_margin_loss", "TripletMarginLoss"), ("MyEmbedding", "Embedding"),
     ("MultiHeadAttention", "MultiheadAttention"), ("Transformer", None),
     ("L1", None), ("Adam", None), ("SGD", None), ("SoftMax2D", "Softmax2d")],
)  # fmt: skip
def test_a_layer_in_another_spelling(name, spec):
    assert spec_of(name) == spec


CELL = """
import numpy as np


class LSTMCell:
    def __init__(self, input_size, hidden_size):
        self.{w} = np.ones((4 * hidden_size, input_size))
        self.U = np.ones((4 * hidden_size, hidden_size))
        self.b = np.zeros(4 * hidden_size)

    def forward(self, x, h, c):
        {order} = np.split(x @ self.{w}.T + h @ self.U.T + self.b, 4, axis=1)
        s = lambda z: 1 / (1 + np.exp(-z))
        c = s(f) * c + s(i) * np.tanh(g)
        return s(o) * np.tanh(c), c
"""


def verdict(path, map_text=""):
    (report,) = check(str(path), cases=6, map_text=map_text)["specs"]
    return report["verdict"]


@pytest.fixture
def cell(tmp_path):
    def write(order, w="Wx"):
        path = tmp_path / "cell.py"
        path.write_text(CELL.format(order=order, w=w).replace("self.U", "self.Wh" if w == "Wx" else "self.U"))
        return path

    return write


def test_one_bias_is_the_sum_of_torchs_two(cell):
    assert verdict(cell("i, f, g, o")) == "partial"  # without a backward


def test_gates_in_another_order_are_no_mistake(cell):
    with pytest.raises(TargetError, match=r"torch's order of the gates \(i, f, g, o\) out is not torch's.*--map"):
        verdict(cell("i, f, o, g"))


def test_weights_by_any_name_with_the_words_of_map(cell):
    path = cell("i, f, g, o", w="kernel")
    with pytest.raises(TargetError, match=r"no weight_ih of shape .*--map"):
        verdict(path)
    assert verdict(path, "weight_ih=kernel; weight_hh=U") == "partial"
    path = cell("i, f, o, g", w="kernel")
    assert verdict(path, "weight_ih=kernel; weight_hh=U; bias=b") == "wrong"


def test_an_input_that_is_missing_is_named(tmp_path):
    text = """
        class MarginRankingLoss:
            def forward(self, x1, y): return (x1 * y).sum()
    """
    path = tmp_path / "loss.py"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(
        TargetError, match=re.escape("forward(x1, y) has no argument for x2; say which it is with --map")
    ):
        open_target(str(path))


def test_states_that_backward_knows_nothing_of_are_named(tmp_path):
    text = """
        class RNN:
            def __init__(self, input_size, hidden_size): pass
            def forward(self, x, h0): return x, h0
            def backward(self, dout): return dout
    """
    path = tmp_path / "rnn.py"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(TargetError, match=re.escape("backward(dout) takes no gradient of h_n")):
        open_target(str(path))


def test_a_recurrent_layer_that_is_given_its_weights_is_told_which_can_be_judged(tmp_path):
    text = """
        class GRU:
            def __init__(self, Wx, Wh): pass
            def forward(self, x, h_prev): return h_prev
    """
    path = tmp_path / "gru.py"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(TargetError, match=r"GRU\(... Wx ...\): a GRU that is given its weights.*RNN\(Wx, Wh, b\)"):
        open_target(str(path))
