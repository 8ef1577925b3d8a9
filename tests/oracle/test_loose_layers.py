"""Classes with torch's names: every layer that scratchnet has, as a class of a file that says nothing but these names,
is found, bound by them and right.
"""

import shutil
from pathlib import Path

import pytest

import scratchnet.nn
from oracle.checking import takes
from oracle.judge import judge
from oracle.layers import FAMILY, SPECS
from oracle.selection import default_cases, grid
from oracle.subjects.target import open_target

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
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    shutil.copytree(Path(scratchnet.nn.__file__).parents[1], folder / "scratchnet",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    (folder / "mine.py").write_text(HEAD + "".join(map(class_text, LAYERS)))
    with open_target(str(folder / "mine.py"), timeout=20, budget=600) as opened:
        yield opened


@pytest.mark.parametrize("name", LAYERS)
def test_a_class_with_torchs_names_is_found_and_right(target, name):
    subject = next((subject for subject in target.subjects if subject.spec == name), None)
    assert subject is not None, [*(p for p in target.problems if p.startswith(name)), *target.unjudged]
    cases, _ = default_cases(SPECS[name], lambda setting: takes(subject, setting), CASES, 0, subject.fixed)
    assert cases
    judgement = judge(subject, cases)
    assert not judgement.failed, judgement.failed[0]
