"""Subjects: what a file offers is found, called as its author meant it, and judged on what it can express."""

import ast
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from oracle import cases
from oracle.checking import check
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.subjects import Call, naive, scratchnet
from oracle.subjects.binding import ANY, INT, INTS, Binding
from oracle.subjects.conventions import CONVENTIONS
from oracle.subjects.layouts import relaid, restored
from oracle.subjects.names import gradient_of, parameter_of, spec_of
from oracle.subjects.plan import Plan, Step, arrays_of, execute, get, put
from oracle.subjects.reading import unfilled
from oracle.subjects.target import TargetError, open_target
from oracle.subjects.torch_module import TorchModule


def calls(subject, count=20, styles=("integer",)):
    """The first calls of the layer's grid that the subject takes."""
    spec, found = SPECS[subject.spec], []
    for seed, setting in enumerate(spec.grid()):
        for style in styles:
            case = cases.make(spec, setting, style=style, seed=seed)
            if subject.takes(case.settings, True, case.shapes):
                found.append(case.call())
        if len(found) >= count:
            break
    assert found
    return found


def assert_alike(answer, expected, names=None):
    assert not answer.failures
    assert sorted(answer.tensors) == sorted(names or expected.tensors)
    for name, array in answer.tensors.items():
        np.testing.assert_allclose(array, expected.tensors[name], rtol=1e-10, atol=1e-10)


# In this process: three implementations of everything


@pytest.mark.parametrize("spec", ["Linear", "Conv1d", "Conv2d", "Conv3d", "MaxPool2d", "AvgPool2d"])
def test_layer_loops_and_torch_agree(spec):
    subject, loops, twin = scratchnet.Scratchnet(spec), naive.Naive(spec), TorchModule(spec, getattr(torch.nn, spec))
    for call in calls(subject, 8, ("integer", "strided")):
        expected = twin.run(call)
        assert_alike(subject.run(call), expected)
        assert_alike(loops.run(call), expected)


class Renamed(torch.nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.zeros(n_out, n_in))
        self.shift = torch.nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.kernel.T + self.shift


def linear(bias=True):
    return cases.make(
        SPECS["Linear"], Setting({"in_features": 3, "out_features": 2, "bias": bias}, {"x": (4, 3)})
    ).call()


def test_a_torch_module_with_names_of_its_own():
    args = {"in_features": "n_in", "out_features": "n_out"}
    subject = TorchModule("Linear", Renamed, args, {"weight": "kernel", "bias": "shift"})
    assert subject.takes(linear().settings, True)
    assert not subject.takes(linear(bias=False).settings, True)
    assert_alike(subject.run(linear()), TorchModule("Linear", torch.nn.Linear).run(linear()))


def test_a_torch_module_without_the_parameter_says_what_it_has():
    subject = TorchModule("Linear", Renamed, {"in_features": "n_in", "out_features": "n_out"})
    failure = subject.run(linear()).failures["forward"]
    assert failure.kind == "unjudged"  # nothing is known of what it computes
    assert "no parameter 'bias' (it has: kernel, shift)" in failure.message  # a kernel is a weight


class Broken(torch.nn.Linear):
    def forward(self, x):
        x += 1
        return super().forward(x).detach()


def test_a_torch_module_that_changes_its_input_and_cuts_the_graph():
    answer = TorchModule("Linear", Broken).run(linear())
    assert answer.modified == ("x",)
    assert sorted(answer.tensors) == ["out"]  # nothing to go back from: the gradients are missing


class Raising:
    """Not a layer of scratchnet, but shaped like one."""

    def __init__(self, in_features, out_features, bias=True):
        raise ValueError("no")


def test_an_exception_in_this_process_names_the_line():
    failure = scratchnet.Scratchnet("Linear", Raising).run(linear()).failures["forward"]
    assert (failure.kind, failure.message) == ("ValueError", "no")
    assert failure.where.startswith("test_subjects.py, line ")
    assert failure.source == 'raise ValueError("no")'


# What a binding can express

_CONV = {"stride": 1, "padding": 0, "kernel_size": 3, "dilation": 1, "bias": True}


