"""How every layer treats arrays: whatever their memory layout, they are read, never written, and keep their dtype."""

import warnings

import numpy as np
import pytest

from scratchnet import nn

LABELS = np.array([0, 2, -100, 1])
# layer, shapes of the float inputs, an integer target or None
LAYERS = {
    "Linear": (lambda dtype: nn.Linear(3, 2, dtype=dtype), [(4, 3)], None),
    "Conv1d": (lambda dtype: nn.Conv1d(2, 3, 2, dtype=dtype), [(4, 2, 5)], None),
    "Conv2d": (lambda dtype: nn.Conv2d(2, 3, 2, padding=1, dtype=dtype), [(4, 2, 4, 3)], None),
    "Conv2d 1x1": (lambda dtype: nn.Conv2d(2, 3, 1, dtype=dtype), [(4, 2, 4, 3)], None),
    "Conv2d 1x1 grouped": (lambda dtype: nn.Conv2d(2, 2, 1, groups=2, bias=False, dtype=dtype), [(4, 2, 1, 1)], None),
    "MaxPool1d": (lambda dtype: nn.MaxPool1d(2), [(4, 2, 5)], None),
    "MaxPool2d 1x1": (lambda dtype: nn.MaxPool2d(1), [(4, 2, 3, 3)], None),
    "MaxPool3d": (lambda dtype: nn.MaxPool3d(2, padding=1), [(4, 2, 3, 3, 2)], None),
    "AvgPool2d": (lambda dtype: nn.AvgPool2d(2, ceil_mode=True), [(4, 2, 3, 5)], None),
    "AvgPool2d 1x1": (lambda dtype: nn.AvgPool2d(1, divisor_override=3), [(4, 2, 3, 3)], None),
    "ReLU": (lambda dtype: nn.ReLU(inplace=True), [(4, 3)], None),
    "Sigmoid": (lambda dtype: nn.Sigmoid(), [(4, 3)], None),
    "Tanh": (lambda dtype: nn.Tanh(), [(4, 3)], None),
    "Softmax": (lambda dtype: nn.Softmax(1), [(4, 3)], None),
    "LogSoftmax": (lambda dtype: nn.LogSoftmax(0), [(4, 3)], None),
    "Flatten": (lambda dtype: nn.Flatten(), [(4, 3, 2)], None),
    "Identity": (lambda dtype: nn.Identity(), [(4, 3)], None),
    "HalfSquaredError": (lambda dtype: nn.HalfSquaredError(), [(4, 3), (4, 3)], None),
    "MSELoss": (lambda dtype: nn.MSELoss(), [(4, 3), (4, 3)], None),
    "MSELoss none": (lambda dtype: nn.MSELoss(reduction="none"), [(4, 3), (4, 3)], None),
    "CrossEntropyLoss": (lambda dtype: nn.CrossEntropyLoss(np.arange(3, dtype=dtype)), [(4, 3)], LABELS),
    "CrossEntropyLoss smooth": (lambda dtype: nn.CrossEntropyLoss(label_smoothing=0.1), [(4, 3)], LABELS),
    "CrossEntropyLoss probabilities": (lambda dtype: nn.CrossEntropyLoss(), [(4, 3), (4, 3)], None),
}
VIEWS = {"Flatten", "Identity"}  # these return their input, as in torch
layer = pytest.mark.parametrize("name", LAYERS)


def contiguous(shape, dtype, rng):
    return rng.normal(size=shape).astype(dtype)


def reversed_axes(shape, dtype, rng):
    return rng.normal(size=shape[::-1]).astype(dtype).T


def every_second(shape, dtype, rng):
    return rng.normal(size=[2 * size for size in shape]).astype(dtype)[tuple(slice(1, None, 2) for _ in shape)]


def backwards(shape, dtype, rng):
    return rng.normal(size=shape).astype(dtype)[tuple(slice(None, None, -1) for _ in shape)]


def zero_strides(shape, dtype, rng):
    return np.broadcast_to(
        rng.normal(size=[size if axis % 2 else 1 for axis, size in enumerate(shape)]).astype(dtype), shape
    )


LAYOUTS = {f.__name__: f for f in (contiguous, reversed_axes, every_second, backwards, zero_strides)}


