"""What the gate does not reach in the layers of images and vectors: arguments of forward, Conv's padding_mode, wrong
inputs and settings, NaN, indices from max pooling to unpooling."""

import numpy as np
import pytest
import torch

from scratchnet import nn

INTEGERS = np.random.default_rng(5)


def whole(*shape):
    return INTEGERS.integers(-9, 10, shape).astype(np.float64)


def both(ours, theirs, x, *more, **forward):
    """(out, dx, parameter gradients) of a layer and of its torch twin with the same weights, on whole numbers."""
    twin = theirs.double()
    for name, parameter in ours.named_parameters():
        parameter.data = whole(*parameter.shape)
        dict(twin.named_parameters())[name].data = torch.tensor(parameter.data)
    tx = torch.tensor(x, requires_grad=True)
    expected = twin(tx, *map(torch.tensor, more), **forward)
    out = ours(x, *more, **forward)
    dout = whole(*expected.shape)
    expected.backward(torch.tensor(dout))
    dx = ours.backward(dout)
    mine = [out, dx[0] if isinstance(dx, tuple) else dx, *(p.grad for _, p in ours.named_parameters())]
    reference = [expected.detach().numpy(), tx.grad.numpy(), *(p.grad.numpy() for p in twin.parameters())]
    return zip(mine, reference, strict=True)


MODES = ("reflect", "replicate", "circular")
CONVS = [
    (1, (2, 3, 3), {"padding": 2, "stride": 2}, (2, 2, 6)),
    (2, (2, 4, 3), {"padding": (1, 2), "groups": 2, "dilation": 2}, (2, 2, 5, 6)),
    (2, (3, 2, (2, 3)), {"padding": "same", "bias": False}, (1, 3, 4, 5)),
    (2, (1, 1, 2), {"padding": "valid"}, (1, 1, 3, 3)),
    (3, (1, 2, 2), {"padding": 1}, (2, 1, 3, 2, 3)),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes, args, settings, shape", CONVS)
def test_a_convolution_pads_with_values_of_the_input(axes, args, settings, shape, mode):
    ours, theirs = (getattr(lib, f"Conv{axes}d")(*args, **settings, padding_mode=mode) for lib in (nn, torch.nn))
    for mine, expected in both(ours.double(), theirs, whole(*shape)):
        assert np.array_equal(mine, expected)


@pytest.mark.parametrize("output_size", [(7, 5), (8, 5), (8, 6), (7, 6)])
def test_output_size_chooses_the_size_of_a_transposed_convolution(output_size):
    ours, theirs = (lib.ConvTranspose2d(2, 3, 3, 2, padding=1) for lib in (nn, torch.nn))
    for mine, expected in both(ours.double(), theirs, whole(2, 2, 4, 3), output_size=output_size):
        assert np.array_equal(mine, expected)


@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (2, 3, 6, 4), (3, 7, 5)])
def test_unpooling_takes_the_indices_and_the_size_of_the_pooled_image(shape):
    x = INTEGERS.permutation(np.arange(np.prod(shape), dtype=np.float64)).reshape(shape)
    pooled, indices = nn.MaxPool2d(2, return_indices=True)(x)
    ours, theirs = nn.MaxUnpool2d(2), torch.nn.MaxUnpool2d(2)
    for mine, expected in both(ours, theirs, pooled, indices, output_size=shape[-2:]):
        assert np.array_equal(mine, expected)
    back = ours(pooled, indices, output_size=shape[-2:])
    assert np.array_equal(back, np.where(back == 0, 0, x))


@pytest.mark.parametrize("row", [[1, np.nan, 2, np.nan, 3], [-np.inf] * 5, [2, 2, 2, 2, 2], [np.nan] * 5])
@pytest.mark.parametrize("output_size", [1, 2, 3])
def test_adaptive_max_pooling_chooses_as_torch(row, output_size):
    x = np.array(row, float).reshape(1, 1, 5)
    ours, theirs = (lib.AdaptiveMaxPool1d(output_size, return_indices=True) for lib in (nn, torch.nn))
    for mine, expected in zip(ours(x), theirs(torch.tensor(x)), strict=True):
        assert np.array_equal(mine, expected.numpy(), equal_nan=True)


def test_a_window_of_zeros_has_no_gradient_in_power_average_pooling():
    x = np.array([[[0.0, 0.0, 3.0, -4.0]]])
    layer = nn.LPPool1d(2.0, 2)
    assert layer(x).tolist() == [[[0.0, 5.0]]]
    assert np.allclose(layer.backward(np.ones((1, 1, 2))), [[[0, 0, 0.6, -0.8]]], rtol=1e-15)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def places(*shape):
    return np.zeros(shape, np.int64)


