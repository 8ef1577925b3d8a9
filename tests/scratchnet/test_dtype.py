"""No layer, optimizer, schedule or network turns float32 into float64 anywhere.

Outputs and gradients, buffers, what forward keeps for backward, and the optimizers' state: every floating array of them
is float32 where the inputs are. (That float64 stays float64 shows in the gate: float32 would not meet its bounds.)
"""

import numpy as np
import pytest

from oracle.layers import FAMILY, SPECS
from oracle.selection import gate_cases
from oracle.subjects.scratchnet import Scratchnet
from scratchnet import nn, optim
from scratchnet.data import Compose, DataLoader, RandomCrop, RandomHorizontalFlip
from scratchnet.models import LeNet5
from scratchnet.training import EarlyStopping, fit

# Classes that are no layer of their own: they hold layers, whose dtype is their own affair.
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "Sequential", "TransformerDecoder", "TransformerEncoder"}
# Weights that follow from the sizes and not from x are kept in float64, and rounded to x's dtype where they are used.
KEEP_WEIGHTS_OF_POSITIONS = {"Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"}
LAYERS = [name for name in SPECS if hasattr(nn, name)]
OPTIMIZERS = [name for name, family in FAMILY.items() if family == "optim"]
CASES_EACH = 6


def rng(seed=0):
    return np.random.default_rng(seed)


def floats(value):
    """Every floating array inside of tuples, lists and dicts, but for single numbers, which convert nothing."""
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind == "f" and value.ndim else []
    if isinstance(value, np.generic):
        return [value] if value.dtype.kind == "f" else []
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [array for entry in entries for array in floats(entry)]


def dtypes(value):
    return {array.dtype.name for array in floats(value)}


def cases(name):
    """The first settings of a layer in float32, at random, in each mode."""
    found = (c for c in gate_cases(SPECS[name]) if c.dtype == "float32" and c.style == "random")
    return [case for case, _ in zip(found, range(CASES_EACH))]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_float32_computes_and_keeps_float32(name, monkeypatch):
    kept, keep = [], nn.Module.keep

    def recorded(self, cache):
        kept.append(cache)
        keep(self, cache)

    monkeypatch.setattr(nn.Module, "keep", recorded)
    subject = Scratchnet(name)
    for case in cases(name):
        kept.clear()
        answer = subject.run(case.call())
        assert not answer.failures, (case.id, answer.failures)
        assert dtypes(answer.tensors) <= {"float32"}, case.id
        assert {array.dtype.name for array in answer.tensors.values() if array.dtype.kind == "f"} <= {"float32"}
        allowed = {"float32", "float64"} if name in KEEP_WEIGHTS_OF_POSITIONS else {"float32"}
        assert kept and dtypes(kept) <= allowed, f"{case.id}: kept for backward"


def test_no_class_of_nn_is_left_out():
    classes = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    modules = {name for name in classes if issubclass(getattr(nn, name), nn.Module)}
    assert modules - CONTAINERS == set(LAYERS)


def trained(make, epochs=1, **options):
    """A small float32 network after some steps."""
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, rng=rng(1)), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Dropout(0.3, rng=rng(2)),
        nn.Linear(48, 4, rng=rng(3)),
    )  # fmt: skip
    parameters = [p for p in net.parameters() if make is not optim.Muon or p.data.ndim == 2]
    optimizer = make(parameters)
    x, y = rng(4).random((12, 1, 6, 6), np.float32), rng(5).integers(0, 4, 12)
    crops = Compose([RandomCrop(6, 1, rng=rng(6)), RandomHorizontalFlip(rng=rng(7))])
    batches = DataLoader((x, y), 4, shuffle=True, transform=crops, rng=rng(8))
    if "scheduler" in options:
        options["scheduler"] = options["scheduler"](optimizer)
    fit(net, nn.CrossEntropyLoss(), batches, optimizer, epochs, watch={"valid": (x, y)}, **options)
    state = [value for entry in optimizer.state.values() for value in entry.values() if value is not None]
    return net, state


def assert_float32(net, state):
    assert dtypes(net.state_dict()) == {"float32"}
    assert {parameter.grad.dtype.name for parameter in net.parameters()} == {"float32"}
    assert {value.dtype.name for value in state if np.asarray(value).dtype.kind == "f"} <= {"float32"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_of_float32_keeps_float32(name):
    net, state = trained(getattr(optim, name))
    assert_float32(net, state)
    assert state or name == "SGD"


def test_no_optimizer_is_left_out():
    made = {n for n, v in vars(optim).items() if isinstance(v, type) and issubclass(v, optim.Optimizer)}
    assert made - {"Optimizer"} == set(OPTIMIZERS)


S = optim.lr_scheduler
SCHEDULES = {
    "ChainedScheduler": lambda o: S.ChainedScheduler([S.ExponentialLR(o, 0.9), S.StepLR(o, 2)]),
    "ConstantLR": lambda o: S.ConstantLR(o),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 4),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 2),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 2),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: S.LambdaLR(o, lambda epoch: np.float64(0.9) ** epoch),
    "LinearLR": lambda o: S.LinearLR(o),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [1, 2]),
    "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lambda epoch: np.float64(0.9)),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.1, total_steps=9),
    "PolynomialLR": lambda o: S.PolynomialLR(o),
    "ReduceLROnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=0),
    "SequentialLR": lambda o: S.SequentialLR(o, [S.ConstantLR(o), S.ExponentialLR(o, 0.9)], [1]),
    "StepLR": lambda o: S.StepLR(o, 1),
}


@pytest.mark.parametrize("name", sorted(set(S.__all__) - {"LRScheduler"}))
def test_a_schedule_whose_numbers_are_float64_changes_no_dtype(name):
    def momentum_sgd(parameters):
        return optim.SGD(parameters, np.float64(0.05), momentum=0.9, weight_decay=np.float64(1e-3))

    options = {"monitor": "valid loss"} if name == "ReduceLROnPlateau" else {}
    assert_float32(*trained(momentum_sgd, 3, scheduler=SCHEDULES[name], **options))


def test_clipping_with_float64_numbers_and_early_stopping_change_no_dtype():
    net, state = trained(optim.Adam, 3, clip_norm=np.float64(0.1), clip_value=np.float64(0.01),
                         early_stopping=EarlyStopping(patience=1))  # fmt: skip
    assert_float32(net, state)


def test_data_and_network_stay_float32_from_the_images_to_the_gradients():
    net = LeNet5(rng=rng())
    out = net(rng(1).random((2, 1, 28, 28), np.float32))
    loss = nn.CrossEntropyLoss()
    value = loss(out, np.array([1, 2]))
    dx = net.backward(loss.backward(np.float32(0.5))[0])
    assert {np.asarray(a).dtype.name for a in (out, value, dx)} == {"float32"}
