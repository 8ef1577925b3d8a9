"""Two torch modules side by side, and the wrong layer of a network: its neighbours are not accused."""

import pytest
import torch

import oracle


class Rotated(torch.nn.Conv2d):
    def forward(self, x):
        return torch.nn.functional.conv2d(x, self.weight.flip(2, 3), self.bias, self.stride, self.padding)


class HalfGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, dout):
        return dout / 2


class WrongBackward(torch.nn.Module):
    def forward(self, x):
        return HalfGradient.apply(x)


class Rounded(torch.nn.Linear):
    """In another order, and so off by a few roundings of float64."""

    def forward(self, x):
        return torch.stack([(x * row).flip(-1).sum(-1) for row in self.weight], -1) + self.bias


def network(conv=torch.nn.Conv2d, relu=torch.nn.ReLU, linear=torch.nn.Linear):
    return torch.nn.Sequential(
        conv(1, 2, 3, padding=1), relu(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), linear(18, 4),
        torch.nn.BatchNorm1d(4),
    )  # fmt: skip


X = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({}, []),
        ({"linear": Rounded}, []),
        ({"conv": Rotated}, ["0"]),
        ({"relu": WrongBackward}, ["1"]),
        ({"conv": Rotated, "relu": WrongBackward}, ["0", "1"]),
    ],
)
def test_the_layers_that_are_themselves_wrong(wrong, names):
    assert [found.name for found in oracle.locate(network(**wrong), network(), X)] == names


def test_compare_names_the_tensors():
    found = oracle.compare(network(relu=WrongBackward), network(), X)
    assert not found.right
    assert {name for name, difference in found.tensors.items() if difference.wrong} == {"dx", "d0.weight", "d0.bias"}
    assert "WRONG" in str(found)


def test_modules_are_left_as_they_are():
    mine, reference = network(), network()
    before = [value.clone() for value in (*mine.state_dict().values(), *reference.state_dict().values())]
    oracle.compare(mine, reference, X)
    after = (*mine.state_dict().values(), *reference.state_dict().values())
    assert all(torch.equal(one, other) for one, other in zip(before, after))


class Kernel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel, self.shift = torch.nn.Parameter(torch.ones(4, 3)), torch.nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x @ self.kernel.T + self.shift


def test_other_names_are_mapped_or_asked_for():
    reference, x = torch.nn.Linear(3, 4), torch.ones(2, 3)
    assert oracle.compare(Kernel(), reference, x, params={"weight": "kernel", "bias": "shift"}).right
    with pytest.raises(ValueError, match=r"weight is missing.*params="):
        oracle.compare(Kernel(), reference, x)


def test_what_raises_is_said():
    class Raises(torch.nn.Linear):
        def forward(self, x):
            raise KeyError("no")

    assert "raised KeyError" in str(oracle.compare(Raises(3, 4), torch.nn.Linear(3, 4), torch.ones(2, 3)))
    with pytest.raises(ValueError, match="the reference raises"):
        oracle.compare(torch.nn.Linear(3, 4), torch.nn.Linear(3, 4), torch.ones(2, 5))
