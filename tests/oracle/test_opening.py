"""Opening what people have: notebooks, zips, files that are broken in places, and what --map says of a class."""

import json
import re
import zipfile

import numpy as np
import pytest

from oracle.checking import check
from oracle.subjects.archive import ArchiveError, unpack
from oracle.subjects.layouts import relaid, restored
from oracle.subjects.mapping import MapError, parse_map
from oracle.subjects.notebook import code_of
from oracle.subjects.reading import python_2, statements
from oracle.subjects.target import TargetError, open_target

RELU = """import numpy as np


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
"""


def notebook(*cells):
    made = [{"cell_type": kind, "source": text.splitlines(keepends=True)} for kind, text in cells]
    return json.dumps({"cells": made, "nbformat": 4}).encode()


def test_a_notebook_is_its_code_cells_without_magics():
    raw = notebook(("markdown", "# One"), ("code", "%matplotlib inline\nx = 1\n"), ("code", "if x:\n    !ls\ny = 2"))
    text, places = code_of(raw)
    assert text.splitlines() == ["# %matplotlib inline", "x = 1", "if x:", "    pass  # !ls", "y = 2"]
    assert places == [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]


def test_an_error_in_a_notebook_names_cell_and_line(tmp_path):
    path = tmp_path / "relu.ipynb"
    path.write_bytes(notebook(("markdown", "x"), ("code", RELU.replace("np.maximum(0, x)", "np.maximum(0, y)"))))
    report = check(str(path), cases=4)
    assert "relu.ipynb, cell 2, line 5: `return np.maximum(0, y), x`" in report["specs"][0]["message"]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"cells": 3}', b'{"cells": [{}]}'])
def test_what_is_no_notebook(raw):
    with pytest.raises(ValueError, match="no notebook"):
        code_of(raw)


def test_a_broken_block_does_not_take_its_neighbours_along():
    text = "x = 1\ndef f(:\n    return 1\n\n@property\ndef g():\n    return (2\n)\n"
    found, broken = statements(text, "f.py")
    assert [statement.lineno for statement in found] == [1, 6]
    assert [(line, source) for line, _, source in broken] == [(2, "def f(:")]


def test_the_lines_of_python_2():
    assert python_2("print(1)\nprint x\nexcept ValueError, e:\nprint\nprint = 3\n") == [2, 3]


def test_a_script_that_never_ends_is_judged_by_its_definitions(tmp_path):
    path = tmp_path / "layers.py"
    path.write_text(RELU + "\nwhile True:\n    pass\n")
    assert check(str(path), cases=4, timeout=1.0)["specs"][0]["verdict"] == "right"


@pytest.mark.parametrize("package", ["needle", "minitorch", "dezero"])
def test_courses_that_cannot_be_judged_say_why(tmp_path, package):
    path = tmp_path / "nn.py"
    path.write_text(f"import {package}\n\n\nclass ReLU({package}.Module):\n    def forward(self, x): return x\n")
    with pytest.raises(TargetError, match=f"{package}.*autograd"):
        open_target(str(path))


# Zips


def packed(tmp_path, **files):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def test_a_zip_is_the_folder_in_it(tmp_path):
    report = check(str(packed(tmp_path, **{"work__layers.py": RELU, "work__photo.jpg": "x"})), cases=4)
    assert [spec["implements"] for spec in report["specs"]] == ["work/layers.py: relu_forward, relu_backward"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("..__a.py", "x", "no name"),
        ("__etc__a.py", "x", "no name"),
        ("a.py", "0" * (30 << 20), "larger than"),
        ("a" * 400 + ".py", "x", "no name"),
    ],
)
def test_what_is_not_unpacked(tmp_path, name, content, words):
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match=words):
        unpack(packed(tmp_path, **{name: content}), tmp_path / "out")


def test_a_link_is_not_unpacked(tmp_path):
    entry = zipfile.ZipInfo("a.py")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        unpack(tmp_path / "all.zip", tmp_path)


# --map

