"""Every schedule sets torch's learning rates, epoch by epoch, and its state goes through torch's and back."""

import inspect
import warnings

import numpy as np
import pytest
import torch

from scratchnet import nn, optim
from scratchnet.optim import lr_scheduler

EPOCHS = 60
METRICS = [1 / (1 + min(epoch, 20)) + 0.01 * (epoch % 3) for epoch in range(EPOCHS)]  # improves, then does not


class Decay:
    """A callable object: its attributes are part of the state."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


def make(name, **settings):
    return lambda library, optimizer: getattr(library, name)(optimizer, **settings)


def chained(library, optimizer):
    return library.ChainedScheduler([make("ConstantLR", factor=0.1, total_iters=20)(library, optimizer),
                                     make("ExponentialLR", gamma=0.9)(library, optimizer)])  # fmt: skip


def sequential(*makers, milestones):
    return lambda library, optimizer: library.SequentialLR(
        optimizer, [m(library, optimizer) for m in makers], milestones
    )


SCHEDULES = {
    "LambdaLR": make("LambdaLR", lr_lambda=lambda epoch: 0.95**epoch),
    "LambdaLR, one each": make("LambdaLR", lr_lambda=[lambda epoch: 1 / (1 + epoch), Decay(0.9)]),
    "MultiplicativeLR": make("MultiplicativeLR", lr_lambda=lambda epoch: 1 - 0.1 / epoch),
    "StepLR": make("StepLR", step_size=7),
    "StepLR, up": make("StepLR", step_size=1, gamma=1.1),
    "MultiStepLR": make("MultiStepLR", milestones=[3, 11, 11, 40], gamma=0.5),
    "MultiStepLR from 0": make("MultiStepLR", milestones=[0, 5]),
    "ConstantLR": make("ConstantLR"),
    "ConstantLR, long": make("ConstantLR", factor=0.25, total_iters=30),
    "LinearLR": make("LinearLR"),
    "LinearLR, down": make("LinearLR", start_factor=1.0, end_factor=0.1, total_iters=30),
    "ExponentialLR": make("ExponentialLR", gamma=0.9),
    "PolynomialLR": make("PolynomialLR"),
    "PolynomialLR, square": make("PolynomialLR", total_iters=40, power=2.0),
    "CosineAnnealingLR": make("CosineAnnealingLR", T_max=60),
    "CosineAnnealingLR, twice": make("CosineAnnealingLR", T_max=13, eta_min=0.01),
    "CosineAnnealingWarmRestarts": make("CosineAnnealingWarmRestarts", T_0=7),
    "CosineAnnealingWarmRestarts, longer": make("CosineAnnealingWarmRestarts", T_0=5, T_mult=2, eta_min=0.01),
    "CyclicLR": make("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7),
    "CyclicLR, each": make("CyclicLR", base_lr=[0.01, 0.02], max_lr=[0.1, 0.3], step_size_up=3, step_size_down=8),
    "CyclicLR, triangular2": make("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, mode="triangular2"),
    "CyclicLR, exp_range": make("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, mode="exp_range", gamma=0.97),
    "CyclicLR, own": make(
        "CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, scale_fn=Decay(0.9), cycle_momentum=False
    ),
    "CyclicLR, iterations": make(
        "CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, scale_fn=Decay(0.9), scale_mode="iterations"
    ),
    "OneCycleLR": make("OneCycleLR", max_lr=0.5, total_steps=EPOCHS),
    "OneCycleLR, linear": make("OneCycleLR", max_lr=[0.5, 0.1], epochs=10, steps_per_epoch=6, anneal_strategy="linear"),
    "OneCycleLR, three phases": make("OneCycleLR", max_lr=0.5, total_steps=EPOCHS, three_phase=True, pct_start=0.4),
    "ReduceLROnPlateau": make("ReduceLROnPlateau", patience=3),
    "ReduceLROnPlateau, max": make(
        "ReduceLROnPlateau", mode="max", factor=0.5, patience=2, cooldown=4, min_lr=[0.01, 0.2]
    ),
    "ReduceLROnPlateau, abs": make("ReduceLROnPlateau", patience=1, threshold=0.05, threshold_mode="abs", eps=0.01),
    "ReduceLROnPlateau, max abs": make("ReduceLROnPlateau", mode="max", threshold_mode="abs", patience=5),
    "ChainedScheduler": chained,
    "SequentialLR": sequential(make("LinearLR", total_iters=5), make("CosineAnnealingLR", T_max=30), milestones=[6]),
    "SequentialLR of three": sequential(
        make("ConstantLR", total_iters=4), make("StepLR", step_size=3), make("PolynomialLR", total_iters=9),
        milestones=[10, 20],
    ),
    "SequentialLR of others": sequential(
        make("MultiStepLR", milestones=[2, 4]), make("ExponentialLR", gamma=0.9),
        make("MultiplicativeLR", lr_lambda=lambda epoch: 0.99), make("LambdaLR", lr_lambda=lambda epoch: 0.9**epoch),
        make("CosineAnnealingWarmRestarts", T_0=4), make("LinearLR"), make("ConstantLR"),
        milestones=[5, 13, 21, 30, 40, 50],
    ),
    "SequentialLR of chains": sequential(chained, make("StepLR", step_size=2), milestones=[10]),
}  # fmt: skip
by_name = pytest.mark.parametrize("name", SCHEDULES)
OPTIMIZERS = {"SGD": {"lr": 0.4, "momentum": 0.9}, "Adam": {"lr": 0.4}}
RATES = ("lr", "momentum", "betas")


@pytest.fixture(autouse=True)
def quiet():
    """torch warns where the optimizer has made no step, and of step(epoch)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def ours(name, kind="SGD"):
    groups = [{"params": [nn.Parameter(np.ones(2))]}, {"params": [nn.Parameter(np.ones(2))], "lr": 1.5}]
    optimizer = getattr(optim, kind)(groups, **OPTIMIZERS[kind])
    return optimizer, SCHEDULES[name](lr_scheduler, optimizer)


