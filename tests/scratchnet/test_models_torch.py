"""The networks that torchvision has: its names and shapes, and whole-network forward and backward beside torch's.

How near is near enough? A sum of n terms in floating point is the exact sum of terms that are off by n*u each at most,
u = 2^-53 (Higham 2002, chapter 3). So the twin runs again with each weight off by up to n*u, n being the longest sum of
the network: what that does to each tensor says how well this network, with these weights, can be computed at all.
scratchnet may differ from torch by as much. A mistake of structure differs by twelve orders of magnitude more.
"""

import csv
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

from oracle import twins
from scratchnet import models, nn
from scratchnet.data import DataLoader
from scratchnet.optim import SGD
from scratchnet.training import fit

NETWORKS = {
    "alexnet": models.AlexNet,
    "vgg11": models.vgg11,
    "vgg11_bn": models.vgg11_bn,
    "vgg16": models.vgg16,
    "vgg16_bn": models.vgg16_bn,
    "googlenet": models.GoogLeNet,
    "resnet18": models.resnet18,
    "resnet34": models.resnet34,
    "resnet50": models.resnet50,
}
NUM_PARAMS = {  # as torchvision's documentation gives them; GoogLeNet's there are without its heads
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
}
NO_DROPOUT = {"dropout": 0.0}
SMALL = {  # settings, pixels of an image
    "alexnet": ({"shrink": 16, **NO_DROPOUT}, 79),
    "vgg11": ({"shrink": 16, **NO_DROPOUT}, 32),
    "vgg11_bn": ({"shrink": 16, **NO_DROPOUT}, 64),
    "vgg16": ({"shrink": 16, **NO_DROPOUT}, 33),
    "vgg16_bn": ({"shrink": 16, **NO_DROPOUT}, 64),
    "googlenet": ({"shrink": 8, **NO_DROPOUT, "dropout_aux": 0.0}, 65),
    "resnet18": ({"shrink": 16}, 64),
    "resnet34": ({"shrink": 16}, 65),
    "resnet50": ({"shrink": 16}, 64),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def rng(seed=0):
    return np.random.default_rng(seed)


def table(name):
    with open(Path(__file__).parents[1] / "data" / "torchvision_models.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == name]
    return [(row["name"], tuple(map(int, filter(None, row["shape"].split("x"))))) for row in rows]


class Nothing:
    """A generator that draws zeros without computing anything: for networks of which only the shapes are wanted."""

    def uniform(self, low, high, shape):
        return np.broadcast_to(0.0, shape)

    def normal(self, mean, std, shape):
        return np.broadcast_to(0.0, shape)


@every_network
def test_names_and_shapes_are_torchvision_s_in_its_order(name):
    net = NETWORKS[name](rng=Nothing())
    assert [(key, value.shape) for key, value, _, _ in net._named_state()] == table(name)
    heads = [p for key, p in net.named_parameters() if key.startswith("aux")]
    count = sum(prod(p.shape) for p in net.parameters()) - sum(prod(p.shape) for p in heads)
    assert count == NUM_PARAMS[name]


@every_network
def test_the_twin_in_torch_has_the_same_names_and_shapes(name):
    with torch.device("meta"):
        twin = twins.build(name)
    assert sorted((key, tuple(value.shape)) for key, value in twin.state_dict().items()) == sorted(table(name))


def small(name, dtype=np.float64, seed=0):
    """The network with few channels and numbers that keep every layer busy: nothing is 0, 1 or very small."""
    settings, pixels = SMALL[name]
    net = NETWORKS[name](num_classes=5, dtype=dtype, rng=rng(seed), **settings)
    draws = rng(seed + 1)
    for key, p in net.named_parameters():
        if p.data.ndim == 1:
            p.data += draws.uniform(0.1, 0.5, p.shape).astype(dtype)
        elif not key.startswith("conv1") and prod(p.shape[1:]) * p.data.var() < 0.5:  # N(0, 0.01) dies away in depth
            p.data *= dtype(np.sqrt(2 / (prod(p.shape[1:]) * p.data.var())))
    return net, draws.standard_normal((4, 3, pixels, pixels)).astype(dtype), settings


def run_own(net, x, upstream):
    """Every tensor of a forward and a backward, by name."""
    outs = net(x)
    outs = outs if isinstance(outs, tuple) else (outs,)
    douts = upstream(outs)
    found = {f"out{i}": out for i, out in enumerate(outs)} | {"dx": net.backward(*douts)}
    found |= {f"d{key}": p.grad for key, p in net.named_parameters() if p.grad is not None}
    return found | {key: value for key, value in net.state_dict().items() if "running" in key or "tracked" in key}


def run_twin(twin, x, upstream):
    x = torch.from_numpy(x.copy()).requires_grad_()
    outs = twin(x)
    outs = outs if isinstance(outs, tuple) else (outs,)
    torch.autograd.backward(outs, [torch.from_numpy(d) for d in upstream(outs)])
    found = {f"out{i}": out for i, out in enumerate(outs)} | {"dx": x.grad}
    found |= {f"d{key}": p.grad for key, p in twin.named_parameters() if p.grad is not None}
    found |= {key: value for key, value in twin.state_dict().items() if "running" in key or "tracked" in key}
    return {key: value.detach().numpy() for key, value in found.items()}


def upstream(outs):
    return [rng(7 + i).standard_normal(tuple(out.shape)) for i, out in enumerate(outs)]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@every_network
def test_forward_and_backward_of_the_whole_network_are_torch_s(name, training):
    net, x, settings = small(name)
    state = net.state_dict()
    longest = max(prod(x.shape) // 3, *(prod(p.shape[1:]) for p in net.parameters()))  # of dweight; of out

    def twin(perturbed=None):
        weights = {
            key: value * (1 + longest * 2.0**-53 * perturbed.uniform(-1, 1, value.shape))
            if perturbed is not None and value.dtype == np.float64 else value
            for key, value in state.items()
        }  # fmt: skip
        built = twins.build(name, weights, num_classes=5, **settings).train(training)
        return run_twin(built, x, upstream)

    own, expected = run_own(net.train(training), x, upstream), twin()
    sensitive = [twin(rng(20 + i)) for i in range(2)]
    assert own.keys() == expected.keys()
    for key, value in own.items():
        assert value.shape == expected[key].shape and np.isfinite(value).all(), key
        layer = {key, key.replace("bias", "weight")}  # a bias before a batch normalisation has the gradient 0
        allowed = max(np.abs(run[k] - expected[k]).max() for run in sensitive for k in layer & own.keys())
        assert np.abs(value - expected[key]).max() <= allowed, key
        size = max(np.abs(expected[k]).max() for k in layer & own.keys())
        assert allowed <= 1e-6 * size, f"{key}: the comparison says nothing"


@every_network
def test_the_state_goes_to_the_twin_and_back(name):
    net, _, settings = small(name)
    other = NETWORKS[name](num_classes=5, dtype=np.float64, rng=rng(5), **settings)
    other.load_state_dict(twins.state_of(twins.build(name, net.state_dict(), num_classes=5, **settings)))
    assert all(np.array_equal(value, other.state_dict()[key]) for key, value in net.state_dict().items())


@every_network
def test_float32_stays_float32(name):
    net, x, _ = small(name, np.float32)
    found = run_own(net, x, lambda outs: [np.ones_like(out) for out in outs])
    assert {value.dtype for value in found.values()} <= {np.dtype(np.float32), np.dtype(np.int64)}


def test_googlenet_s_heads_take_part_in_training_alone():
    net, x, _ = small("googlenet")
    assert [out.shape for out in net(x)] == [(4, 5)] * 3
    with pytest.raises(ValueError, match="1 gradients given, 3 expected, as many as forward had outputs"):
        net.backward(np.ones((4, 5)))
    assert net.eval()(x).shape == (4, 5)
    assert models.GoogLeNet(aux_logits=False, shrink=16)(x.astype(np.float32)).shape == (4, 1000)


def test_the_auxiliary_loss_weighs_the_heads_and_is_the_loss_itself_without():
    loss, plain = models.AuxiliaryLoss(nn.CrossEntropyLoss(), 0.25), nn.CrossEntropyLoss()
    outs, y = tuple(rng(i).standard_normal((6, 5)) for i in range(3)), rng(9).integers(0, 5, 6)
    alone = [(plain(out, y), plain.backward(2.0)[0]) for out in outs]
    weights = (1, 0.25, 0.25)
    assert loss(outs, y) == pytest.approx(sum(w * value for w, (value, _) in zip(weights, alone)))
    gradients, nothing = loss.backward(2.0)
    assert nothing is None
    for w, gradient, (_, expected) in zip(weights, gradients, alone, strict=True):
        np.testing.assert_allclose(gradient, w * expected, atol=1e-15)
    assert loss(outs[0], y) == alone[0][0]
    np.testing.assert_array_equal(loss.backward(2.0)[0], alone[0][1])


@pytest.mark.parametrize("name", ["googlenet", "resnet18", "vgg11_bn"])
def test_they_train(name):
    net = NETWORKS[name](num_classes=2, in_channels=1, shrink=16, rng=rng(0))
    y = np.arange(16) % 2
    x = (rng(1).standard_normal((16, 1, 32, 32)) + 2 * y[:, None, None, None]).astype(np.float32)
    loss = models.AuxiliaryLoss(nn.CrossEntropyLoss())
    history = fit(net, loss, DataLoader((x, y), 8), SGD(net.parameters(), 0.05, momentum=0.9), 10)
    assert history.loss["batches"][-1] < 0.5 * history.loss["batches"][1]


def test_a_network_that_cannot_shrink_says_so():
    with pytest.raises(ValueError, match="shrink=0: 1"):
        models.resnet18(shrink=0)


def test_an_unknown_network_has_no_twin():
    with pytest.raises(ValueError, match="no network is called 'resnet19'"):
        twins.build("resnet19")
