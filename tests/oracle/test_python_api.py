"""The oracle in somebody's own tests: right and wrong torch modules of their own."""

import pytest
import torch

import oracle
import scratchnet.nn
from oracle.cases import CaseError
from oracle.conditions import facts


class Linear(torch.nn.Linear):
    pass


class Scaled(torch.nn.Linear):
    """The output is right, the gradient of the bias is not."""

    def forward(self, x):
        out = super().forward(x)
        return out if self.bias is None else out + (self.bias - self.bias.detach())


class Renamed(torch.nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.empty(n_out, n_in))
        self.offset = torch.nn.Parameter(torch.empty(n_out))

    def forward(self, x):
        return x @ self.kernel.T + self.offset


class NoStride(torch.nn.Module):
    """Right as long as the stride is 1."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.inner = torch.nn.Conv2d(in_channels, out_channels, kernel_size, 1, padding)
        self.weight, self.bias, self.stride = self.inner.weight, self.inner.bias, stride

    def forward(self, x):
        step = self.stride if isinstance(self.stride, tuple) else (self.stride,) * 2
        out = torch.nn.functional.conv2d(x, self.weight, self.bias, 1, self.inner.padding)[:, :, :: step[0], :: step[1]]
        return out * (1 if max(step) == 1 else 1.5)


class Raises(torch.nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        raise RuntimeError("not done yet")


def softmax(dim):
    return torch.nn.Softmax(dim)


MAPPED = {
    "args": {"in_features": "n_in", "out_features": "n_out", "bias": None},
    "params": {"weight": "kernel", "bias": "offset"},
}
ONE = "Conv2d(in_channels=1,out_channels=1,kernel_size=1)[x=1x1x2x2]@float64,random#0"

RIGHT = {
    "torch's own": (torch.nn.Conv2d, torch.nn.Conv2d, {}),
    "subclass": (Linear, torch.nn.Linear, {}),
    "like a subclass": (Linear, Linear, {}),
    "like a name": (torch.nn.Tanh, "Tanh", {}),
    "a function that makes one": (softmax, torch.nn.Softmax, {}),
    "loss": (torch.nn.MSELoss, "MSELoss", {}),
    "scratchnet's": (scratchnet.nn.ReLU, torch.nn.ReLU, {}),
    "other names": (Renamed, "Linear", MAPPED),
    "known failures": (NoStride, "Conv2d", {"known_failures": {"stride > 1": "not yet"}, "cases": 60}),
    "one case": (NoStride, "Conv2d", {"case": ONE}),
}


@pytest.mark.parametrize("layer, like, options", RIGHT.values(), ids=RIGHT)
def test_what_is_right_passes(layer, like, options):
    assert oracle.assert_matches(layer, like, **{"cases": 30, **options}) is None


STRIDED = "Conv2d(in_channels=1,out_channels=1,kernel_size=1,stride=2)[x=1x1x1x1]@float64,integer#0"
WRONG = {
    "a gradient": (Scaled, "Linear", {}, ["(Scaled): dbias is wrong", "smallest failing case", "replay: oracle."]),
    "under a condition": (NoStride, "Conv2d", {"cases": 60}, ["wrong when stride > 1", STRIDED]),
    "one case": (NoStride, "Conv2d", {"case": STRIDED}, ["1 of 1 elements differ", f'case="{STRIDED}"']),
    "it raises": (Raises, "Softmax", {}, ["raised RuntimeError: not done yet (test_python_api.py, line"]),
    "another layer": (torch.nn.ReLU, "Tanh", {}, ["out", "wrong in"]),
    "a failure beside the known ones": (
        NoStride, "Conv2d", {"known_failures": {"padding >= 1": "not yet"}, "cases": 60}, ["wrong when stride > 1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layer, like, options, words", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_an_assertion_error_with_the_story(layer, like, options, words):
    with pytest.raises(AssertionError) as error:
        oracle.assert_matches(layer, like, **{"cases": 30, **options})
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "None" not in str(error.value)


REFUSED = {
    "an object": (torch.nn.ReLU(), "ReLU", {}, TypeError, "is no layer: a class or a function that makes one expected"),
    "scratchnet's object": (scratchnet.nn.ReLU(), "ReLU", {}, TypeError, "is no layer"),
    "a number": (3, "ReLU", {}, TypeError, "is no layer"),
    "an unknown layer": (torch.nn.ReLU, "Relu6", {}, ValueError, "no layer is called 'Relu6'"),
    "a class that is none": (torch.nn.ReLU, dict, {}, ValueError, "no layer is called"),
    "an unreadable case": (torch.nn.ReLU, "ReLU", {"case": "ReLU"}, CaseError, "cannot be read"),
    "a case of another layer": (
        torch.nn.ReLU, "ReLU", {"case": "Tanh()[x=1]@float64,random#0"}, ValueError, "the case is one of Tanh",
    ),
    "an unknown condition": (
        Linear, "Linear", {"known_failures": {"colour = red": "?"}}, ValueError, "'colour = red' is no condition",
    ),
    "no setting that it takes": (
        Renamed, "Conv2d", {}, ValueError,
        "takes none of the settings of Conv2d: torch's Conv2d needs kernel_size; Renamed takes n_in, n_out",
    ),
    "no case": (Linear, "Linear", {"cases": 0}, ValueError, "cases=0: at least 1 expected"),
    "nothing left": (
        Linear, "Linear", {"known_failures": {"N = 1": "?", "N > 1": "?"}}, ValueError, "known_failures leave no case",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layer, like, options, kind, words", REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_said_at_once(layer, like, options, kind, words):
    with pytest.raises(kind, match=words.replace("(", r"\(")):
        oracle.assert_matches(layer, like, **options)


def items(decorator):
    return decorator.args[1]


def test_parametrize_makes_an_item_of_each_case():
    made = items(oracle.parametrize(NoStride, like="Conv2d", cases=40))
    assert len({item.id for item in made}) == len(made) == 40
    for item in made:
        check = item.values[0]
        if facts(check.case)["stride"] not in (1, (1, 1)):
            with pytest.raises(AssertionError, match="elements differ") as error:
                check()
            assert f'case="{item.id}"' in str(error.value)
        else:
            check()


def test_known_failures_are_expected_failures():
    made = items(oracle.parametrize(NoStride, like="Conv2d", cases=40, known_failures={"stride > 1": "not yet"}))
    marked = [item for item in made if item.marks]
    assert 0 < len(marked) < len(made)
    assert {mark.name for item in marked for mark in item.marks} == {"xfail"}
    assert all(mark.kwargs["reason"] == "not yet" for item in marked for mark in item.marks)


@oracle.parametrize(Linear, like=torch.nn.Linear, cases=6)
def test_the_decorator_in_use(check):
    check()
