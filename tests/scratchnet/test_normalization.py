"""Normalisation beside the judgement of tests/test_layers.py: several steps, what raises, and state."""

import numpy as np
import pytest
import torch

from scratchnet import nn


def pair(name, args, seed=0):
    """The layer of both libraries in float64, with one state."""
    layer, twin = getattr(nn, name)(*args[0], **args[1], dtype=np.float64), getattr(torch.nn, name)(*args[0], **args[1])
    rng = np.random.default_rng(seed)
    state = {n: rng.uniform(0.5, 2, a.shape).astype(a.dtype) if a.dtype.kind == "f" else a
             for n, a in layer.state_dict().items()}  # fmt: skip
    layer.load_state_dict(state)
    twin.double().load_state_dict({n: torch.from_numpy(a) for n, a in state.items()})
    return layer, twin


TRACKING = [
    ("BatchNorm1d", ((3,), {}), (4, 3)),
    ("BatchNorm1d", ((3,), {"momentum": None}), (4, 3, 2)),
    ("BatchNorm2d", ((3,), {"momentum": 0.3, "affine": False}), (2, 3, 4, 5)),
    ("BatchNorm2d", ((2,), {"momentum": None}), (3, 2, 2, 3)),
    ("BatchNorm3d", ((2,), {}), (2, 2, 3, 2, 2)),
    ("InstanceNorm2d", ((2,), {"track_running_stats": True}), (3, 2, 4, 3)),
    ("InstanceNorm1d", ((2,), {"track_running_stats": True, "momentum": None}), (3, 2, 5)),
]


@pytest.mark.parametrize(("name", "args", "shape"), TRACKING)
def test_running_statistics_follow_torch_s_over_five_steps_and_hold_in_evaluation(name, args, shape):
    layer, twin = pair(name, args)
    rng = np.random.default_rng(1)
    for step in range(5):
        x = rng.standard_normal(shape) * (step + 1) + step
        np.testing.assert_allclose(layer(x), twin(torch.from_numpy(x)).detach().numpy(), rtol=1e-12, atol=1e-12)
    trained = layer.state_dict()
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(trained[key], value.numpy(), rtol=1e-12)
    x = rng.standard_normal(shape)
    np.testing.assert_allclose(
        layer.eval()(x), twin.eval()(torch.from_numpy(x)).detach().numpy(), rtol=1e-12, atol=1e-12
    )
    for key, value in layer.state_dict().items():
        assert np.array_equal(value, trained[key])


@pytest.mark.parametrize(("name", "args", "shape"), TRACKING)
def test_buffers_keep_their_dtype_and_place(name, args, shape):
    layer = getattr(nn, name)(*args[0], **args[1])
    running_mean = layer.running_mean
    layer(np.random.default_rng(2).standard_normal(shape).astype(np.float32))
    assert layer.running_mean is running_mean
    assert (layer.running_mean.dtype, layer.running_var.dtype) == (np.float32, np.float32)
    assert layer.num_batches_tracked.dtype == np.int64
    layer.double()
    assert (layer.running_var.dtype, layer.num_batches_tracked.dtype) == (np.float64, np.int64)


# What torch refuses scratchnet refuses as well: (layer, arguments, shape of x, training)
REFUSED = [
    ("BatchNorm1d", (3,), (1, 3), True),
    ("BatchNorm1d", (3,), (1, 3, 1), True),
    ("BatchNorm2d", (3,), (1, 3, 1, 1), True),
    ("BatchNorm1d", (3, 1e-5, 0.1, True, False), (1, 3), False),
    ("BatchNorm1d", (3,), (2, 3, 2, 2), True),
    ("BatchNorm2d", (3,), (2, 3, 2), True),
    ("BatchNorm2d", (3,), (2, 4, 2, 2), True),
    ("BatchNorm2d", (3, 0.0), (2, 3, 2, 2), True),
    ("BatchNorm2d", (3,), (2, 4, 2, 2), False),
    ("InstanceNorm2d", (2,), (2, 2, 1, 1), True),
    ("InstanceNorm2d", (2,), (2, 2, 1, 1), False),
    ("InstanceNorm1d", (2, 1e-5, 0.1, True), (2, 3, 4), True),
    ("InstanceNorm2d", (2,), (2, 2), True),
    ("LayerNorm", (3,), (2, 4), True),
    ("LayerNorm", ((2, 3),), (3,), True),
    ("LayerNorm", ((),), (3,), True),
    ("GroupNorm", (2, 2), (1, 2), True),
    ("GroupNorm", (2, 2), (1, 2, 1), False),
    ("GroupNorm", (2, 4), (1, 6, 2), True),
    ("GroupNorm", (2, 4), (4,), True),
    ("GroupNorm", (2, 3), (1, 3), True),
    ("GroupNorm", (0, 3), (1, 3), True),
    ("RMSNorm", (3,), (2, 4), True),
    ("LocalResponseNorm", (2,), (2, 4), True),
    ("LocalResponseNorm", (0,), (2, 4, 1), True),
]


