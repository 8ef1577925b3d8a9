"""Recurrent layers and embedding beside the judgement of tests/test_layers.py: what raises, state, dropout's mask."""

import numpy as np
import pytest
import torch

from scratchnet import nn, no_grad

LAYERS = ("RNN", "GRU", "LSTM")
X = np.random.default_rng(0).standard_normal((5, 2, 3))


def make(name, *args, **settings):
    return getattr(nn, name)(*args, dtype=np.float64, rng=np.random.default_rng(1), **settings)


WRONG = [
    (lambda: make("LSTM", 3, 4)(X[..., :2]), ValueError, r"x has shape \(5, 2, 2\), \(T, N, 3\) expected"),
    (lambda: make("RNN", 3, 4, batch_first=True)(X[0, 0]), ValueError, r"\(T, 3\) expected"),
    (lambda: make("GRU", 3, 4)(X[:0]), ValueError, "no step at all"),
    (lambda: make("GRU", 3, 4)(X.astype(np.float32)), TypeError, "mixed dtypes"),
    (lambda: make("LSTM", 3, 4)(X, np.zeros((1, 2, 4))), TypeError, r"the tuple \(h0, c0\) expected"),
    (lambda: make("LSTM", 3, 4)(X, (np.zeros((1, 2, 4)), np.zeros((1, 2, 3)))), ValueError, "c0 has shape"),
    (lambda: make("GRU", 3, 4, 2)(X, np.zeros((1, 2, 4))), ValueError, r"h0 has shape .*\(2, 2, 4\) expected"),
    (lambda: make("LSTM", 3, 4, proj_size=4), ValueError, "less than hidden_size=4 expected"),
    (lambda: make("RNN", 3, 4, nonlinearity="gelu"), ValueError, '"tanh" or "relu" expected'),
    (lambda: make("RNNCell", 3, 4, nonlinearity="gelu"), ValueError, '"tanh" or "relu" expected'),
    (lambda: make("GRU", 3, 4, dropout=1.5), ValueError, "from 0 to 1, expected"),
    (lambda: make("LSTM", 3, 0), ValueError, "at least 1 expected"),
    (lambda: make("GRUCell", 3, 4)(X), ValueError, "x has shape"),
    (lambda: make("LSTM", 3, 4).backward(X), RuntimeError, "call forward first"),
    (lambda: make("Embedding", 3, 4)(np.array([0, 3])), IndexError, "indices from 0 to 2 expected"),
    (lambda: make("Embedding", 3, 4)(np.array([-1])), IndexError, "indices from 0 to 2 expected"),
    (lambda: make("Embedding", 3, 4)(X), TypeError, r"x.astype\(np.int64\)"),
    (lambda: make("Embedding", 3, 4, padding_idx=3), ValueError, "a row from -3 to 2 expected"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_what_does_not_fit_raises_and_says_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", LAYERS)
def test_states_have_torch_s_names_shapes_and_order(name):
    settings = {"num_layers": 2, "bidirectional": True} | ({"proj_size": 2} if name == "LSTM" else {})
    twin = getattr(torch.nn, name)(3, 4, **settings)
    own = make(name, 3, 4, **settings).state_dict()
    assert [(n, a.shape) for n, a in own.items()] == [(n, tuple(a.shape)) for n, a in twin.state_dict().items()]


@pytest.mark.parametrize("name", LAYERS)
def test_a_sequence_in_two_pieces_is_the_whole_sequence_forward_and_backward(name):
    whole, pieces = make(name, 3, 4), make(name, 3, 4)
    out, last = whole(X)
    first, between = pieces(X[:2])
    second, end = pieces(X[2:], between)
    np.testing.assert_allclose(np.concatenate([first, second]), out, rtol=1e-12)
    np.testing.assert_allclose(np.stack(end), np.stack(last), rtol=1e-12)
    dout = np.cos(out)
    dsecond, dbetween = pieces.backward(dout[2:])
    dfirst = pieces.backward(dout[:2], dbetween)
    np.testing.assert_allclose(np.concatenate([dfirst, dsecond]), whole.backward(dout), rtol=1e-10, atol=1e-14)
    for (key, one), (_, other) in zip(whole.named_parameters(), pieces.named_parameters()):
        np.testing.assert_allclose(one.grad, other.grad, rtol=1e-10, atol=1e-14, err_msg=key)


@pytest.mark.parametrize("name", LAYERS)
def test_an_upstream_gradient_that_is_none_counts_as_zeros(name):
    layer = make(name, 3, 4)
    _, last = layer(X)
    through_state = layer.backward(None, last)
    layer(X)
    zeros = np.zeros((5, 2, 4))
    np.testing.assert_array_equal(through_state, layer.backward(zeros, last))


def test_the_mask_between_layers_is_drawn_read_back_and_handed_in():
    layer = make("GRU", 3, 4, num_layers=3, dropout=0.5)
    out, _ = layer(X)
    mask = layer.mask
    assert mask.shape == (2, 5, 2, 4) and set(np.unique(mask)) == {0, 1}
    np.testing.assert_array_equal(layer(X, mask=mask)[0], out)
    assert (layer(X)[0] != out).any()
    assert (layer.eval()(X)[0] != out).any() and layer.mask is None


def test_evaluation_keeps_nothing_under_no_grad():
    layer = make("LSTM", 3, 4)
    with no_grad():
        layer(X)
    with pytest.raises(RuntimeError, match="no_grad"):
        layer.backward(np.zeros((5, 2, 4)))


def test_an_embedding_adds_up_over_calls_and_leaves_the_padding_row_alone():
    layer = make("Embedding", 3, 2, padding_idx=-1)
    assert not layer.weight.data[2].any()
    for _ in range(2):
        layer(np.array([0, 2, 0]))
        assert layer.backward(np.ones((3, 2))) is None
    np.testing.assert_array_equal(layer.weight.grad, [[4, 4], [0, 0], [0, 0]])