def theirs(name, kind="SGD"):
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(2))]},
        {"params": [torch.nn.Parameter(torch.ones(2))], "lr": 1.5},
    ]
    optimizer = getattr(torch.optim, kind)(groups, **OPTIMIZERS[kind])
    return optimizer, SCHEDULES[name](torch.optim.lr_scheduler, optimizer)


def go(optimizer, schedule, epochs=range(EPOCHS)):
    """What is in force in each epoch, for each group; the schedule steps at the end of it."""
    seen = []
    for epoch in epochs:
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        seen.append([[group[rate] for rate in RATES if rate in group] for group in optimizer.param_groups])
        schedule.step(METRICS[epoch]) if "Plateau" in type(schedule).__name__ else schedule.step()
    return seen


def assert_same(mine, yours):
    """Each epoch rounds a factor and a product: a few units roundoff of the number itself, more as they add up.

    Where a cosine passes its bottom the next lr is a difference of two near numbers: an absolute error is left.
    """
    flat = [np.array([np.hstack(group) for epoch in run for group in epoch], float) for run in (mine, yours)]
    np.testing.assert_allclose(*flat, rtol=EPOCHS * 8 * 2**-53, atol=8 * 2**-53)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@by_name
def test_sixty_epochs_are_those_of_torch(name, kind):
    assert_same(go(*ours(name, kind)), go(*theirs(name, kind)))


@by_name
def test_a_run_goes_on_in_torch_and_back(name):
    whole = go(*theirs(name))

    optimizer, schedule = ours(name)
    seen = go(optimizer, schedule, range(25))
    torch_optimizer, torch_schedule = theirs(name)
    torch_optimizer.load_state_dict(optimizer.state_dict())
    torch_schedule.load_state_dict(schedule.state_dict())
    seen += go(torch_optimizer, torch_schedule, range(25, 41))
    optimizer, schedule = ours(name)
    optimizer.load_state_dict(torch_optimizer.state_dict())
    schedule.load_state_dict(torch_schedule.state_dict())
    seen += go(optimizer, schedule, range(41, EPOCHS))
    assert_same(seen, whole)


@pytest.mark.parametrize("last_epoch", [0, 4, 5, 20])
@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
                                  "CosineAnnealingLR", "LambdaLR", "MultiplicativeLR"])  # fmt: skip
def test_last_epoch_goes_on(name, last_epoch):
    settings = {"StepLR": {"step_size": 7}, "MultiStepLR": {"milestones": [3, 11]}, "ExponentialLR": {"gamma": 0.9},
                "CosineAnnealingLR": {"T_max": 30}, "LambdaLR": {"lr_lambda": Decay(0.9)},
                "MultiplicativeLR": {"lr_lambda": Decay(0.9)}}.get(name, {})  # fmt: skip
    seen = []
    for library, parameter in ((optim, nn.Parameter(np.ones(2))), (torch.optim, torch.nn.Parameter(torch.ones(2)))):
        optimizer = library.SGD([{"params": [parameter], "lr": 0.2, "initial_lr": 0.5}])
        schedule = getattr(library.lr_scheduler, name)(optimizer, **settings, last_epoch=last_epoch)
        seen.append(go(optimizer, schedule))
    assert_same(*seen)


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_warm_restarts_go_to_any_epoch(T_mult):
    seen = []
    for library, parameter in ((optim, nn.Parameter(np.ones(2))), (torch.optim, torch.nn.Parameter(torch.ones(2)))):
        optimizer = library.SGD([parameter], lr=0.5)
        schedule = library.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=4, T_mult=T_mult)
        rates = []
        for epoch in (0.25, 3.5, 4.0, 7.75, 2.0, 20.0, None, None, 11.5):
            schedule.step(epoch)
            rates.append(optimizer.param_groups[0]["lr"])
        seen.append(rates)
    np.testing.assert_allclose(*seen, rtol=8 * 2**-53, atol=8 * 2**-53)