ODD = """
import numpy as np


class Neuron:
    def __init__(self, a, z):
        self.first, self.second = np.ones((a, z)), np.zeros((1, z))

    def run(self, data):
        self.data = data
        return data @ self.first + self.second

    def back_again(self, above):
        self.one, self.two = self.data.T @ above, above.sum(0, keepdims=True)
        return above @ self.first.T
"""


def test_what_cannot_be_guessed_is_said(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(ODD)
    text = "Neuron=Linear; a=in_features; z=out_features; forward=run; backward=back_again; data=x; above=dout; " \
           "weight=first:IO; bias=second; dweight=one; dbias=two"  # fmt: skip
    with pytest.raises(TargetError):
        open_target(str(path))
    report = check(str(path), cases=12, map_text=text)
    assert [(spec["spec"], spec["verdict"]) for spec in report["specs"]] == [("Linear", "right")]
    assert report["bindings"] == [
        "Neuron -> Linear: weight .first IO, bias .second 1F, gradients return, .one, .two"
    ]


@pytest.mark.parametrize("text", ["x", "x=ABC", "lr=fast", "k=kernel_siz", "=3"])
def test_a_map_that_is_not_understood(text):
    with pytest.raises(MapError, match="--map"):
        parse_map(text)


@pytest.mark.parametrize(
    "layout, shape, own",
    [
        ("OIHW->O(IHW)", (2, 3, 4, 5), (2, 60)),
        ("OIHW->OIhw", (2, 3, 4, 5), (2, 3, 4, 5)),
        ("NCHW->HWC", (1, 3, 4, 5), (4, 5, 3)),
        ("NCHW->HW", (1, 1, 4, 5), (4, 5)),
        ("NI->N**", (2, 12), (2, 6, 2)),
        ("ifgo>fgio:AB->BA", (8, 3), (3, 8)),
        ("rzn>znr:", (6,), (6,)),
    ],
)
def test_more_layouts_there_and_back(layout, shape, own):
    array = np.random.default_rng(0).normal(size=shape)
    moved = relaid(array, layout)
    assert moved.shape == own
    np.testing.assert_array_equal(restored(moved, layout, shape), array)


OWN_NAMES = """
import torch


class Linear(torch.nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.zeros(out_features, in_features))
        self.shift = torch.nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x):
        return torch.nn.functional.linear(x, self.kernel, self.shift)
"""


def test_a_torch_module_with_names_of_its_own_is_not_called_wrong(tmp_path, monkeypatch):
    (tmp_path / "names_of_its_own.py").write_text(OWN_NAMES)
    monkeypatch.syspath_prepend(tmp_path)
    (spec,) = check("names_of_its_own:Linear", cases=6)["specs"]
    assert spec["verdict"] == "unjudged"
    assert "no parameter 'bias' (it has: kernel, shift)" in spec["reason"]  # kernel is a usual name
    assert 'params={"bias": ...}' in spec["reason"]


NO_LAYER = """
def softmax_loss(W, X, y, reg):
    return 0.0, W

def svm_loss_naive(W, X, y, reg):
    return 0.0, W

def sgd(params, lr, batch_size):
    pass

class TwoLayerNet:
    def loss(self, X, y=None):
        return X
"""


@pytest.mark.parametrize(
    "said",
    [
        "svm_loss_naive: a loss with its weights and regularisation is no layer",
        "TwoLayerNet: a network as a whole is no layer",
        "softmax_loss(W, X, y, reg) is not what cs231n calls by that name",
        "sgd(params, lr, batch_size) is not what cs231n calls by that name",
    ],
)
def test_what_is_no_layer_in_spite_of_its_name_is_said_and_not_called_wrong(tmp_path, said):
    path = tmp_path / "softmax.py"
    path.write_text(NO_LAYER)
    with pytest.raises(TargetError, match=re.escape(said)):
        check(str(path))


def test_the_gates_in_another_order():
    moved = relaid(np.arange(8.0), "ifgo>fgio:")
    np.testing.assert_array_equal(moved, [2, 3, 4, 5, 0, 1, 6, 7])
    np.testing.assert_array_equal(relaid(np.arange(7.0), "ifgo>fgio:"), np.arange(7.0))  # no gates of one size
