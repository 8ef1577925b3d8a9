"""Module: backward belongs to the last forward, gradients add up, and the state is torch's."""

import numpy as np
import pytest
import torch

import scratchnet
from scratchnet import nn


def small_network(library):
    """The same network of either library, with a nested block, a list and a dict."""
    return library.Sequential(
        library.Conv2d(1, 2, 3, padding=1),
        library.ReLU(),
        library.Sequential(library.MaxPool2d(2), library.Flatten()),
        library.Linear(8, 3, bias=False),
        library.ModuleList([library.Linear(1, 1), library.Identity()]),
        library.ModuleDict({"head": library.Linear(2, 2)}),
    )


class Tied(nn.Module):
    """One weight under two names: an encoder, and the same matrix again."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))

    def backward(self, dout):
        return self.first.backward(self.second.backward(dout))


class Counter(nn.Module):
    """A parameter and a buffer, as batch normalisation has them."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.register_buffer("mean", np.zeros(2, np.float32))
        self.register_buffer("steps", np.array(0))


# backward and forward


def test_the_last_forward_gets_the_first_backward():
    square = nn.MSELoss(reduction="sum")
    square(np.array([3.0]), np.array([0.0]))
    square(np.array([5.0]), np.array([0.0]))
    assert [square.backward()[0], square.backward()[0]] == [10, 6]


def test_a_layer_used_twice_in_a_row_equals_torch():
    layer, twin = nn.Linear(4, 4, dtype=np.float64, rng=np.random.default_rng(0)), torch.nn.Linear(4, 4).double()
    twin.load_state_dict({name: torch.tensor(array) for name, array in layer.state_dict().items()})
    x = np.random.default_rng(1).normal(size=(5, 4))
    tx = torch.tensor(x, requires_grad=True)
    dout = np.random.default_rng(2).normal(size=(5, 4))
    layer(layer(x))
    twin(twin(tx)).backward(torch.tensor(dout))
    np.testing.assert_allclose(layer.backward(layer.backward(dout)), tx.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, twin.weight.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, twin.bias.grad.numpy(), rtol=1e-12)


def test_backward_without_a_forward_raises():
    layer = nn.ReLU()
    layer(np.ones(3))
    layer.backward(np.ones(3))
    with pytest.raises(RuntimeError, match=r"ReLU\.backward without a forward"):
        layer.backward(np.ones(3))


def test_under_no_grad_nothing_is_kept_and_afterwards_it_is_again():
    layer = nn.ReLU()
    with scratchnet.no_grad():
        layer(np.ones(3))
        with scratchnet.no_grad():
            pass
        layer(np.ones(3))
    with pytest.raises(RuntimeError, match="no_grad"):
        layer.backward(np.ones(3))
    layer(np.ones(3))
    assert np.all(layer.backward(np.ones(3)) == 1)


def test_no_grad_ends_where_an_error_ends_it():
    with pytest.raises(KeyError), scratchnet.no_grad():
        raise KeyError
    layer = nn.ReLU()
    layer(np.ones(3))
    layer.backward(np.ones(3))


def test_gradients_add_up_until_zero_grad():
    layer = nn.Linear(2, 1, dtype=np.float64)
    for _ in range(2):
        layer(np.array([[2.0, 3.0]]))
        layer.backward(np.array([[1.0]]))
    assert np.array_equal(layer.weight.grad, [[4, 6]]) and layer.bias.grad == 2
    layer.zero_grad()
    assert layer.weight.grad is None and layer.bias.grad is None


# names and state


def test_the_names_are_those_of_torch():
    ours, theirs = small_network(nn), small_network(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]


def test_the_state_goes_to_torch_and_back():
    source, twin, target = small_network(nn), small_network(torch.nn), small_network(nn)
    twin.load_state_dict({name: torch.tensor(array) for name, array in source.state_dict().items()})
    target.load_state_dict({name: tensor.numpy() for name, tensor in twin.state_dict().items()})
    for name, array in source.state_dict().items():
        assert np.array_equal(target.state_dict()[name], array), name


def test_the_state_is_a_copy_and_loading_keeps_the_arrays():
    layer = nn.Linear(2, 2)
    array = layer.weight.data
    state = layer.state_dict()
    state["weight"][...] = 7
    assert not np.any(array == 7)
    layer.load_state_dict(state)
    assert layer.weight.data is array and np.all(array == 7)


def test_float64_state_loads_into_a_float32_layer():
    layer = nn.Linear(2, 2)
    layer.load_state_dict(nn.Linear(2, 2, dtype=np.float64).state_dict())
    assert layer.weight.dtype == np.float32


MISFITS = [
    ({"weight": np.zeros((2, 2))}, "missing: bias"),
    ({"weight": np.zeros((2, 2)), "bias": np.zeros(2), "scale": np.zeros(2)}, "unknown: scale"),
    ({"weight": np.zeros((2, 3)), "bias": np.zeros(2)}, "weight: shape (2, 3) given, (2, 2) expected"),
]