def test_an_lr_that_was_changed_from_outside_is_gone_on_from():
    optimizer, schedule = ours("StepLR")
    for group in optimizer.param_groups:
        group["lr"] = 8.0
    for _ in range(7):
        schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [8.0 * 0.1] * 2


@pytest.mark.parametrize("name", lr_scheduler.__all__)
def test_arguments_and_defaults_are_torchs(name):
    def described(cls):
        found = inspect.signature(cls.__init__).parameters
        return {key: value.default for key, value in found.items()}

    assert described(getattr(lr_scheduler, name)) == described(getattr(torch.optim.lr_scheduler, name))


def other(library):
    return optim.SGD([nn.Parameter(np.ones(2))]) if library is lr_scheduler else torch.optim.SGD([torch.ones(2)])


ERRORS = [
    ("StepLR", lambda library, o: library.StepLR("SGD", 3), TypeError, "Optimizer of scratchnet.optim"),
    ("last_epoch", lambda library, o: library.StepLR(o, 3, last_epoch=4), KeyError, "initial_lr"),
    ("lambdas", lambda library, o: library.LambdaLR(o, [Decay(1)] * 3), ValueError, "3 values given"),
    ("no function", lambda library, o: library.MultiplicativeLR(o, 0.5), TypeError, "a function of the epoch"),
    ("factor", lambda library, o: library.ConstantLR(o, 1.5), ValueError, "factor=1.5"),
    ("start", lambda library, o: library.LinearLR(o, 0.0), ValueError, "start_factor=0.0"),
    ("end", lambda library, o: library.LinearLR(o, 0.5, -1.0), ValueError, "end_factor=-1.0"),
    ("plateau factor", lambda library, o: library.ReduceLROnPlateau(o, factor=1.0), ValueError, "below 1"),
    ("plateau mode", lambda library, o: library.ReduceLROnPlateau(o, "least"), ValueError, "mode=least"),
    ("threshold", lambda library, o: library.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode=x"),
    ("min_lr", lambda library, o: library.ReduceLROnPlateau(o, min_lr=[0.1]), ValueError, "1 values given"),
    ("plateau", lambda library, o: library.ReduceLROnPlateau(1), TypeError, "an Optimizer"),
    ("cyclic mode", lambda library, o: library.CyclicLR(o, 0.1, 1.0, mode="round"), ValueError, "mode=round"),
    ("T_0", lambda library, o: library.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0=0"),
    ("T_mult", lambda library, o: library.CosineAnnealingWarmRestarts(o, 2, 0.5), ValueError, "T_mult=0.5"),
    ("epoch", lambda library, o: library.CosineAnnealingWarmRestarts(o, 2).step(-1), ValueError, "epoch=-1"),
    ("steps", lambda library, o: library.OneCycleLR(o, 0.1), ValueError, "total_steps, or epochs"),
    ("total_steps", lambda library, o: library.OneCycleLR(o, 0.1, 0), ValueError, "total_steps=0"),
    ("pct", lambda library, o: library.OneCycleLR(o, 0.1, 9, pct_start=2.0), ValueError, "pct_start=2.0"),
    ("strategy", lambda library, o: library.OneCycleLR(o, 0.1, 9, anneal_strategy="x"), ValueError, '"linear"'),
    ("late", lambda library, o: go(o, library.OneCycleLR(o, 0.1, 9)), ValueError, "total_steps=9"),
    ("none", lambda library, o: library.ChainedScheduler([]), ValueError, "at least one"),
    ("no schedule", lambda library, o: library.ChainedScheduler([library.StepLR(o, 3), 1]), TypeError, "number 1"),
    ("chain", lambda library, o: library.ChainedScheduler([library.ReduceLROnPlateau(o)]), ValueError, "a metric"),
    ("others", lambda library, o: library.ChainedScheduler([library.StepLR(o, 3), library.StepLR(other(library), 3)]),
     ValueError, "another optimizer"),
    ("milestones", lambda library, o: library.SequentialLR(o, [library.StepLR(o, 3)], [3]), ValueError, "0 expected"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_what_torch_refuses_raises_and_says_what_was_expected(call, error, words):
    with pytest.raises(error):
        call(torch.optim.lr_scheduler, theirs("StepLR")[0] if words != "initial_lr" else other(torch))
    with pytest.raises(error) as raised:
        call(lr_scheduler, ours("StepLR")[0] if words != "initial_lr" else other(lr_scheduler))
    assert words in str(raised.value)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_momentum_cycles_only_where_there_is_one(name):
    settings = {"CyclicLR": (0.1, 1.0), "OneCycleLR": (1.0, 9)}[name]
    for library, parameter in ((optim, nn.Parameter(np.ones(2))), (torch.optim, torch.nn.Parameter(torch.ones(2)))):
        optimizer = library.Adagrad([parameter])
        with pytest.raises(ValueError, match="momentum"):
            getattr(library.lr_scheduler, name)(optimizer, *settings)
        getattr(library.lr_scheduler, name)(optimizer, *settings, cycle_momentum=False)
