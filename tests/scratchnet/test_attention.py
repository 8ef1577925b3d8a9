"""Attention and transformers beside the judgement of tests/test_layers.py: what raises, hints, copies, dropout."""

import numpy as np
import pytest
import torch

from scratchnet import nn

RNG = np.random.default_rng(0)
Q, K = RNG.standard_normal((5, 2, 4)), RNG.standard_normal((3, 2, 4))
CAUSAL = np.triu(np.ones((5, 5), bool), 1)


def attention(**settings):
    return nn.MultiheadAttention(4, 2, dtype=np.float64, rng=np.random.default_rng(1), **settings)


def twin_of(layer, twin):
    twin.double().load_state_dict({name: torch.from_numpy(array) for name, array in layer.state_dict().items()})
    return twin


WRONG = [
    (lambda: nn.MultiheadAttention(5, 2), ValueError, "divides the features"),
    (lambda: attention()(Q, K, Q), ValueError, r"value has shape \(5, 2, 4\), \(3, 2, 4\) expected"),
    (lambda: attention()(Q, K[:, :1], K), ValueError, "key has shape"),
    (lambda: attention()(Q, K[0], K[0]), ValueError, "key has shape"),
    (lambda: attention()(Q.astype(np.float32), K, K), TypeError, "mixed dtypes"),
    (lambda: attention()(Q, K, K, attn_mask=np.ones((3, 5), bool)), ValueError, r"\(5, 3\) expected"),
    (lambda: attention()(Q, K, K, attn_mask=np.ones((5, 3), int)), TypeError, "bool or float64 expected"),
    (lambda: attention()(Q, K, K, np.ones((3, 2), bool)), ValueError, r"\(2, 3\) expected"),
    (lambda: attention()(Q, K, K, is_causal=True), ValueError, "is_causal=True needs attn_mask"),
    (lambda: nn.TransformerEncoderLayer(4, 2, 3, activation="tanh"), ValueError, '"relu" or "gelu" expected'),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_what_does_not_fit_raises_and_says_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("need_weights", [True, False])
def test_the_causal_hint_changes_nothing_beside_torch(need_weights):
    layer = attention()
    twin, x = twin_of(layer, torch.nn.MultiheadAttention(4, 2)), torch.from_numpy(Q)
    hint = {"is_causal": True, "need_weights": need_weights}
    out, weights = layer(Q, Q, Q, attn_mask=CAUSAL, **hint)
    expected, _ = twin(x, x, x, attn_mask=torch.from_numpy(CAUSAL), **hint)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert (weights is None) == (not need_weights)


def test_a_query_that_sees_no_key_is_nan_or_nothing_as_in_torch():
    layer, hidden = attention(bias=False), np.ones((5, 5), bool)
    assert np.isnan(layer(Q, Q, Q, attn_mask=hidden)[0]).all()
    assert not layer(Q, Q, Q, attn_mask=hidden, need_weights=False)[0].any()


def test_the_mask_of_the_weights_is_drawn_read_back_and_handed_in():
    layer = attention(dropout=0.5)
    out, weights = layer(Q, K, K, average_attn_weights=False)
    assert layer.mask.shape == (4, 5, 3) and set(np.unique(layer.mask)) == {0, 1}
    np.testing.assert_array_equal(weights != 0, layer.mask.reshape(2, 2, 5, 3) == 1)
    np.testing.assert_array_equal(layer(Q, K, K, mask=layer.mask)[0], out)
    layer.eval()(Q, K, K)
    assert layer.mask is None


def stacks(norm):
    """Encoder and decoder of both libraries, three copies of one layer each."""
    for side, shape in (("Encoder", (Q,)), ("Decoder", (Q, K))):
        own_layer = getattr(nn, f"Transformer{side}Layer")(4, 2, 6, 0.0, dtype=np.float64)
        own_norm, twin_norm = (nn.LayerNorm(4, dtype=np.float64), torch.nn.LayerNorm(4)) if norm else (None, None)
        own = getattr(nn, f"Transformer{side}")(own_layer, 3, own_norm)
        for parameter in own.parameters():
            parameter.data[...] = RNG.uniform(-0.5, 0.5, parameter.shape)
        twin_layer = getattr(torch.nn, f"Transformer{side}Layer")(4, 2, 6, 0.0)
        yield own, twin_of(own, getattr(torch.nn, f"Transformer{side}")(twin_layer, 3, twin_norm)), shape


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_stacks_of_layers_equal_torch_s_forward_and_backward(norm):
    for own, twin, inputs in stacks(norm):
        tensors = [torch.from_numpy(x).requires_grad_() for x in inputs]
        out, expected = own(*inputs), twin(*tensors)
        np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-9, atol=1e-12)
        dout = np.sin(np.arange(out.size)).reshape(out.shape)
        expected.backward(torch.from_numpy(dout))
        gradients = own.backward(dout)
        for gradient, x in zip(gradients if isinstance(gradients, tuple) else (gradients,), tensors):
            np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-12)
        theirs = dict(twin.named_parameters())
        for name, parameter in own.named_parameters():
            np.testing.assert_allclose(parameter.grad, theirs[name].grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


def test_copies_of_a_layer_have_their_own_parameters_and_drop_differently():
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.5, rng=np.random.default_rng(2))
    first, second = nn.TransformerEncoder(layer, 2).layers
    first.linear1.weight.data[...] = 0
    assert second.linear1.weight.data.any()
    x = Q.astype(np.float32)
    first(x), second(x)
    assert (first.dropout1.mask != second.dropout1.mask).any()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_transformer_has_torch_s_state_and_its_square_mask():
    own, twin = nn.Transformer(4, 2, 1, 2, 6), torch.nn.Transformer(4, 2, 1, 2, 6)
    assert [(n, a.shape) for n, a in own.state_dict().items()] == [
        (n, tuple(a.shape)) for n, a in twin.state_dict().items()
    ]
    square = nn.Transformer.generate_square_subsequent_mask(4)
    np.testing.assert_array_equal(square, torch.nn.Transformer.generate_square_subsequent_mask(4).numpy())
