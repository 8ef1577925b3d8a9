"""What is said of a wrong tensor that no mistake of its layer explains: the right answer changed in a way that has a
name, or the place of the wrong elements; and nothing at all where there is nothing to say.
"""

import numpy as np
import pytest

from oracle.cases import make
from oracle.layers import SPECS
from oracle.mistakes.any import explain_any
from oracle.mistakes.where import where_wrong
from oracle.reference import reference
from oracle.seen import Seen, wrong_elements
from oracle.selection import FIRST, grid


def failing(spec, tensor, change, style="random"):
    """The first dozen settings, with the tensor as `change(right answer, call)` gives it, where that is wrong."""
    found = []
    for setting in grid(SPECS[spec])[:FIRST]:
        case = make(SPECS[spec], setting, "float64", style)
        call = case.call()
        expected = reference(case, call)
        if tensor in expected.tensors:
            right, bound = expected.tensors[tensor], expected.bounds[tensor]
            seen = Seen(case, call, np.asarray(change(right.copy(), call), np.float64), right, bound)
            if seen.actual.shape != right.shape or wrong_elements(seen).any():
                found.append(seen)
    return found


def at(array, place, value):
    array[place] = value
    return array


NAMED = [
    ("Conv2d", "dweight", lambda right, call: right / len(call.inputs["x"]), "scaled-by-constant", "times 1/N"),
    ("Conv2d", "dx", lambda right, call: 2 * right, "scaled-by-constant", "times 2"),
    ("Linear", "out", lambda right, call: -right, "scaled-by-constant", "times -1"),
    ("Linear", "dbias", lambda right, call: 0.37 * right, "scaled-by-constant", "times 0.37"),
    ("Conv2d", "out", lambda right, call: right * call.parameters["weight"][0, 0].size, "scaled-by-constant", "R*S"),
    ("Conv2d", "dbias", lambda right, call: right / np.prod(call.upstream["dout"].shape[2:]), "scaled-by-constant",
     "times 1/the number of output positions"),
    ("Linear", "dx", lambda right, call: 0 * right, "always-zero", "0 everywhere"),
    ("Conv2d", "out", lambda right, call: right.swapaxes(2, 3), "transposed", "axes 2 and 3"),
    ("Linear", "dweight", lambda right, call: right.T.reshape(right.shape), "transposed", "old shape forced"),
    ("Conv2d", "dweight", lambda right, call: right[:, :, ::-1, ::-1], "flipped", "axis 2 and 3"),
    ("Conv2d", "out", lambda right, call: right[:, :, :, ::-1], "flipped", "axis 3"),
    ("Conv2d", "dx", lambda right, call: np.roll(right, 1, 2), "shifted", "later along axis 2"),
    ("Conv2d", "dx", lambda right, call: at(np.roll(right, -1, 3), (..., -1), 0), "shifted", "earlier along axis 3"),
    ("Linear", "out", lambda right, call: right[..., np.argsort(np.sin(range(right.shape[-1])))], "channels-permuted",
     "axis 1"),
    ("Linear", "dbias", lambda right, call: right[None], "broadcast-shape", "1x"),
    ("Tanh", "dx", lambda right, call: 1 - np.tanh(call.inputs["x"]) ** 2, "upstream-ignored", "from above"),
    ("SiLU", "dx", lambda right, call: call.upstream["dout"], "derivative-missing", "passed on"),
    ("Linear", "dbias", lambda right, call: np.tile(right, (3, 1)), "broadcast-shape", "repeated"),
    ("MSELoss", "out", lambda right, call: right.reshape(-1, 1), "broadcast-shape", "1x1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "tensor", "change", "id", "hint"),
    NAMED,
    ids=[f"{row[0]}-{row[1]}-{row[3]}-{i}" for i, row in enumerate(NAMED)],
)
@pytest.mark.parametrize("style", ["random", "integer"])
def test_change_is_named(spec, tensor, change, id, hint, style):
    seen = failing(spec, tensor, change, style)
    if id == "channels-permuted":
        seen = [each for each in seen if each.expected.ndim == 2]
    found = explain_any(seen, tensor)
    assert found is not None
    assert found.id == id
    assert hint in found.hint


def test_nan_is_named_with_the_inputs_that_make_it():
    found = explain_any(
        failing("Sigmoid", "out", lambda right, call: np.where(call.inputs["x"] > 709, np.nan, right), "large")
    )
    assert found.id == "nan-or-inf"
    assert "NaN" in found.hint
    assert "|x|" in found.hint


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("spec", ["Conv2d", "Linear", "MaxPool2d", "Softmax", "ReLU"])
@pytest.mark.parametrize(
    "change",
    [
        lambda right, call: right + NOISE.normal(size=right.shape),
        lambda right, call: right * (2 if len(call.inputs["x"]) > 1 else 3),
        lambda right, call: right**2 + 1,
    ],
    ids=["noise", "two-factors", "square"],
)
def test_nothing_is_guessed(spec, change):
    assert explain_any(failing(spec, "out", change)) is None


def test_what_is_just_outside_of_its_bound_is_not_permuted():
    """A small number beside large ones: rows in their own order are as near as a wrong order may be."""
    small = failing("LSTMCell", "out", lambda right, call: right + 1e-14 * np.abs(right).max())
    assert explain_any([each for each in small if len(each.expected) > 1], "out") is None


def test_one_number_explains_nothing():
    assert explain_any(failing("Linear", "out", lambda right, call: 0.3 * right)[:1]) is None


def border(array):
    inner = array.copy()
    array += 1
    array[:, :, 1:-1, 1:-1] = inner[:, :, 1:-1, 1:-1]
    return array


PLACES = [
    ("Conv2d", "dx", lambda right, call: border(right), "only at the border of the image"),
    ("Conv2d", "out", lambda right, call: at(right, (..., -1), 77), "only in the last column"),
    ("Conv2d", "out", lambda right, call: at(right, np.s_[:, :, 0], 77), "only in the first row"),
    ("Conv2d", "out", lambda right, call: at(right, np.s_[1:], 77), "only after the first image"),
    ("Conv2d", "out", lambda right, call: at(right, np.s_[:, 1:], 77), "only after the first channel"),
    ("Conv2d", "dweight", lambda right, call: at(right, np.s_[:-1], 77), "only before the last filter"),
    ("Conv2d", "dx", lambda right, call: at(right, np.s_[..., 1::2], 77), "only in every second column (odd indices)"),
    ("ReLU", "out", lambda right, call: np.where(right == 0, 77, right), "only where the right value is 0"),
    ("Tanh", "out", lambda right, call: np.where(right < 0, 77, right), "only where the right value is negative"),
    ("Conv2d", "out", lambda right, call: right + 1, None),
]


@pytest.mark.parametrize(("spec", "tensor", "change", "place"), PLACES, ids=[str(row[3]) for row in PLACES])
def test_place_is_named(spec, tensor, change, place):
    assert where_wrong(failing(spec, tensor, change), tensor) == place