def run(name, dtype, make, copy=lambda array: array):
    """Everything that one forward and backward give, by name, and the arrays that went in."""
    factory, shapes, target = LAYERS[name]
    rng = np.random.default_rng(3)
    module = factory(dtype)
    for parameter in module.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    inputs = [make(shape, dtype, rng) for shape in shapes] + ([] if target is None else [target.copy()])
    out = module(*map(copy, inputs))
    dout = np.asarray(make(np.shape(out), dtype, rng))
    grads = module.backward(copy(dout))
    grads = grads if isinstance(grads, tuple) else (grads,)
    results = {"out": out, **{f"input {i}": grad for i, grad in enumerate(grads) if grad is not None}}
    return results | {key: parameter.grad for key, parameter in module.named_parameters()}, [*inputs, dout]


@layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_in_is_dtype_out(name, dtype):
    results, _ = run(name, dtype, contiguous)
    assert {key: array.dtype for key, array in results.items()} == dict.fromkeys(results, np.dtype(dtype))


@layer
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_memory_layout_does_not_matter(name, layout):
    there, _ = run(name, np.float64, layout)
    copied, _ = run(name, np.float64, layout, copy=np.array)
    for key in there:
        np.testing.assert_allclose(there[key], copied[key], rtol=1e-13, atol=1e-13, err_msg=key)


@layer
def test_inputs_are_not_written(name):
    def read_only(array):
        array = array.view()
        array.flags.writeable = False
        return array

    run(name, np.float64, contiguous, copy=read_only)  # NumPy raises where one is written
    _, arrays = run(name, np.float64, contiguous)
    _, fresh = run(name, np.float64, contiguous, copy=np.array)
    assert all(np.array_equal(used, unused) for used, unused in zip(arrays, fresh, strict=True))


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in VIEWS])
def test_outputs_share_no_memory_with_inputs(name):
    results, arrays = run(name, np.float64, contiguous)
    for key, result in results.items():
        assert not any(np.shares_memory(result, array) for array in arrays), key


@pytest.mark.parametrize("name", [name for name in LAYERS if LAYERS[name][2] is None])
def test_an_empty_batch_gives_empty_arrays_and_zero_gradients(name):
    factory, shapes, _ = LAYERS[name]
    module = factory(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = module(*(np.zeros((0, *shape[1:])) for shape in shapes))
        grads = module.backward(np.ones(np.shape(out)))
    for grad, shape in zip(grads if isinstance(grads, tuple) else (grads,), shapes, strict=True):
        assert grad.shape == (0, *shape[1:])
    assert all(np.all(parameter.grad == 0) for parameter in module.parameters())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_neither_overflows_nor_loses_its_small_values(dtype):
    x = np.array([-np.inf, -700, -80, -40, 0, 40, 700, np.inf], dtype)
    layer = nn.Sigmoid()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = layer(x)
        layer.backward(np.ones_like(x))
    expected = [0, np.exp(x[1]), np.exp(dtype(-80)), np.exp(dtype(-40)), 0.5, 1, 1, 1]
    np.testing.assert_allclose(out, expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_and_cross_entropy_stand_large_numbers(dtype):
    x = np.array([[1000, 0, -1000], [-1000, -np.inf, -1000]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(nn.Softmax(1)(x), [[1, 0, 0], [0.5, 0, 0.5]])
        assert np.array_equal(nn.LogSoftmax(1)(x)[0], [0, -1000, -2000])
        loss = nn.CrossEntropyLoss(reduction="none")
        np.testing.assert_allclose(loss(x, np.array([2, 0])), [2000, np.log(2)], rtol=1e-6)
        np.testing.assert_array_equal(loss.backward(np.ones(2, dtype))[0], [[1, 0, -1], [-0.5, 0, 0.5]])


NAN_ON_PURPOSE = {
    "MSELoss of nothing": (nn.MSELoss(), np.zeros((0, 3)), np.zeros((0, 3))),
    "CrossEntropyLoss of nothing": (nn.CrossEntropyLoss(), np.zeros((0, 3)), np.zeros(0, int)),
    "CrossEntropyLoss, all ignored": (nn.CrossEntropyLoss(), np.zeros((2, 3)), np.full(2, -100)),
}


@pytest.mark.parametrize(("loss", "x", "target"), NAN_ON_PURPOSE.values(), ids=NAN_ON_PURPOSE)
def test_the_mean_of_no_losses_is_nan_without_gradient(loss, x, target):
    assert np.isnan(loss(x, target))
    assert np.array_equal(loss.backward()[0], np.zeros_like(x))
