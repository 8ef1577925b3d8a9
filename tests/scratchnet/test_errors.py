"""A wrong input or setting raises at once, and the message holds what was given and what would have been right."""

import numpy as np
import pytest

from scratchnet import nn


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def after_forward(layer, *inputs):
    layer(*inputs)
    return layer


CE = nn.CrossEntropyLoss
SETTINGS = [
    (lambda: nn.Conv2d(4, 6, 3, groups=4), ValueError, "groups=4 must divide"),
    (lambda: nn.Conv2d(1, 1, (3, 3, 3)), ValueError, "one integer or 2"),
    (lambda: nn.Conv2d(1, 1, 3, stride=0), ValueError, "stride=0"),
    (lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same"), ValueError, "only stride 1"),
    (lambda: nn.Conv2d(1, 1, 3, padding="full"), ValueError, '"same" or "valid"'),
    (lambda: nn.Conv1d(1, 1, 2.0), TypeError, "kernel_size=2.0"),
    (lambda: nn.MaxPool2d(2, stride=0), ValueError, "stride=0"),
    (lambda: nn.MaxPool2d(3, padding=2), ValueError, "half of kernel_size=3"),
    (lambda: nn.MaxPool2d((4, 2), padding=2), ValueError, "padding <= kernel_size // 2"),
    (lambda: nn.AvgPool3d((2, 2)), ValueError, "kernel_size=(2, 2): one integer or 3"),
    (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "divisor_override=0"),
    (lambda: nn.Softmax(), ValueError, "dim=1 for (N, classes)"),
    (lambda: nn.LogSoftmax(dim=1.0), TypeError, "dim=1.0"),
    (lambda: nn.MSELoss(reduction="max"), ValueError, '"mean", "sum" or "none"'),
    (lambda: CE(label_smoothing=1.5), ValueError, "label_smoothing=1.5"),
    (lambda: CE(np.ones(3, int)), TypeError, "weight has dtype int64"),
    (lambda: nn.Sequential(nn.ReLU), TypeError, "ReLU(...)"),
    (lambda: nn.ModuleList([np.tanh]), TypeError, "layer 0"),
    (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), ValueError, "'a.b'"),
    (lambda: nn.ModuleDict({"training": nn.ReLU()}), ValueError, "'training'"),
]
INPUTS = [
    (lambda: nn.Linear(3, 2)(zeros(4, 5)), ValueError, "(4, 5), (..., 3)"),
    (lambda: nn.Linear(3, 2)(zeros(4, 3, dtype=np.float64)), TypeError, "x float64, weight float32"),
    (lambda: nn.Linear(3, 2)([[1.0, 2.0, 3.0]]), TypeError, "x is a list"),
    (lambda: nn.Conv2d(2, 1, 3)(zeros(1, 3, 8, 8)), ValueError, "(N, 2, H, W)"),
    (lambda: nn.Conv2d(1, 1, 5)(zeros(1, 1, 4, 4)), ValueError, "floor((size + padding"),
    (lambda: nn.Conv1d(1, 1, 1)(np.zeros((1, 1, 4), np.int64)), TypeError, "int64, float32 or float64"),
    (lambda: nn.MaxPool2d(2)(zeros(4, 4)), ValueError, "(N, C, H, W) or (C, H, W)"),
    (lambda: nn.MaxPool2d(5)(zeros(1, 1, 4, 4)), ValueError, "output size 0"),
    (lambda: nn.AvgPool2d(6, stride=1, ceil_mode=True)(zeros(1, 1, 4, 4)), ValueError, "output size 0"),
    (lambda: nn.MaxPool2d(2)(zeros(2, 0, 4, 4)), ValueError, "only the batch"),
    (lambda: nn.AvgPool1d(2, padding=1)(zeros(2, 3, 0)), ValueError, "only the batch"),
    (lambda: nn.MaxPool1d(2, 1, 1, dilation=2)(zeros(1, 1, 1)), ValueError, "has no maximum"),
    (lambda: nn.ReLU()(np.zeros(3, np.float16)), TypeError, "float16"),
    (lambda: nn.Softmax(2)(zeros(3, 4)), ValueError, "no axis dim=2"),
    (lambda: nn.Flatten(2)(zeros(3, 4)), ValueError, "start_dim=2"),
    (lambda: nn.Flatten(2, 1)(zeros(3, 4, 5)), ValueError, "comes after"),
    (lambda: nn.HalfSquaredError()(zeros(4, 1), zeros(4)), ValueError, "target.reshape(x.shape)"),
    (lambda: nn.MSELoss()(zeros(4, 1), zeros(4)), ValueError, "x has shape (4, 1), target (4,)"),
    (lambda: nn.MSELoss()(zeros(4), zeros(4, dtype=np.float64)), TypeError, "target float64"),
    (lambda: CE()(zeros(), zeros()), ValueError, "(N, C, ...)"),
    (lambda: CE()(zeros(2, 3), np.array([0, 3])), ValueError, "class number 3 in target, 0 to 2"),
    (lambda: CE()(zeros(2, 3), np.array([0, -1])), ValueError, "ignore_index=-100"),
    (lambda: CE()(zeros(2, 3), np.array([0, 1, 2])), ValueError, "(3,), (2,) expected"),
    (lambda: CE()(zeros(2, 3), np.array([[1, 0, 0], [0, 1, 0]])), ValueError, "without its class axis"),
    (lambda: CE()(zeros(2, 3), zeros(2)), ValueError, "target.astype(np.int64)"),
    (lambda: CE()(zeros(2, 3), zeros(2, 3, dtype=np.float64)), TypeError, "target float64"),
    (lambda: CE()(zeros(2, 3), [0, 1]), TypeError, "target is a list"),
    (lambda: CE(ignore_index=1)(zeros(2, 3), zeros(2, 3)), ValueError, "ignore_index=1"),
    (lambda: CE(zeros(4))(zeros(2, 3), np.array([0, 1])), ValueError, "(3,) expected"),
    (lambda: CE(zeros(3, dtype=np.float64))(zeros(2, 3), np.array([0, 1])), TypeError, "weight float64"),
]
GRADIENTS = [
    (lambda: after_forward(nn.Linear(3, 2), zeros(4, 3)).backward(zeros(4, 3)), ValueError, "(4, 2) expected"),
    (lambda: after_forward(nn.ReLU(), zeros(4)).backward(zeros(4, dtype=np.float64)), TypeError, "output was float32"),
    (lambda: after_forward(nn.ReLU(), zeros(4)).backward(1.0), TypeError, "dout is a float"),
    (lambda: after_forward(nn.MaxPool1d(2), zeros(1, 1, 4)).backward(zeros(1, 1, 4)), ValueError, "(1, 1, 2) expected"),
    (lambda: after_forward(nn.AvgPool1d(2), zeros(1, 1, 4)).backward(zeros(1, 2)), ValueError, "(1, 1, 2) expected"),
    (lambda: after_forward(nn.Softmax(0), zeros(4)).backward(zeros(1)), ValueError, "(4) expected"),
    (lambda: after_forward(nn.Flatten(), zeros(2, 3, 4)).backward(zeros(2, 3, 4)), ValueError, "(2, 12) expected"),
    (lambda: after_forward(nn.Identity(), zeros(4)).backward(zeros(3)), ValueError, "(4) expected"),
    (lambda: after_forward(nn.MSELoss(reduction="none"), zeros(4), zeros(4)).backward(), ValueError, "needs dout"),
    (lambda: after_forward(nn.MSELoss(), zeros(4), zeros(4)).backward(zeros(4)), ValueError, "() expected"),
    (lambda: after_forward(nn.MSELoss(), zeros(4), zeros(4)).backward(np.float64(1)), TypeError, "float64"),
]


@pytest.mark.parametrize(
    ("call", "error", "words"), SETTINGS + INPUTS + GRADIENTS, ids=[w for _, _, w in SETTINGS + INPUTS + GRADIENTS]
)
def test_it_raises_and_says_what_was_expected(call, error, words):
    with pytest.raises(error) as raised:
        call()
    assert words in str(raised.value)