@pytest.mark.parametrize(("name", "args", "shape", "training"), REFUSED)
def test_what_torch_refuses_raises_value_error(name, args, shape, training):
    with pytest.raises((ValueError, RuntimeError, ZeroDivisionError)):
        getattr(torch.nn, name)(*args).train(training)(torch.ones(shape))
    with pytest.raises(ValueError):
        getattr(nn, name)(*args).train(training)(np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("name", "args", "shape", "training"),
    [
        ("BatchNorm1d", (3,), (1, 3), False),
        ("InstanceNorm2d", (2, 1e-5, 0.1, True, True), (2, 2, 1, 1), False),
        ("GroupNorm", (2, 2), (2, 2), True),
        ("LayerNorm", (1,), (3, 1), True),
        ("BatchNorm2d", (3,), (0, 3, 2, 2), True),
        ("InstanceNorm2d", (2,), (0, 2, 2, 2), True),
        ("LayerNorm", (3,), (0, 3), True),
        ("GroupNorm", (2, 4), (0, 4, 2), True),
        ("RMSNorm", (3,), (0, 3), True),
        ("LocalResponseNorm", (2,), (0, 4, 2), True),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_torch_takes_at_the_edge_is_taken_without_a_warning(name, args, shape, training):
    x = np.random.default_rng(3).standard_normal(shape)
    layer, twin = getattr(nn, name)(*args).double().train(training), getattr(torch.nn, name)(*args).double()
    out, expected = layer(x), twin.train(training)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    assert layer.backward(out).shape == shape


def test_an_empty_batch_counts_and_moves_no_running_statistic():
    layer = nn.BatchNorm1d(2)
    layer(np.zeros((0, 2), np.float32))
    assert layer.num_batches_tracked == 1
    assert not layer.running_mean.any() and (layer.running_var == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms_norm_s_eps_follows_the_dtype_of_x(dtype):
    x = np.array([[1e-9, -2e-9, 3e-9]], dtype)
    layer, twin = nn.RMSNorm(3, dtype=dtype), torch.nn.RMSNorm(3, dtype=getattr(torch, np.dtype(dtype).name))
    np.testing.assert_allclose(layer(x), twin(torch.from_numpy(x)).detach().numpy(), rtol=1e-5)


def test_mixed_dtypes_raise():
    with pytest.raises(TypeError, match="mixed dtypes"):
        nn.BatchNorm1d(2)(np.ones((3, 2)))
    with pytest.raises(TypeError, match="mixed dtypes"):
        nn.InstanceNorm1d(2, track_running_stats=True)(np.ones((3, 2, 2)))


@pytest.mark.parametrize("eps", [-1e-5, float("nan")])
@pytest.mark.parametrize("layer", [nn.BatchNorm2d, nn.InstanceNorm1d, nn.LayerNorm, nn.RMSNorm])
def test_a_negative_eps_raises(layer, eps):
    with pytest.raises(ValueError, match="eps"):
        layer(2, eps)


def test_no_grad_keeps_nothing_but_moves_the_running_statistics_as_torch_does():
    from scratchnet.nn.module import no_grad

    layer = nn.BatchNorm1d(2)
    with no_grad():
        layer(np.array([[1, 2], [3, 5]], np.float32))
    assert layer.running_mean.tolist() == pytest.approx([0.2, 0.35])
    with pytest.raises(RuntimeError):
        layer.backward(np.ones((2, 2), np.float32))
