"""What activations and losses refuse, and that torch refuses it as well, unless it is listed as stricter than torch.

Each row is one call, made with scratchnet.nn on arrays and with torch.nn on tensors.
"""

from functools import partial

import numpy as np
import pytest
import torch

import scratchnet.nn
from scratchnet import nn


def array(values, dtype=np.float32):
    return np.array(values, dtype)


def tensor(values, dtype=np.float32):
    return torch.from_numpy(np.array(values, dtype))


def ones(make, *shape, dtype=np.float32):
    return make(np.ones(shape), dtype)


def labels(make, *values):
    return make(values, np.int64)


# (call of the library `nn`, x(*shape) makes ones and y(*numbers) integers; error of scratchnet; words of its message)
BOTH = [
    (lambda nn, x, y: nn.Hardtanh(2.0, 1.0), ValueError, "min_val=2.0, max_val=1.0"),
    (lambda nn, x, y: nn.CELU(0.0)(x(2)), ValueError, "alpha=0"),
    (lambda nn, x, y: nn.Softshrink(-1.0)(x(2)), ValueError, "lambd=-1.0"),
    (lambda nn, x, y: nn.GELU("erf")(x(2)), ValueError, "approximate='erf'"),
    (lambda nn, x, y: nn.GLU(0)(x(3, 4)), ValueError, "axis dim=0 is halved"),
    (lambda nn, x, y: nn.GLU(2)(x(3, 4)), (ValueError), "no axis dim=2"),
    (lambda nn, x, y: nn.PReLU(3)(x(2, 4)), ValueError, "(N, 3, ...) expected"),
    (lambda nn, x, y: nn.PReLU(3)(x(3)), ValueError, "(N, 3, ...) expected"),
    (lambda nn, x, y: nn.RReLU(0.5, 0.1)(x(2)), ValueError, "lower=0.5, upper=0.1"),
    (lambda nn, x, y: nn.Softmax2d()(x(3, 4)), ValueError, "(N, C, H, W) or (C, H, W)"),
    (lambda nn, x, y: nn.L1Loss(reduction="batchmean")(x(2), x(2)), ValueError, "reduction='batchmean'"),
    (lambda nn, x, y: nn.KLDivLoss(reduction="max")(x(2), x(2)), ValueError, '"none" or "batchmean"'),
    (lambda nn, x, y: nn.SmoothL1Loss(beta=-1.0)(x(2), x(2)), ValueError, "beta=-1.0"),
    (lambda nn, x, y: nn.HuberLoss(delta=0.0)(x(2), x(2)), ValueError, "delta=0.0"),
    (lambda nn, x, y: nn.BCELoss()(2 * x(2), x(2)), ValueError, "x has numbers outside of 0..1"),
    (lambda nn, x, y: nn.BCELoss()(x(2), 2 * x(2)), ValueError, "target has numbers outside of 0..1"),
    (lambda nn, x, y: nn.BCELoss()(x(2, 1), x(2)), ValueError, "one shape expected"),
    (lambda nn, x, y: nn.BCELoss(x(3))(x(2, 2), x(2, 2)), ValueError, "weight has shape (3,)"),
    (lambda nn, x, y: nn.BCEWithLogitsLoss()(x(2, 1), x(2)), ValueError, "target.reshape"),
    (lambda nn, x, y: nn.BCEWithLogitsLoss(pos_weight=x(3))(x(2, 2), x(2, 2)), ValueError,
     "pos_weight has shape (3,)"),
    (lambda nn, x, y: nn.GaussianNLLLoss()(x(2), x(2), -x(2)), ValueError, "negative"),
    (lambda nn, x, y: nn.GaussianNLLLoss()(x(3, 2), x(3, 2), x(5)), ValueError, "(3, 1) or (3,)"),
    (lambda nn, x, y: nn.NLLLoss()(x(2, 3), y(0, 3)), ValueError, "class number 3"),
    (lambda nn, x, y: nn.NLLLoss()(x(2, 3), y(0, 1, 2)), ValueError, "(2,) expected"),
    (lambda nn, x, y: nn.NLLLoss()(x(2, 3), x(2)), TypeError, "target.astype(np.int64)"),
    (lambda nn, x, y: nn.NLLLoss(x(4))(x(2, 3), y(0, 1)), ValueError, "(3,) expected"),
    (lambda nn, x, y: nn.MultiMarginLoss(p=3), ValueError, "p=3, 1 or 2"),
    (lambda nn, x, y: nn.MultiMarginLoss(weight=x(2))(x(2, 3), y(0, 1)), ValueError, "(3,) expected"),
    (lambda nn, x, y: nn.MultiMarginLoss()(x(2, 3), y(0, -100)), ValueError, "class number -100"),
    (lambda nn, x, y: nn.MultiMarginLoss()(x(2, 3, 4), y(0, 1)), ValueError, "(N, C) or (C,)"),
    (lambda nn, x, y: nn.MultiLabelMarginLoss()(x(3), y(0, 3, -1)), ValueError, "class number 3"),
    (lambda nn, x, y: nn.MultiLabelMarginLoss()(x(3), y(0, -1)), ValueError, "has shape (2,)"),
    (lambda nn, x, y: nn.MarginRankingLoss()(x(2, 2), x(2, 2), y(1, 1)), ValueError, "(2, 2) expected"),
    (lambda nn, x, y: nn.CosineEmbeddingLoss()(x(1, 2, 3), x(1, 2, 3), y(1)), ValueError, "(N, C) or (C,)"),
    (lambda nn, x, y: nn.TripletMarginLoss(margin=0.0), ValueError, "margin=0.0"),
    (lambda nn, x, y: nn.TripletMarginLoss()(x(2, 3), x(3), x(2, 3)), ValueError, "positive (3,)"),
    (lambda nn, x, y: nn.TripletMarginWithDistanceLoss(margin=-1.0), ValueError, "margin=-1.0"),
    (lambda nn, x, y: nn.CTCLoss(blank=5)(x(4, 1, 3), y(1), y(4), y(1)), ValueError, "blank=5"),
    (lambda nn, x, y: nn.CTCLoss()(x(4, 1, 3), y(1), y(5), y(1)), ValueError, "1 to 4 expected"),
    (lambda nn, x, y: nn.CTCLoss()(x(4, 1, 3), y(1, 2), y(4), y(1)), ValueError, "(1,) expected"),
]  # fmt: skip
# torch broadcasts, or computes something.
STRICTER = [
    (lambda nn, x, y: nn.PReLU(0), ValueError, "num_parameters=0"),
    (lambda nn, x, y: nn.Softplus(0.0), ValueError, "beta=0"),
    (lambda nn, x, y: nn.ELU()(x(2, dtype=np.float16)), TypeError, "float16"),
    (lambda nn, x, y: nn.Softmin(), ValueError, "needs dim"),
    (lambda nn, x, y: nn.L1Loss()(x(2, 1), x(2)), ValueError, "nothing is broadcast"),
    (lambda nn, x, y: nn.KLDivLoss()(x(2, 1), x(2)), ValueError, "nothing is broadcast"),
    (lambda nn, x, y: nn.PoissonNLLLoss()(x(2, 1), x(2)), ValueError, "nothing is broadcast"),
    (lambda nn, x, y: nn.L1Loss()(x(2), x(2, dtype=np.float64)), TypeError, "target float64"),
    (lambda nn, x, y: nn.SoftMarginLoss()(x(2), y(1, 0)), ValueError, "label 0 in target"),
    (lambda nn, x, y: nn.HingeEmbeddingLoss()(x(2), y(1, 2)), ValueError, "2 * target - 1"),
    (lambda nn, x, y: nn.CosineEmbeddingLoss()(x(2, 3), x(2, 3), y(1)), ValueError, "(2,) expected"),
    (lambda nn, x, y: nn.TripletMarginLoss(p=-1.0)(*[x(2)] * 3), ValueError, "p=-1.0"),
    (lambda nn, x, y: nn.CTCLoss()(x(4, 1, 3), y(0), y(4), y(1)), ValueError, "label 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BOTH + STRICTER, ids=[words for _, _, words in BOTH + STRICTER])
def test_it_raises_and_says_what_was_expected(call, error, words):
    with pytest.raises(error) as raised:
        call(scratchnet.nn, partial(ones, array), partial(labels, array))
    assert words in str(raised.value)


@pytest.mark.parametrize("call", [call for call, _, _ in BOTH], ids=[words for _, _, words in BOTH])
def test_torch_refuses_it_too(call):
    with pytest.raises((ValueError, RuntimeError, IndexError, AssertionError)):
        call(torch.nn, partial(ones, tensor), partial(labels, tensor))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", [call for call, _, _ in STRICTER], ids=[words for _, _, words in STRICTER])
def test_torch_computes_what_is_listed_as_stricter(call):
    call(torch.nn, partial(ones, tensor), partial(labels, tensor))


def test_a_distance_without_a_backward_is_refused():
    with pytest.raises(TypeError, match="its backward is needed"):
        nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: abs(a - b).sum(-1))
