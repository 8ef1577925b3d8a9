"""The exact relations hold of right layers, and each is broken by a mistake that it can see without any reference."""

import pytest
import torch

import oracle
from oracle.cases import parse
from oracle.mistakes.mutant import Mutant
from oracle.relations import RELATIONS, broken
from oracle.strength import variants
from oracle.subjects import Answer, Subject
from oracle.subjects.scratchnet import Scratchnet

CONV = "Conv2d(in_channels=2,out_channels=3,kernel_size=3,padding=1)[x=3x2x5x4]@float64,integer#0"
RIGHT = {
    CONV: True,
    "Conv2d(in_channels=2,out_channels=2,kernel_size=2,stride=2,bias=false)[x=3x2x5x4]@float64,integer#0": True,
    "Linear(in_features=4,out_features=3)[x=3x4]@float64,integer#0": True,
    "AvgPool2d(kernel_size=2)[x=3x2x4x4]@float64,integer#0": True,
    "MaxPool2d(kernel_size=2)[x=3x2x4x4]@float64,integer#0": False,
    "ReLU()[x=3x4]@float64,integer#0": False,
}


@pytest.mark.parametrize(("case_id", "linear"), RIGHT.items())
def test_right_layers_keep_all_of_them(case_id, linear):
    case = parse(case_id)
    assert broken(Scratchnet(case.spec.name), case.call(), linear) == {}


def edits(mistake, tensor):
    return next(edits for row, edits in variants("Conv2d").items() if row[:2] == (mistake, tensor))


@pytest.mark.parametrize(
    ("mistake", "tensor", "relation"),
    [
        ("last-image-only", "dweight", "one-by-one"),
        ("mean-over-batch", "dweight", "one-by-one"),
        ("last-filter-only", "dx", "filters"),
        ("last-image-only", "dweight", "batch"),
    ],
)
def test_mistakes_that_a_relation_sees(mistake, tensor, relation):
    assert relation in broken(Mutant("Conv2d", tensor, edits(mistake, tensor)), parse(CONV).call(), linear=True)


class Spoilt(Subject):
    """scratchnet's convolution, whose answer is changed by `spoil(call, tensors, count of calls)`."""

    spec, implements, conventions = "Conv2d", "spoilt", ()

    def __init__(self, spoil):
        self._inner, self._spoil, self._count = Scratchnet("Conv2d"), spoil, 0

    def takes(self, settings, training, shapes=None):
        return True

    def run(self, call):
        self._count += 1
        tensors = dict(self._inner.run(call).tensors)
        self._spoil(call, tensors, self._count)
        return Answer(tensors)


def first_image(call, tensors, count):
    tensors["out"][0] += 1


def grows(call, tensors, count):
    tensors["dweight"] *= count


def constant(call, tensors, count):
    tensors["dx"] += 1


def squared(call, tensors, count):
    tensors["out"] = tensors["out"] ** 2


def first_channel(call, tensors, count):
    tensors["out"] += call.inputs["x"][:, :1].sum()


@pytest.mark.parametrize(
    ("spoil", "relation"),
    [(first_image, "batch"), (grows, "twice"), (constant, "zero"), (squared, "scaling"), (first_channel, "channels")],
)
def test_each_relation_is_broken_by_what_it_is_for(spoil, relation):
    assert relation in broken(Spoilt(spoil), parse(CONV).call(), linear=True)


def test_every_relation_has_a_mistake_that_breaks_it():
    seen = {"one-by-one", "filters", "batch", "twice", "zero", "scaling", "channels"}
    assert seen == {relation.name for relation in RELATIONS}


class Half(torch.nn.Module):
    """A linear layer that torch does not have, and whose gradient forgets all images but the first."""

    def __init__(self, all_images):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.all_images = all_images

    def forward(self, x):
        others = self.weight if self.all_images else self.weight.detach()
        weight = torch.stack([self.weight] + [others] * (len(x) - 1))
        return x * weight / 2


@pytest.mark.parametrize(("all_images", "found"), [(True, set()), (False, {"batch", "one-by-one"})])
def test_a_layer_without_a_twin(all_images, found):
    assert set(oracle.check_relations(lambda: Half(all_images), (3, 3))) == found


def test_a_batch_of_one_says_nothing():
    with pytest.raises(ValueError, match="at least two images"):
        oracle.check_relations(lambda: Half(True), (1, 3))