@pytest.mark.parametrize(
    "accepts, settings, taken",
    [
        (dict.fromkeys(_CONV, ANY), {}, True),
        ({**dict.fromkeys(_CONV, ANY), "stride": INT}, {"stride": (2, 2)}, True),
        ({**dict.fromkeys(_CONV, ANY), "stride": INT}, {"stride": (2, 1)}, False),
        ({**dict.fromkeys(_CONV, ANY), "stride": INT}, {"stride": None}, True),
        ({**dict.fromkeys(_CONV, ANY), "padding": INT}, {"padding": "same"}, False),
        ({**dict.fromkeys(_CONV, ANY), "padding": INTS}, {"padding": "same"}, False),
        ({**dict.fromkeys(_CONV, ANY), "padding": INTS}, {"padding": (0, 1)}, True),
        ({**dict.fromkeys(_CONV, ANY), "dilation": 1}, {"dilation": (1, 1)}, True),
        ({**dict.fromkeys(_CONV, ANY), "dilation": 1}, {"dilation": 2}, False),
        ({**dict.fromkeys(_CONV, ANY), "bias": True}, {"bias": False}, False),
        ({**dict.fromkeys(_CONV, ANY), "bias": False}, {"bias": False}, True),
        ({"stride": ANY}, {}, False),  # a setting that the row does not know is not taken
    ],
)
def test_which_settings_are_taken(accepts, settings, taken):
    binding = Binding("Conv2d", "", Plan(Step("f")), accepts)
    assert binding.takes({**_CONV, **settings}, None) is taken


@pytest.mark.parametrize(
    "layout, shape, own",
    [
        ("OI->IO", (2, 3), (3, 2)),
        ("OIHW->HWIO", (2, 3, 4, 5), (4, 5, 3, 2)),
        ("F->1F", (3,), (1, 3)),
        ("F->F1", (1,), (1, 1)),
        ("F->111F", (3,), (1, 1, 1, 3)),
        ("", (2, 3), (2, 3)),
    ],
)
def test_layouts_there_and_back(layout, shape, own):
    array = np.random.default_rng(0).normal(size=shape)
    moved = relaid(array, layout)
    assert moved.shape == own
    assert moved.flags.c_contiguous
    np.testing.assert_array_equal(restored(moved, layout), array)


def test_an_answer_without_the_layouts_axes_keeps_its_shape():
    assert restored(np.zeros(3), "F->1F").shape == (3,)
    assert restored(np.zeros((2, 3)), "F->1F").shape == (2, 3)


@pytest.mark.parametrize("path", ["W", "params[W]", "inner.weight.data", "inner.grads[b]"])
def test_paths(path):
    class Inner:
        pass

    thing = Inner()
    thing.params, thing.inner = {}, Inner()
    thing.inner.weight, thing.inner.grads = Inner(), {}
    assert get(thing, path) is None
    put(thing, path, 3)
    assert get(thing, path) == 3


@pytest.mark.parametrize(
    "name, spec",
    [("Conv2D", "Conv2d"), ("ConvLayer", "Conv2d"), ("Convolution", "Conv2d"), ("MyConv2d", "Conv2d"),
     ("Conv_2d_naive", "Conv2d"), ("MaxPool2D", "MaxPool2d"), ("Max_Pooling_Layer", "MaxPool2d"), ("Dense", "Linear"),
     ("FullyConnected", "Linear"), ("FCLayer", "Linear"), ("ReLU", "ReLU"), ("Relu_Layer", "ReLU"), ("ConvNet", None),
     ("Layer", None), ("Numpy", None)],
)  # fmt: skip
def test_which_layer_a_class_claims_to_be(name, spec):
    assert spec_of(name) == spec


@pytest.mark.parametrize(
    "path, tensor",
    [("dW", "weight"), ("dw", "weight"), ("grad_weight", "weight"), ("weight_grad", "weight"), ("grads[W]", "weight"),
     ("grads[dW]", "weight"), ("weight.grad", "weight"), ("dLdW", "weight"), ("dLdb", "bias"), ("db", "bias"),
     ("params[db]", "bias"), ("grad_biases", "bias"), ("d_filters", "weight"), ("dx", "x"), ("grad_input", "x"),
     ("W", None), ("b", None), ("x", None), ("width", None), ("data", None)],
)  # fmt: skip
def test_whose_gradient_a_path_holds(path, tensor):
    assert gradient_of(path) == tensor


