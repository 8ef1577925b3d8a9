"""--map: what it says is done; what it cannot mean is answered with what was given, what is known, and an example."""

import numpy as np
import pytest
from typer.testing import CliRunner

from oracle.checking import takes
from oracle.cli import app
from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import default_cases
from oracle.subjects import Call
from oracle.subjects.differences import DIFFERENCES
from oracle.subjects.mapping import Map, MapError, parse_map
from oracle.subjects.target import TargetError, open_target

SQUARE = """
import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.ones((n_in, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        dx, dW, db = dout @ self.W.T, self.x.T @ dout, dout.sum(0)
        {end}
"""


@pytest.fixture
def written(tmp_path):
    """A function that writes a file whose backward ends so, and gives its path."""

    def write(end, text=SQUARE):
        path = tmp_path / "layers.py"
        path.write_text(text.format(end=end))
        return str(path)

    return write


def said(path, text):
    """The verdict and the notes of the one layer in a file."""
    with open_target(path, map_text=text) as target:
        (subject,) = target.subjects
        cases, _ = default_cases(SPECS[subject.spec], lambda setting: takes(subject, setting), 6)
        return " ".join([judge(subject, cases).verdict, *(id for id, _ in subject.notes)])


@pytest.mark.parametrize(
    "end, text",
    [
        ("return db, dW, dx", "return[0]=dbias; return[1]=dweight; return[2]=dx"),
        ("return [dx, (dW, db)]", "return[1][0]=dweight; return[1][1]=dbias"),
        ("return {'a': dx, 'b': dW, 'c': db}", "return[a]=dx; return[b]=dweight; dbias=return[c]"),
        ("self.g, self.h = dW, db; return 0, 0, dx", "return[2]=dx; dweight=g; dbias=h"),
        ("self.up, self.g, self.h = dx, dW, db; return dW", "dx=up; dweight=g; dbias=h"),
    ],
)
def test_which_part_of_what_backward_returns_is_which_gradient(written, end, text):
    assert said(written(end), text) == "right"


@pytest.mark.parametrize(
    "end, scale, expected",
    [
        ("return dx, dW / len(dx), db / len(dx)", "1/N", "right gradient-is-mean"),
        ("return dx, dW * len(dx), db * len(dx)", "N", "right gradient-times-batch"),
        ("return dx, dW, db", "1/N", "wrong gradient-is-mean"),
    ],
)
def test_gradients_with_a_factor_of_the_batch(written, end, scale, expected):
    assert said(written(end), f"grad_scale={scale}") == expected


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_whole_numbers_that_were_divided_by_the_batch_are_whole_again(dtype):
    numbers = np.arange(-99, 100)
    for N in (3, 7, 49, 60):
        call = Call("", {}, {"x": np.zeros((N, 2), dtype)}, {}, {}, {})
        mean = (numbers.astype(dtype) / np.array(N, dtype)).astype(np.float64)
        np.testing.assert_array_equal(DIFFERENCES["gradient-is-mean"].as_torch(mean, call), numbers)


LOSS = """
class MSE:
    def forward(self, x, y):
        self.d = x - y
        return (self.d ** 2).mean()

    def backward(self):
        return 2 * self.d / self.d.shape[1]
"""


def test_a_loss_whose_gradient_is_not_divided_by_the_batch(written):
    path = written("", LOSS)
    assert said(path, "") == "wrong"
    assert said(path, "grad_scale=N") == "right loss-gradient-times-batch"


def test_a_class_of_a_course_is_what_the_map_says():
    path = "tests/submissions/dlfs/affine_transposed.py"
    with open_target(path) as target:
        assert "Affine.forward, Affine.backward -> Linear (dlfs)" in target.bindings
    with open_target(path, map_text="Affine=Linear") as target:
        assert any(line.startswith("Affine -> Linear: ") for line in target.bindings)


# What may be typed wrong

UNREADABLE = {
    "Dense": "'Dense' is not understood; name=value expected, as in",
    "=3": "name=value expected",
    "Dense=": "name=value expected",
    "Dense=Linaer": "did you mean Linear?",
    "k=kernelsize": "did you mean kernel_size?",
    "g=Dout": "did you mean dout?",
    "x=NHCW": "one of NCHW, NHWC, HWC, CHW, HW expected; did you mean NHWC?",
    "lr=fast": "a number expected, as in lr=0.5",
    "grad_scale=2": "one of 1/N, N expected",
    "return[0]=weight": "one of dx, dweight, dbias expected; did you mean dweight?",
    "dweight=grads[": "a path expected, as in W, params\\[W\\] or conv.weight",
    "weight=W:HWIO:turned": "only :flipped expected",
    "x=NHWC; x=NCHW": "x is said twice",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_map_that_is_not_understood_says_what_would_be(text):
    with pytest.raises(MapError, match=UNREADABLE[text]):
        parse_map(text)


@pytest.mark.parametrize(
    "layout, words",
    [("HWOO", "the letters O, I, H, W of Conv2d expected, each once"), ("HWI(O", "brackets make one axis"),
     ("OIWHX", "each once"), ("IO", "each once")],
)  # fmt: skip
def test_a_layout_that_is_none(layout, words):
    with pytest.raises(MapError) as error:
        Map(layout=layout).weight_layout("Conv2d")
    assert words in str(error.value)


@pytest.mark.parametrize("layout, own", [("HWIO", "OIHW->HWIO"), ("O(IHW)", "OIHW->O(IHW)"), ("HWO", "OIHW->HWO")])
def test_a_layout(layout, own):
    assert Map(layout=layout).weight_layout("Conv2d") == own


def test_no_layout_of_a_weight_with_one_axis():
    with pytest.raises(MapError, match="no layout of the weight of LayerNorm"):
        Map(layout="F").weight_layout("LayerNorm")


@pytest.mark.parametrize(
    "text, words",
    [
        ("Dence=Linear", "there is no class Dence; did you mean Dense?; there are Dense"),
        ("nin=in_features", "there is no argument nin; did you mean n_in?; there are dout, n_in, n_out, x"),
    ],
)
def test_what_is_not_in_the_file(written, text, words):
    with pytest.raises(MapError) as error:
        open_target(written("return dx, dW, db"), map_text=text)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text, words",
    [
        ("forward=run", "Dense has no method run; it has backward, forward"),
        ("backward=back", "Dense has no method back; it has backward, forward"),
        ("weight=V", "--map says weight=V; after it is made the object has W (3, 4), b (4,)"),
        ("weight=W:OI", "no weight of shape (4, 3) is known in it; found W of shape (3, 4)"),
        ("dweight=gW", "--map says dweight=gW; after backward the object has W (3, 4), b (4,), x (5, 3)"),
        ("return[3]=dx", "return[3]=dx; backward returns return[0] (5, 3), return[1] (3, 4), return[2] (4,)"),
    ],
)
def test_what_is_not_in_the_class(written, text, words):
    with pytest.raises(TargetError) as error:
        open_target(written("return dx, dW, db"), map_text=text)
    assert words in str(error.value)


def test_the_help_says_every_word_that_is_understood():
    shown = CliRunner().invoke(app, ["check", "--help"]).stdout
    for word in ("forward=", "backward=", "x=", "weight=", "bias=", "dweight=", "return[0]=", "grad_scale=", "lr="):
        assert f" {word}" in shown
        parse_map(next(text for text in shown.split() if text.startswith(word)))
