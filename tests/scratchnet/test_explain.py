"""The terms of an explanation: they add up to what the loops compute, and the absent ones say why."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from scratchnet import nn
from scratchnet.explain import explain, explainable
from scratchnet.naive import conv as conv_loops
from scratchnet.naive import linear as linear_loops
from scratchnet.naive import pooling as pooling_loops

CONVOLUTIONS = [
    (nn.Conv1d, dict(in_channels=2, out_channels=3, kernel_size=3, stride=2, padding=1), (2, 2, 7)),
    (nn.Conv2d, dict(in_channels=1, out_channels=1, kernel_size=1), (1, 1, 1, 1)),
    (nn.Conv2d, dict(in_channels=3, out_channels=2, kernel_size=(3, 2), stride=2, padding=1), (2, 3, 5, 4)),
    (nn.Conv2d, dict(in_channels=2, out_channels=2, kernel_size=2, stride=3), (1, 2, 7, 6)),  # stride > kernel
    (nn.Conv2d, dict(in_channels=1, out_channels=2, kernel_size=2, padding=3), (1, 1, 2, 2)),  # padding > kernel
    (nn.Conv2d, dict(in_channels=2, out_channels=1, kernel_size=2, dilation=(1, 3), padding=(0, 2)), (1, 2, 3, 5)),
    (nn.Conv2d, dict(in_channels=4, out_channels=6, kernel_size=2, groups=2, padding=1), (1, 4, 3, 3)),
    (nn.Conv2d, dict(in_channels=3, out_channels=3, kernel_size=3, groups=3, stride=2), (1, 3, 5, 5)),
    (nn.Conv2d, dict(in_channels=2, out_channels=2, kernel_size=(2, 4), padding="same", dilation=2), (1, 2, 4, 3)),
    (nn.Conv2d, dict(in_channels=2, out_channels=2, kernel_size=2, bias=False), (0, 2, 3, 3)),
    (nn.Conv3d, dict(in_channels=2, out_channels=2, kernel_size=(1, 2, 3), groups=2, padding=1), (1, 2, 2, 3, 3)),
]
LINEARS = [((2, 3), 4, True), ((1, 1), 1, True), ((2, 3, 2), 2, False), ((5,), 2, True), ((2, 1, 2, 1, 2), 3, True)]
POOLINGS = [
    (dict(kernel_size=2), (1, 2, 4, 4)),
    (dict(kernel_size=3, stride=2, padding=1), (2, 1, 5, 5)),
    (dict(kernel_size=(3, 2), stride=1), (1, 1, 4, 5)),
    (dict(kernel_size=2, stride=3), (1, 1, 6, 7)),
    (dict(kernel_size=3, stride=2, padding=1, ceil_mode=True), (1, 1, 6, 5)),
]
AVERAGES = [{}, {"count_include_pad": False}, {"divisor_override": 4}]


def name(value: object) -> str:
    return getattr(value, "__name__", str(value))


def integers(shape: tuple[int, ...], most: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-most, most + 1, shape).astype(np.float64)


def explained(layer, shape, most=9):
    """The layer with integer parameters, explained at integer arrays: (explanation, layer, x, dout)."""
    layer.to(np.float64)
    layer.load_state_dict({key: integers(array.shape) for key, array in layer.state_dict().items()})
    x = integers(shape, most, 1)
    dout = integers(layer(x).shape, most, 2)
    return explain(layer, x, dout), layer, x, dout


def totals(explanation) -> dict[str, np.ndarray]:
    """Every element of every tensor as the sum of its terms."""
    return {
        tensor: np.array([explanation.element(tensor, index).total for index in np.ndindex(shape)]).reshape(shape)
        for tensor, shape in explanation.shapes.items()
    }


def assert_same(explanation, expected: dict[str, np.ndarray]) -> None:
    sums = totals(explanation)
    assert sums.keys() == {key for key in expected if key in explanation.shapes}
    for tensor, array in sums.items():
        np.testing.assert_array_equal(array, expected[tensor], tensor)


@pytest.mark.parametrize(("cls", "settings", "shape"), CONVOLUTIONS, ids=name)
def test_the_terms_of_a_convolution_add_up_to_the_loops(cls, settings, shape):
    explanation, layer, x, dout = explained(cls(**settings), shape)
    w, b = layer.weight.data, None if layer.bias is None else layer.bias.data
    letters = layer.stride, layer._widths, layer.dilation, layer.groups
    gradients = dict(zip(("dx", "dweight", "dbias"), conv_loops.conv_gradients(dout, x, w, *letters)))
    assert_same(explanation, {"out": conv_loops.conv(x, w, b, *letters), **gradients})


@pytest.mark.parametrize(("shape", "features", "bias"), LINEARS, ids=str)
def test_the_terms_of_a_linear_layer_add_up_to_the_loops(shape, features, bias):
    explanation, layer, x, dout = explained(nn.Linear(shape[-1], features, bias), shape)
    w, b = layer.weight.data, layer.bias.data if bias else None
    gradients = dict(zip(("dx", "dweight", "dbias"), linear_loops.linear_gradients(dout, x, w)))
    assert_same(explanation, {"out": linear_loops.linear(x, w, b), **gradients})


@pytest.mark.parametrize("most", [1, 99], ids=["ties", "distinct"])
@pytest.mark.parametrize(("settings", "shape"), POOLINGS, ids=str)
def test_the_terms_of_a_maximum_add_up_to_the_loops(settings, shape, most):
    explanation, layer, x, dout = explained(nn.MaxPool2d(**settings), shape, most)
    letters = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode
    out, place = pooling_loops.max_pool(x, *letters)
    assert_same(explanation, {"out": out, "dx": pooling_loops.max_pool_gradient(dout, x, place)})


@pytest.mark.parametrize("divide", AVERAGES, ids=str)
@pytest.mark.parametrize(("settings", "shape"), POOLINGS, ids=str)
def test_the_terms_of_a_mean_add_up_to_the_loops(settings, shape, divide):
    explanation, layer, x, dout = explained(nn.AvgPool2d(**settings, **divide), shape)
    letters = layer.kernel_size, layer.stride, layer.padding
    mode = layer.count_include_pad, layer.divisor_override
    expected = {
        "out": pooling_loops.avg_pool(x, *letters, layer.ceil_mode, *mode),
        "dx": pooling_loops.avg_pool_gradient(dout, x, *letters, *mode),
    }
    for tensor, array in totals(explanation).items():
        np.testing.assert_allclose(array, expected[tensor], rtol=0, atol=1e-13)  # thirds are rounded in another order


@pytest.mark.parametrize(
    ("settings", "shape", "tensor", "index", "kinds"),
    [
        # the corner of a padded 3x3 window has 5 places in the padding; 4 present, and the bias
        (dict(kernel_size=3, padding=1), (1, 1, 4, 4), "out", (0, 0, 0, 0), {"": 5, "in the padding": 5}),
        (dict(kernel_size=2), (1, 1, 3, 3), "dx", (0, 0, 0, 0), {"": 1, "outside of the output": 3}),
        (dict(kernel_size=2), (1, 1, 3, 3), "dx", (0, 0, 1, 1), {"": 4}),
        (dict(kernel_size=2, stride=2), (1, 1, 4, 4), "dx", (0, 0, 1, 1), {"": 1, "between strides": 3}),
        (dict(kernel_size=1, stride=2), (1, 1, 3, 3), "dx", (0, 0, 1, 1), {"between strides": 1}),  # no window sees it
        (dict(kernel_size=2, padding=1), (1, 1, 2, 2), "dweight", (0, 0, 0, 0), {"": 4, "in the padding": 5}),
        (dict(kernel_size=2, padding=1), (1, 1, 2, 2), "dbias", (0,), {"": 9}),
        (
            dict(kernel_size=1, channels=(4, 4), groups=2),
            (1, 4, 1, 1),
            "out",
            (0, 3, 0, 0),
            {"": 3, "in another group": 2},
        ),
        (
            dict(kernel_size=1, channels=(4, 4), groups=2),
            (1, 4, 1, 1),
            "dx",
            (0, 0, 0, 0),
            {"": 2, "in another group": 2},
        ),
    ],
    ids=str,
)
def test_absent_terms_say_why(settings, shape, tensor, index, kinds):
    settings = dict(settings)
    explanation, *_ = explained(nn.Conv2d(*settings.pop("channels", (1, 1)), **settings), shape)
    assert Counter(term.kind for term in explanation.element(tensor, index).terms) == kinds


def test_an_element_of_a_convolution_in_the_letters_of_the_note():
    """O[0,1,2,0] with stride 2 and padding 1: row 2*2+r-1, column 0*2+s-1."""
    explanation, *_ = explained(nn.Conv2d(1, 2, 2, stride=2, padding=1), (1, 1, 5, 4))
    entry = explanation.element("out", (0, 1, 2, 0))
    assert entry.rule == "O[n,k,y,x] = B[k] + sum over c,r,s of I[n,c, y*S+r-P, x*S+s-P] * W[k,c,r,s]"
    assert entry.here == "O[0,1,2,0] = B[1] + sum over c,r,s of I[0,c, 2*2+r-1, 0*2+s-1] * W[1,c,r,s]"
    assert [(term.index, " * ".join(map(str, term.factors)), term.why_absent) for term in entry.terms] == [
        ((), "B[1]", ""),
        ((0, 0, 0), "I[0,0,3,-1] * W[1,0,0,0]", "in the padding: 0"),
        ((0, 0, 1), "I[0,0,3,0] * W[1,0,0,1]", ""),
        ((0, 1, 0), "I[0,0,4,-1] * W[1,0,1,0]", "in the padding: 0"),
        ((0, 1, 1), "I[0,0,4,0] * W[1,0,1,1]", ""),
    ]


def test_an_input_gradient_asks_for_the_output_that_read_it():
    explanation, *_ = explained(nn.Conv2d(1, 1, (1, 3), stride=(1, 2), padding=(0, 1)), (1, 1, 1, 4))
    entry = explanation.element("dx", (0, 0, 0, 3))
    assert entry.rule == "dI[n,c,i,j] = sum over k,r,s of dO[n,k, i-r, (j+P-s)/S] * W[k,c,r,s]"
    assert entry.here == "dI[0,0,0,3] = sum over k,r,s of dO[0,k, 0-r, (3+1-s)/2] * W[k,0,r,s]"
    assert [(term.index, " * ".join(map(str, term.factors)), term.why_absent) for term in entry.terms] == [
        ((0, 0, 0), "dO[0,0,0,2] * W[0,0,0,0]", "outside of the output"),
        ((0, 0, 1), "W[0,0,0,1]", "between strides: no x with x*2 = 3"),
        ((0, 0, 2), "dO[0,0,0,1] * W[0,0,0,2]", ""),
    ]


def test_the_first_of_equal_maxima_wins_and_the_others_say_so():
    x = np.array([[[[1.0, 5, 5], [5, 0, 2]]]])
    dout = np.array([[[[7.0, 9]]]])
    explanation = explain(nn.MaxPool2d(2, stride=1), x, dout)
    reasons = [term.why_absent for term in explanation.element("out", (0, 0, 0, 0)).terms]
    assert reasons == ["not the maximum", "", "not the first maximum: as large as I[0,0,0,1]", "not the maximum"]
    # I[0,0,0,1] is the maximum of both windows, I[0,0,0,2] is as large as it but comes later
    assert explanation.element("dx", (0, 0, 0, 1)).total == 16
    later = explanation.element("dx", (0, 0, 0, 2))
    assert later.total == 0
    assert "not the first maximum: I[0,0,0,1] is as large and comes first" in [term.why_absent for term in later.terms]
    smaller = explanation.element("dx", (0, 0, 1, 2))
    assert "not the maximum: I[0,0,0,1] = 5 is" in [term.why_absent for term in smaller.terms]


def test_without_a_batch_axis_pooling_is_explained_too():
    x = np.arange(12.0).reshape(1, 3, 4)
    entry = explain(nn.MaxPool2d(2), x, np.ones((1, 1, 2))).element("out", (0, 0, 1))
    assert (entry.total, entry.rule) == (7, "O[c,y,x] = max over r,s of I[c, y*S+r, x*S+s]")


@pytest.mark.parametrize(
    ("tensor", "index", "message"),
    [
        ("weight", (0,), r"no tensor 'weight'; there are out \(1, 1, 2, 2\), dx \(1, 1, 3, 3\), dweight"),
        (
            "out",
            (0, 0, 2, 0),
            r"no element out\[0,0,2,0\]: out has shape \(1, 1, 2, 2\).*last element is out\[0,0,1,1\]",
        ),
        ("out", (0, 0, -1, 0), r"no element out\[0,0,-1,0\]"),
        ("dbias", (0, 0), r"no element dbias\[0,0\]: dbias has shape \(1,\)"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(tensor, index, message):
    explanation, *_ = explained(nn.Conv2d(1, 1, 2), (1, 1, 3, 3))
    with pytest.raises(ValueError, match=message):
        explanation.element(tensor, index)


def test_a_layer_without_an_explanation_is_refused_with_those_that_have_one():
    with pytest.raises(TypeError, match=r"Module cannot be explained yet; these can: Linear, Conv1d, Conv2d"):
        explain(nn.Module(), np.zeros(1), np.zeros(1))
    assert set(explainable()) >= {"Linear", "Conv2d", "MaxPool2d", "AvgPool2d"}


def test_an_upstream_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"dout has shape \(1, 1\), the output has \(2, 4\)"):
        explain(nn.Linear(3, 4).double(), np.zeros((2, 3)), np.zeros((1, 1)))
