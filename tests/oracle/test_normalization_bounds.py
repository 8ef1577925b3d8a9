"""The bounds of normalisation hold for right implementations, and only for those: means from 0 to 1e4, standard
deviations from 0.01 to 10, in both precisions, for torch itself, scratchnet and the loops."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from oracle.cases import parse
from oracle.comparison import compare
from oracle.reference import reference
from oracle.subjects.naive import Naive
from oracle.subjects.scratchnet import Scratchnet
from oracle.subjects.torch_module import TorchModule

LAYERS = [
    "BatchNorm1d(num_features=3)[x=33x3]",
    "BatchNorm2d(num_features=2,momentum=none)[x=4x2x5x7]",
    "BatchNorm2d(num_features=2,eps=0.1)[x=2x2x2x2]",
    "InstanceNorm2d(num_features=2,affine=true,track_running_stats=true)[x=3x2x6x5]",
    "InstanceNorm1d(num_features=2,eps=0.001,affine=true)[x=3x2x4]",
    "LayerNorm(normalized_shape=17)[x=5x17]",
    "LayerNorm(normalized_shape=3x4,eps=0.1)[x=2x3x4]",
    "LayerNorm(normalized_shape=300)[x=2x300]",
    "GroupNorm(num_groups=2,num_channels=6)[x=3x6x4x3]",
    "RMSNorm(normalized_shape=9,eps=0.001)[x=4x9]",
    "LocalResponseNorm(size=3,alpha=0.5)[x=2x5x3x2]",
]
SUBJECTS = {"scratchnet": Scratchnet, "loops": Naive, "torch": lambda name: TorchModule(name, getattr(torch.nn, name))}
VALUES = [(mean, std) for mean in (0.0, 1.0, 100.0, 1e4) for std in (0.01, 1.0, 10.0)]


def call_of(layer, dtype, mean, std, seed):
    case = parse(f"{layer}@{dtype},random#{seed}")
    call, rng = case.call(), np.random.default_rng(seed)
    x = (mean + std * rng.standard_normal(call.inputs["x"].shape)).astype(dtype)
    return case, replace(call, inputs={"x": x})


@pytest.mark.parametrize(("mean", "std"), VALUES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_right_answer_is_inside(layer, subject, dtype, mean, std):
    case, call = call_of(layer, dtype, mean, std, 1)
    answer = SUBJECTS[subject](case.spec.name).run(call)
    expected = reference(case, call)
    results = {
        name: compare(answer.tensors[name], tensor, expected.bounds[name]) for name, tensor in expected.tensors.items()
    }
    assert {name: result.reason for name, result in results.items() if result.failed} == {}


def one_pass(x, axes, eps):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(np.maximum((x * x).mean(axes, keepdims=True) - mean * mean, 0) + x.dtype.type(eps))


@pytest.mark.parametrize("mean", [100.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_variance_in_one_pass_is_outside_far_from_0(dtype, mean):
    case, call = call_of("BatchNorm2d(num_features=2,affine=false)[x=4x2x5x7]", dtype, mean, 1.0, 1)
    out = one_pass(call.inputs["x"], (0, 2, 3), 1e-5)
    expected = reference(case, call)
    assert compare(out, expected.tensors["out"], expected.bounds["out"]).failed
