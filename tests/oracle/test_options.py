"""Options of a layer that few offer: padding_mode of a convolution, return_indices of a pooling. Who offers them is
judged by them; who does not is not asked for them."""

import re

import pytest
import torch

import oracle
from oracle.cases import make
from oracle.layers import SPECS
from oracle.selection import FIRST, default_cases, grid
from oracle.subjects.torch_module import TorchModule

OPTIONS = {
    **{f"Conv{axes}d": "padding_mode" for axes in (1, 2, 3)},
    **{f"{kind}Pool{axes}d": "return_indices" for kind in ("Max", "AdaptiveMax") for axes in (1, 2, 3)},
}


class ZerosAround(torch.nn.Conv2d):
    def __init__(self, *args, padding_mode="zeros", **kwargs):
        super().__init__(*args, **kwargs)


class FromOne(torch.nn.MaxPool2d):
    def forward(self, x):
        found = super().forward(x)
        return (found[0], found[1] + 1) if self.return_indices else found


class ConvWithout(torch.nn.Conv2d):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)


class PoolWithout(torch.nn.MaxPool2d):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


@pytest.mark.parametrize("layer", OPTIONS)
def test_torch_offers_it_and_is_right(layer):
    dozen = [make(SPECS[layer], setting) for setting in grid(SPECS[layer])[:FIRST]]
    assert sum(OPTIONS[layer] in case.args for case in dozen) == 3
    oracle.assert_matches(getattr(torch.nn, layer), layer, cases=24)


@pytest.mark.parametrize(
    ("layer", "like", "said"),
    [
        (ZerosAround, "Conv2d", "when padding_mode is not zeros .*out: padding-mode-ignored"),
        (FromOne, "MaxPool2d", "indices is wrong when return_indices = true .*indices: indices-count-from-one"),
    ],
)
def test_what_is_wrong_in_it_is_said(layer, like, said):
    with pytest.raises(AssertionError) as caught:
        oracle.assert_matches(layer, like, cases=48)
    assert re.search(said, str(caught.value), re.DOTALL)


@pytest.mark.parametrize(("layer", "like"), [(ConvWithout, "Conv2d"), (PoolWithout, "MaxPool2d")])
def test_who_does_not_offer_it_has_as_full_a_dozen(layer, like):
    subject, spec = TorchModule(like, layer), SPECS[like]
    cases, _ = default_cases(spec, lambda setting: subject.takes(spec.complete(setting.args), True, setting.shapes), 36)
    assert len({(str(case.args), str(case.shapes)) for case in cases}) >= FIRST
    assert not any(OPTIONS[like] in case.args for case in cases)
    oracle.assert_matches(layer, like, cases=24)