SETTINGS = [
    (lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"), "padding_mode='mirror': one of zeros, reflect"),
    (lambda: nn.ConvTranspose2d(4, 6, 3, groups=4), "groups=4 must divide"),
    (lambda: nn.ConvTranspose2d(1, 1, 3, stride=2, output_padding=2), "output_padding=(2, 2) with stride=(2, 2)"),
    (lambda: nn.ZeroPad2d((1, 2)), "padding=(1, 2): one integer or 4"),
    (lambda: nn.LPPool2d(0, 2), "norm_type=0"),
    (lambda: nn.MaxUnpool2d(2, padding=2), "half of kernel_size=2"),
    (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), "output_size=(1, 2, 3): one integer or 2"),
    (lambda: nn.PixelShuffle(0), "upscale_factor=0"),
    (lambda: nn.Upsample(), "one of them expected"),
    (lambda: nn.Upsample(3, scale_factor=2.0), "not both"),
    (lambda: nn.Upsample(3, align_corners=True), "no corners to align"),
    (lambda: nn.Upsample(3, mode="area"), "mode='area'"),
    (lambda: nn.PairwiseDistance(0), "p=0"),
]
INPUTS = [
    (lambda: nn.ConvTranspose1d(1, 1, 1, padding=2)(zeros(1, 1, 3)), "output size -1"),
    (lambda: nn.ConvTranspose1d(1, 1, 3, stride=2)(zeros(1, 1, 3), output_size=9), "between (7,) and (8,)"),
    (lambda: nn.Unfold(3)(zeros(1, 2, 2, 2)), "output size 0"),
    (lambda: nn.Fold(4, 2)(zeros(1, 4, 8)), "(N, C*4, 9) or (C*4, 9) expected"),
    (lambda: nn.ReflectionPad1d(3)(zeros(1, 1, 3)), "padding < size"),
    (lambda: nn.CircularPad1d((-1, 3))(zeros(1, 1, 3)), "at most 2"),
    (lambda: nn.ReplicationPad2d(1)(zeros(3, 3)), "(N, C, H, W) or (C, H, W)"),
    (lambda: nn.ZeroPad1d(-2)(zeros(3)), "at least 0 must remain"),
    (lambda: nn.MaxUnpool1d(2)(zeros(1, 1, 2), np.array([[[0, 4]]])), "0 to 3 expected"),
    (lambda: nn.MaxUnpool1d(2)(zeros(1, 1, 2), places(1, 2)), "that of x (1, 1, 2)"),
    (lambda: nn.MaxUnpool1d(2)(zeros(1, 1, 2), places(1, 1, 2), output_size=(7,)), "kernel_size = (4,)"),
    (lambda: nn.AdaptiveMaxPool1d(2)(zeros(2, 0, 4)), "only the batch"),
    (lambda: nn.LPPool1d(2, 5)(zeros(1, 1, 4)), "output size 0"),
    (lambda: nn.Unflatten(1, (2, -1))(zeros(2, 5)), "must multiply up to 5"),
    (lambda: nn.PixelShuffle(2)(zeros(1, 3, 2, 2)), "(..., C*4, H, W) expected"),
    (lambda: nn.PixelUnshuffle(2)(zeros(1, 3, 3, 2)), "(..., C, H*2, W*2) expected"),
    (lambda: nn.ChannelShuffle(2)(zeros(1, 3, 2)), "groups=2 must divide C"),
    (lambda: nn.Upsample(3, mode="bilinear")(zeros(1, 1, 3)), "takes (N, C, H, W)"),
    (lambda: nn.Upsample(scale_factor=0.1)(zeros(1, 1, 3)), "output size 0"),
    (lambda: nn.CosineSimilarity()(zeros(2, 3), zeros(3)), "one shape expected"),
    (lambda: nn.CosineSimilarity(2)(zeros(2, 3), zeros(2, 3)), "no vectors along the axis 2"),
    (lambda: nn.Bilinear(2, 3, 1)(zeros(4, 3), zeros(4, 3)), "(..., 2) (in1_features)"),
]


@pytest.mark.parametrize("make, said", [*SETTINGS, *INPUTS])
def test_what_cannot_be_is_refused_with_what_would_be_right(make, said):
    with pytest.raises(ValueError) as error:
        make()
    assert said in str(error.value)


def test_indices_must_be_whole_numbers():
    with pytest.raises(TypeError, match="indices are float32, an int64 array expected"):
        nn.MaxUnpool1d(2)(zeros(1, 1, 2), zeros(1, 1, 2))