@pytest.mark.parametrize(
    "path, tensor",
    [("W", "weight"), ("weights", "weight"), ("params[W]", "weight"), ("kernel.data", "weight"), ("b", "bias"),
     ("dW", None), ("grads[W]", None), ("input", "x"), ("stride", None)],
)  # fmt: skip
def test_whose_values_a_path_holds(path, tensor):
    assert parameter_of(path) == tensor


# Loose classes: one convolution written in many ways

CONV = """
import numpy as np

class Conv2D:
    def __init__(self, {init}):
        f, s, p = {numbers}
        self.f, self.s, self.p = f, s, p
        {weights}

    def {forward}(self, x):
        p, s, f, w = self.p, self.s, self.f, {w}
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        ho, wo = (self.x.shape[2] - f) // s + 1, (self.x.shape[3] - f) // s + 1
        out = np.zeros((len(x), len(w), ho, wo))
        for r in range(f):
            for c in range(f):
                out += np.einsum("kc,nchw->nkhw", w[:, :, r, c], self.x[:, :, r:r + s*ho:s, c:c + s*wo:s])
        return out + {b}.reshape(-1, 1, 1)

    def {backward}(self, dout):
        p, s, f, w = self.p, self.s, self.f, {w}
        ho, wo = dout.shape[2:]
        dx, dw, db = np.zeros_like(self.x), np.zeros_like(w), dout.sum((0, 2, 3)).reshape({b}.shape)
        for r in range(f):
            for c in range(f):
                dw[:, :, r, c] = np.einsum("nkhw,nchw->kc", dout, self.x[:, :, r:r + s*ho:s, c:c + s*wo:s])
                dx[:, :, r:r + s*ho:s, c:c + s*wo:s] += np.einsum("kc,nkhw->nchw", w[:, :, r, c], dout)
        dx = dx[:, :, p:dx.shape[2] - p, p:dx.shape[3] - p]
        {gradients}

class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None
"""

PLAIN = {
    "init": "in_channels, out_channels, kernel_size, stride=1, padding=0",
    "numbers": "kernel_size, stride, padding",
    "weights": "self.W, self.b = np.ones((out_channels, in_channels, f, f)), np.zeros(out_channels)",
    "forward": "forward", "backward": "backward", "w": "self.W", "b": "self.b",
    "gradients": "self.dW, self.db = dw, db; return dx",
}  # fmt: skip
WAYS = {
    "attributes dW and db": {},
    "a tuple of gradients": {"gradients": "return dx, dw, db"},
    "dictionaries": {
        "weights": "self.params = {'W': np.ones((out_channels, in_channels, f, f)), 'b': np.zeros((1, out_channels))}",
        "w": "self.params['W']", "b": "self.params['b']", "gradients": "self.grads = {'W': dw, 'b': db}; return dx",
    },
    "dictionaries with d": {"gradients": "self.grads = {'dW': dw, 'db': db}; return dx"},
    "objects with data and grad": {
        "weights": "self.weight = Parameter(np.ones((out_channels, in_channels, f, f)))\n"
                   "        self.bias = Parameter(np.zeros((out_channels, 1)))",
        "w": "self.weight.data", "b": "self.bias.data",
        "gradients": "self.weight.grad, self.bias.grad = dw, db; return dx",
    },
    "all in attributes, nothing returned": {"gradients": "self.dx, self.grad_W, self.grad_b = dx, dw, db"},
    "other names": {
        "init": "n_in, num_filters, filter_size, pad, strides, rng",
        "numbers": "filter_size, strides, pad",
        "weights": "self.filters, self.biases = np.ones((num_filters, n_in, f, f)), np.zeros((num_filters, 1, 1))",
        "w": "self.filters", "b": "self.biases", "gradients": "self.d_filters, self.d_biases = dw, db; return dx",
    },
    "weights given": {
        "init": "W, b, stride=1, pad=0", "numbers": "W.shape[2], stride, pad", "weights": "self.W, self.b = W, b",
    },
    "__call__ and backprop": {"forward": "__call__", "backward": "backprop"},
    "gradients that exist before": {
        "weights": "self.W, self.b = np.ones((out_channels, in_channels, f, f)), np.zeros(out_channels)\n"
                   "        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)",
        "gradients": "self.dW[...], self.db[...] = dw, db; return dx",
    },
}  # fmt: skip


