"""The networks: shapes, names, dtype, and the gradient through all layers."""

import numpy as np
import pytest

from scratchnet import nn
from scratchnet.models import MLP, LeNet5
from scratchnet.training import evaluate

NETWORKS = {
    "mlp": lambda **options: MLP(784, 20, 10, **options),
    "mlp-deep": lambda **options: MLP(784, 16, 12, 10, activation=nn.Tanh, **options),
    "lenet-relu": lambda **options: LeNet5(**options),
    "lenet-tanh": lambda **options: LeNet5(activation=nn.Tanh, pooling=nn.AvgPool2d, **options),
}
network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def rng(seed=0):
    return np.random.default_rng(seed)


@network
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_and_every_gradient_have_the_dtype_of_the_network(make, dtype):
    net = make(dtype=dtype, rng=rng())
    x = rng(1).random((3, 1, 28, 28), dtype)
    out = net(x)
    dx = net.backward(np.ones_like(out))
    assert out.shape == (3, 10) and dx.shape == x.shape
    arrays = [out, dx, *(p.data for p in net.parameters()), *(p.grad for p in net.parameters())]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@network
def test_the_backward_of_the_whole_network_is_the_derivative_of_its_forward(make):
    net = make(dtype=np.float64, rng=rng())
    loss = nn.CrossEntropyLoss()
    x, y = rng(1).random((2, 1, 28, 28)), np.array([3, 8])
    loss(net(x), y)
    net.backward(loss.backward()[0])
    step, draws = 1e-6, rng(2)
    for name, parameter in list(net.named_parameters()):
        index = tuple(draws.integers(size) for size in parameter.shape)
        value = parameter.data[index]
        sides = []
        for side in (value + step, value - step):
            parameter.data[index] = side
            sides.append(evaluate(net, loss, x, y)[0])
        parameter.data[index] = value
        assert parameter.grad[index] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-8), name


@network
def test_weights_are_drawn_from_rng(make):
    first, same, other = (make(rng=rng(seed)).state_dict() for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], same[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


def test_lenet_has_the_parameters_of_the_paper_s_layers_by_torch_s_names():
    shapes = {name: value.shape for name, value in LeNet5().state_dict().items()}
    assert shapes == {
        "features.0.weight": (6, 1, 5, 5),
        "features.0.bias": (6,),
        "features.3.weight": (16, 6, 5, 5),
        "features.3.bias": (16,),
        "classifier.1.weight": (120, 400),
        "classifier.1.bias": (120,),
        "classifier.3.weight": (84, 120),
        "classifier.3.bias": (84,),
        "classifier.5.weight": (10, 84),
        "classifier.5.bias": (10,),
    }


def test_an_mlp_has_an_activation_between_each_two_layers_and_none_at_the_end():
    layers = [type(layer).__name__ for _, layer in MLP(784, 256, 128, 10).layers.children()]
    assert layers == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]


def test_an_mlp_without_an_output_size_is_refused():
    with pytest.raises(ValueError, match=r"MLP\(784,\): at least two sizes expected"):
        MLP(784)