@pytest.mark.parametrize(("state", "words"), MISFITS, ids=[words for _, words in MISFITS])
def test_a_state_that_does_not_fit_raises_and_changes_nothing(state, words):
    layer = nn.Linear(2, 2)
    before = layer.state_dict()
    with pytest.raises(ValueError) as raised:
        layer.load_state_dict(state)
    assert words in str(raised.value)
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())


def test_tied_weights_are_one_parameter_under_two_names():
    net = Tied()
    assert list(net.state_dict()) == ["first.weight", "second.weight"]
    assert [name for name, _ in net.named_parameters()] == ["first.weight"]
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    net(x)
    net.backward(np.ones((4, 3), np.float32))
    weight = torch.tensor(net.first.weight.data, requires_grad=True)
    (torch.tensor(x) @ weight.T @ weight.T).sum().backward()
    np.testing.assert_allclose(net.first.weight.grad, weight.grad.numpy(), rtol=1e-5)


def test_buffers_are_state_but_are_not_learned():
    module = Counter()
    assert list(module.state_dict()) == ["scale", "mean", "steps"]
    assert [name for name, _ in module.named_parameters()] == ["scale"]
    module.double()
    assert module.mean.dtype == np.float64 and module.steps.dtype == np.int64
    module.load_state_dict({"scale": np.zeros(2), "mean": np.full(2, 3.0), "steps": np.array(5)})
    assert np.all(module.mean == 3) and module.steps == 5


def test_the_class_weight_of_a_loss_is_state_as_in_torch():
    weight = np.array([1, 2], np.float32)
    ours, theirs = nn.CrossEntropyLoss(weight), torch.nn.CrossEntropyLoss(torch.tensor(weight))
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_to_turns_parameters_and_gradients():
    layer = nn.Linear(2, 2)
    layer(np.ones((1, 2), np.float32))
    layer.backward(np.ones((1, 2), np.float32))
    assert layer.double().weight.grad.dtype == layer.weight.dtype == np.float64
    assert layer.float().weight.grad.dtype == layer.weight.dtype == np.float32
    with pytest.raises(TypeError, match="float16"):
        layer.to(np.float16)


def test_train_and_eval_reach_everything_below():
    net = small_network(nn)
    assert net.eval() is net and not any(module.training for _, module in net.named_modules())
    net.train()
    assert all(module.training for _, module in net.named_modules())


# containers


def test_sequential_is_its_layers_one_after_the_other():
    first, second = nn.Linear(2, 3), nn.ReLU()
    net = nn.Sequential(first, second)
    x, dout = np.array([[1, -2]], np.float32), np.ones((1, 3), np.float32)
    assert np.array_equal(net(x), second(first(x)))
    assert np.array_equal(net.backward(dout), first.backward(second.backward(dout)))
    assert np.array_equal(nn.Sequential()(x), x)


def test_a_list_of_layers_is_used_as_a_list():
    layers = [nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    for container in (nn.Sequential(*layers), nn.ModuleList(layers)):
        assert len(container) == 3 and list(container) == layers
        assert container[0] is layers[0] and container[-1] is layers[2]
        assert list(container[1:]) == layers[1:] and type(container[1:]) is type(container)
        container.append(nn.Identity()).extend([nn.Softmax(1)])
        assert [name for name, _ in container.children()] == ["0", "1", "2", "3", "4"]
        container[1] = nn.ReLU()
        assert list(container) != layers and [name for name, _ in container.children()][1] == "1"
        with pytest.raises(IndexError, match="no number 5"):
            container[5]


def test_sequential_takes_named_layers():
    net = nn.Sequential({"fc": nn.Linear(2, 2), "act": nn.ReLU()})
    assert list(net.state_dict()) == ["fc.weight", "fc.bias"]
    assert list(net[:1].state_dict()) == ["fc.weight", "fc.bias"] and isinstance(net[1], nn.ReLU)


def test_a_dict_of_layers_is_used_as_a_dict():
    relu, tanh = nn.ReLU(), nn.Tanh()
    layers = nn.ModuleDict({"a": relu})
    layers["b"] = tanh
    assert list(layers) == ["a", "b"] and layers["b"] is tanh and "a" in layers and len(layers) == 2
    assert list(layers.items()) == [("a", relu), ("b", tanh)] and list(layers.values()) == [relu, tanh]
    layers["a"] = tanh
    del layers["b"]
    assert list(layers.items()) == [("a", tanh)]
    with pytest.raises(KeyError):
        layers["b"]


def test_the_repr_shows_the_nesting():
    assert repr(nn.Sequential(nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n  (0): Sequential(\n    (0): ReLU()\n  )\n)"
    )  # fmt: skip