def opened(tmp_path, text, **more):
    path = tmp_path / "layers.py"
    path.write_text(textwrap.dedent(text))
    return open_target(str(path), **more)


@pytest.mark.parametrize("way", WAYS)
def test_a_convolution_is_called_as_its_author_wrote_it(tmp_path, way):
    with opened(tmp_path, CONV.format(**{**PLAIN, **WAYS[way]})) as target:
        (subject,) = target.subjects
        assert (target.convention, target.problems) == ("class", [])
        accepts = subject.binding.accepts
        assert {name: accepts[name] for name in ("stride", "padding", "dilation")} == {
            "stride": INT, "padding": INT, "dilation": 1}  # fmt: skip
        for call in calls(subject):
            assert_alike(subject.run(call), scratchnet.Scratchnet("Conv2d").run(call))


def test_a_mistake_in_a_class_stays_a_mistake(tmp_path):
    wrong = {"gradients": "self.dW, self.db = dw / len(dout), db; return dx"}
    with opened(tmp_path, CONV.format(**{**PLAIN, **wrong})) as target:
        call = calls(target.subjects[0], 6)[-1]
        answer, expected = target.subjects[0].run(call), scratchnet.Scratchnet("Conv2d").run(call)
    np.testing.assert_allclose(answer.tensors["dweight"] * len(call.inputs["x"]), expected.tensors["dweight"])
    assert len(call.inputs["x"]) > 1


DENSE = """
class Dense:
    def __init__(self, input_size, output_size):
        import numpy as np
        self.weights, self.bias = np.ones(({shape})), np.zeros((1, output_size))

    def forward(self, x):
        {check}
        self.x = x
        return x @ self.weights{T} + self.bias

    def backward(self, dout):
        x, d = self.x.reshape(-1, self.x.shape[-1]), dout.reshape(-1, dout.shape[-1])
        self.dweights, self.dbias = ({dw}), d.sum(0, keepdims=True)
        return dout @ self.weights{U}
"""


@pytest.mark.parametrize(
    "shape, T, U, dw",
    [("input_size, output_size", "", ".T", "x.T @ d"), ("output_size, input_size", ".T", "", "d.T @ x")],
)
@pytest.mark.parametrize(
    "check, shapes", [("assert x.ndim == 2", "matrix"), ("assert x.ndim > 1", "batch"), ("pass", "batch")]
)
def test_a_dense_layer_in_either_layout_on_the_inputs_that_it_takes(tmp_path, shape, T, U, dw, check, shapes):
    with opened(tmp_path, DENSE.format(shape=shape, T=T, U=U, dw=dw, check=check)) as target:
        (subject,) = target.subjects
        assert subject.binding.shapes == shapes  # one axis only: bias (1, M) makes a matrix of it
        for call in calls(subject):
            assert_alike(subject.run(call), scratchnet.Scratchnet("Linear").run(call))


UNREADABLE = {
    "class Conv2D:\n    def __init__(self, frobnicate): pass\n    def forward(self, x): return x + 1": "frobnicate",
    "class Conv2D:\n    def forward(self, x): return x + 1": "no argument for in_channels",
    "class ReLU:\n    def forward(self, x, y): return x + y": "needs y too",
    "class ReLU:\n    def apply(self, x): return x + 1": "no method forward",
    "class Dense:\n    def __init__(self, n_in, n_out): self.m = 1\n    def forward(self, x): return x": "no weight",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_class_that_cannot_be_called_is_a_problem_with_a_reason(tmp_path, text):
    with pytest.raises(TargetError, match=UNREADABLE[text]):
        opened(tmp_path, text)


# Templates

TEMPLATE = '''
import numpy as np

def conv_forward_naive(x, w, b, conv_param):
    """Implement the forward pass."""
    out = None
    # TODO
    pass
    cache = (x, w, b, conv_param)
    return out, cache

def conv_backward_naive(dout, cache):
    dx, dw, db = None, None, None
    return dx, dw, db

def relu_forward(x):
    return np.maximum(0, x), x

def relu_backward(dout, cache):
    dx, x = None, cache
    ### YOUR CODE
    return dx

def max_pool_forward_naive(x, pool_param):
    raise NotImplementedError("yours")

class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.zeros((n_in, n_out))

    def forward(self, x):
        pass

    def backward(self, dout):
        pass
'''


def test_what_a_template_leaves_open_is_missing_and_the_rest_is_there(tmp_path):
    with opened(tmp_path, TEMPLATE) as target:
        assert [(subject.spec, subject.implements) for subject in target.subjects] == [("ReLU", "relu_forward")]
        assert [spec for spec, _ in target.missing] == ["Conv2d", "MaxPool2d", "Linear"]
        assert target.missing[0][1] == "conv_forward_naive, conv_backward_naive"
        assert sorted(target.subjects[0].run(calls(target.subjects[0])[0]).tensors) == ["out"]


@pytest.mark.parametrize(
    "body, undone",
    [
        ("pass", True),
        ("'Docstring.'", True),
        ("'Docstring.'\n    return None", True),
        ("return", True),
        ("out = None\n    stride = p['stride']\n    return out", True),
        ("raise NotImplementedError()", True),
        ("out = None\n    if p:\n        pass\n    else:\n        raise ValueError(p)\n    return out", True),
        ("if p is None:\n        p = {}\n    p.setdefault('m', 1)\n    out = None\n    return out.astype(int)", True),
        ("N, D = x.shape\n    if p:\n        pass\n    return N * D", False),
        ("if p is None:\n        p = {}\n    return x", False),
        ("if p:\n        out = x * p\n    else:\n        pass\n    return out", False),
        ("return x", False),
        ("'Docstring.'\n    return x", False),
        ("out = None\n    return out + x", False),
        ("raise ValueError()", False),
    ],
)
def test_what_counts_as_not_done(body, undone):
    assert unfilled(ast.parse(f"def f(x, p):\n    {body}\n")) == ({"f"} if undone else set())


# Targets


def test_only_the_layers_that_were_asked_for():
    with open_target("examples/cs231n_right.py", ["ReLU", "Conv2d"]) as target:
        assert {subject.spec for subject in target.subjects} == {"ReLU", "Conv2d"}


def test_a_loss_is_multiplied_by_the_upstream_gradient_here():
    with open_target("examples/cs231n_right.py", ["CrossEntropyLoss"]) as target:
        for call in calls(target.subjects[0], 4, ("random",)):
            assert call.upstream["dout"] != 1
            expected = TorchModule("CrossEntropyLoss", torch.nn.CrossEntropyLoss).run(call)
            assert_alike(target.subjects[0].run(call), expected)


def test_a_folder_is_all_its_files(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "conv.py").write_text(CONV.format(**PLAIN))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "one" / "conv.py").write_text(CONV.format(**PLAIN))
    (tmp_path / ".hidden" / "conv.py").write_text(CONV.format(**PLAIN))
    (tmp_path / "broken.py").write_text("class ReLU(:\n")
    (tmp_path / "notes.py").write_text("import a_module_that_nobody_has\n")  # defines nothing: not even run
    with open_target(str(tmp_path)) as target:
        assert [subject.implements for subject in target.subjects] == ["one/conv.py: Conv2D.forward, Conv2D.backward"]
        assert len(target.problems) == 1
        assert "broken.py" in target.problems[0]


@pytest.mark.parametrize(
    "text, convention, words",
    [
        ("nowhere.py", "auto", "no such file"),
        ("nowhere/at/all", "auto", "no such file"),
        ("no.such.module", "auto", "No module named"),
        ("nosuchmodule", "auto", "no such module"),
        ("README.md/", "auto", "a .py file"),
        ("scratchnet", "frobnicate", "known are auto"),
        ("examples.torch_right:Nothing", "auto", "has no Nothing"),
    ],
)
def test_a_target_that_is_none(text, convention, words):
    with pytest.raises(TargetError, match=words):
        open_target(text, None, convention)


def test_a_modules_name_is_as_good_as_its_file():
    with open_target("examples.class_right:Dense") as target:
        assert [subject.spec for subject in target.subjects] == ["Linear"]
        assert target.isolation != "in-process"


@pytest.mark.parametrize(
    "target, wrong",
    [
        ("examples/cs231n_right.py", {}),
        ("examples/cs231n_crop.py", {"Conv2d": {"dx"}}),
        ("examples/class_right.py", {}),
        ("examples/class_assigned.py", {"Conv2d": {"dx"}}),
        ("examples.torch_right:MyLinear", {}),
        ("examples.torch_mean:MyLinear", {"Linear": {"dbias"}}),
    ],
)
def test_the_examples_are_what_they_say(target, wrong):
    report = check(target, cases=40)
    assert report["verdict"] == ("wrong" if wrong else "right")
    found = {
        spec["spec"]: {name for name, tensor in spec["tensors"].items() if tensor["accuracy"] == "wrong"}
        for spec in report["specs"]
    }
    assert {spec: tensors for spec, tensors in found.items() if tensors} == wrong


def test_a_copy_of_a_call_has_arrays_and_keeps_their_layout():
    expanded = np.broadcast_to(np.float64(3), (2, 3))
    call = Call("", {}, {"x": np.float64(2), "y": expanded}, {}, {}, {}).copy()
    assert type(call.inputs["x"]) is np.ndarray
    assert call.inputs["y"].strides == (0, 0)


def test_a_subject_never_changes_the_call():
    with open_target("examples/cs231n_right.py", ["ReLU"]) as target:
        call = calls(target.subjects[0])[0]
        before = Call(**{**vars(call), "inputs": {"x": call.inputs["x"].copy()}})
        target.subjects[0].run(call)
        np.testing.assert_array_equal(call.inputs["x"], before.inputs["x"])


# Values and paths of a plan


def test_a_plan_gives_copies_and_objects_and_counts_the_steps():
    class Optimizer:
        def __init__(self, model, own):
            self.layers, self.own = model.layers, own

        def step(self, t):
            self.layers[0].W -= t * self.layers[0].dW
            self.own -= 1

    given = {"layer": {".W": "$weight"}, "model": {".layers": ("$layer",)}}
    plan = Plan(Step(".step", ("$t",)), make=Step("Optimizer", ("$model", "=weight")), given=given, over="g",
                set={"$layer.dW": "$g"}, read={"weight": "$layer.W", "own": "own"}, state=("weight",))  # fmt: skip
    arrays = {"weight": np.ones(2), "g": np.array([[1.0, 2.0], [3.0, 4.0]])}
    answer = execute(Plan.from_json(plan.to_json()), {"Optimizer": Optimizer}, arrays, lambda path: None)
    np.testing.assert_array_equal(answer.tensors["weight"], 1 - arrays["g"][0] - 2 * arrays["g"][1])
    np.testing.assert_array_equal(answer.tensors["own"], [-1, -1])
    assert answer.modified == ()


def test_a_star_takes_whatever_else_comes_back():
    plan = Plan(Step("f", ("$x",), {}, ("out", "*")))
    answer = execute(plan, {"f": lambda x: (x, 1, 2)}, {"x": np.ones(2)}, lambda path: None)
    assert list(answer.tensors) == ["out"]


def test_arrays_are_found_in_what_a_dictionary_holds():
    weight = SimpleNamespace(data=np.ones((2, 3)), grad=None)
    assert arrays_of(SimpleNamespace(params={"w": weight})) == {"params[w].data": (2, 3)}


def test_the_years_of_mytorch_with_autograd_say_why_they_are_not_judged(tmp_path):
    path = tmp_path / "linear.py"
    path.write_text("from mytorch.tensor import Tensor\n\n\nclass ReLU:\n    def forward(self, x): return x\n")
    with pytest.raises(TargetError, match=r"11-785.*autograd"):
        open_target(str(path))


@pytest.mark.parametrize("course", ["cs231n", "eecs"])
def test_no_course_has_a_relu_of_one_number(course):
    (row,) = [row for row in CONVENTIONS[course] if row.spec == "ReLU"]
    assert row.takes({"inplace": False}, {"x": (1,)})
    assert not row.takes({"inplace": False}, {"x": ()})
