"""Every optimizer takes torch's steps and keeps torch's state, in place, in the parameter's dtype."""

import inspect

import numpy as np
import pytest
import torch

from scratchnet import nn, optim

SETTINGS = [
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "betas": (0.0, 0.9), "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 0.1, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "centered": True, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"lr": 0.5}),
    ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.5, "eps": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "betas": (0.5, 0.75), "momentum_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.5, "etas": (0.25, 2.0), "step_sizes": (0.01, 1.0), "maximize": True}),
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 10, "weight_decay": 0.1, "maximize": True}),
    ("Muon", {"lr": 0.1}),
    ("Muon", {"lr": 0.1, "momentum": 0.5, "nesterov": False, "weight_decay": 0.5, "adjust_lr_fn": "match_rms_adamw"}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
]
NAMES = sorted({name for name, _ in SETTINGS})
STEPS, ROUNDINGS = 50, 8
START = np.linspace(-1, 1, 12).reshape(3, 4)
settings_of_all = pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)


@pytest.fixture(autouse=True)
def torch_rounds_as_little(monkeypatch):
    """torch keeps numbers of its state (eta, mu_product) in the default dtype, and iterates Muon in bfloat16."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


def gradients(dtype=np.float64, steps=STEPS):
    rng = np.random.default_rng(5)
    return [rng.normal(size=START.shape).astype(dtype) for _ in range(steps)]


def run(optimizer, parameter, steps):
    for step in steps:
        parameter.grad = torch.tensor(step) if isinstance(parameter, torch.Tensor) else step.copy()
        optimizer.step()


def ours(name, settings, start=START):
    parameter = nn.Parameter(start.copy())
    return parameter, getattr(optim, name)([parameter], **settings)


def theirs(name, settings, start=START):
    torch.set_default_dtype(torch.float64 if start.dtype == np.float64 else torch.float32)
    parameter = torch.nn.Parameter(torch.tensor(start))
    return parameter, getattr(torch.optim, name)([parameter], **settings)


def arrays(parameter, optimizer):
    """The parameter and its state, all as arrays."""
    data = parameter.data if isinstance(parameter.data, np.ndarray) else parameter.detach().numpy()
    return {"parameter": data.copy()} | {
        name: np.asarray(value).copy() for name, value in optimizer.state[parameter].items()
    }


def as_torch(state_dict):
    """A state_dict with tensors in place of arrays."""
    state = {
        number: {name: torch.tensor(value) for name, value in entry.items()}
        for number, entry in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


def units(mine, yours, steps=STEPS):
    """The largest difference of each array, in units of ROUNDINGS roundings a step of the largest number in it.

    A state is a mean of what came in and what it was, a parameter a sum of steps: each step rounds a handful of times,
    numbers no larger than the largest, and what was rounded before comes in with a factor of at most 1.
    """
    assert mine.keys() == yours.keys()
    found = {}
    for name, array in mine.items():
        assert array.shape == yours[name].shape
        rounding = np.finfo(array.dtype).eps / 2 * max(np.abs(yours[name]).max(), 1)
        found[name] = float(np.abs(array - yours[name]).max() / (ROUNDINGS * steps * rounding))
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings_of_all
def test_fifty_steps_are_those_of_torch(name, settings, dtype):
    start = START.astype(dtype)
    parameter, optimizer = ours(name, settings, start)
    torch_parameter, torch_optimizer = theirs(name, settings, start)
    run(optimizer, parameter, gradients(dtype))
    run(torch_optimizer, torch_parameter, gradients(dtype))
    mine = arrays(parameter, optimizer)
    assert {array.dtype for array in mine.values()} == {np.dtype(dtype)}
    found = units(mine, arrays(torch_parameter, torch_optimizer))
    assert max(found.values()) <= 1, found


@settings_of_all
def test_a_run_goes_on_in_torch_and_back(name, settings):
    steps = gradients()
    whole, torch_whole = theirs(name, settings)
    run(torch_whole, whole, steps)

    first, before = ours(name, settings)
    run(before, first, steps[:20])
    middle, torch_middle = theirs(name, {}, first.data)
    torch_middle.load_state_dict(as_torch(before.state_dict()))
    run(torch_middle, middle, steps[20:35])
    last, after = ours(name, {}, middle.detach().numpy())
    after.load_state_dict(torch_middle.state_dict())
    run(after, last, steps[35:])

    found = units(arrays(last, after), arrays(whole, torch_whole))
    assert max(found.values()) <= 1, found


@settings_of_all
def test_a_state_that_was_taken_is_not_reached_by_later_steps(name, settings):
    steps = gradients(steps=6)
    parameter, optimizer = ours(name, settings)
    run(optimizer, parameter, steps[:3])
    state, half = optimizer.state_dict(), parameter.data.copy()
    run(optimizer, parameter, steps[3:])
    again, replay = ours(name, {}, half)
    replay.load_state_dict(state)
    run(replay, again, steps[3:])
    assert np.array_equal(again.data, parameter.data)


@settings_of_all
def test_the_array_is_updated_in_place_and_the_gradient_left_as_it_is(name, settings):
    array, gradient = START.copy(), gradients(steps=1)[0]
    kept = gradient.copy()
    parameter = nn.Parameter(array)
    optimizer = getattr(optim, name)([parameter], **settings)
    for _ in range(3):
        parameter.grad = gradient
        optimizer.step()
    assert parameter.data is array and not np.array_equal(array, START)
    assert np.array_equal(gradient, kept)


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_without_gradient_stays(name):
    parameter, optimizer = ours(name, {})
    optimizer.step()
    _, torch_optimizer = theirs(name, {})
    torch_optimizer.step()
    assert np.array_equal(parameter.data, START)
    assert optimizer.state_dict()["state"].keys() == torch_optimizer.state_dict()["state"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_that_comes_later_finds_its_own_first_step(name):
    early, late = (nn.Parameter(START.copy()) for _ in range(2))
    both = getattr(optim, name)([early, late])
    run(both, early, gradients(steps=3))
    early.grad = None
    run(both, late, gradients(steps=3))
    assert np.array_equal(early.data, late.data)


@pytest.mark.parametrize("name", NAMES)
def test_each_group_has_its_own_settings(name):
    slow, fast, alone = (nn.Parameter(START.copy()) for _ in range(3))
    groups = getattr(optim, name)([{"params": [slow], "lr": 0.0}, {"params": [fast]}], lr=0.5)
    single = getattr(optim, name)([alone], lr=0.5)
    for parameter in (slow, fast, alone):
        parameter.grad = gradients(steps=1)[0]
    groups.step()
    single.step()
    assert np.array_equal(fast.data, alone.data)
    assert np.allclose(slow.data, START, rtol=0, atol=2e-6)  # Rprop's smallest step is 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_torchs(name):
    def described(cls):
        found = inspect.signature(cls.__init__).parameters
        return {key: value.default for key, value in found.items() if key not in optim.optimizer.IMPLEMENTATION}

    assert described(getattr(optim, name)) == described(getattr(torch.optim, name))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)], ids=str)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "Muon"])
def test_every_shape_is_taken(name, shape):
    parameter, optimizer = ours(name, {"lr": 0.5}, np.ones(shape))
    torch_parameter, torch_optimizer = theirs(name, {"lr": 0.5}, np.ones(shape))
    for one, other in ((optimizer, parameter), (torch_optimizer, torch_parameter)):
        run(one, other, [np.full(shape, value) for value in (1.0, -2.0, 0.0, 0.5)])
    mine, yours = arrays(parameter, optimizer), arrays(torch_parameter, torch_optimizer)
    assert mine.keys() == yours.keys()
    for key in mine:
        np.testing.assert_allclose(mine[key], yours[key], rtol=4 * 8 * 2**-53)


@pytest.mark.parametrize("number", [np.float64, np.float32])
@settings_of_all
def test_numpy_scalars_as_settings_keep_the_dtype(name, settings, number):
    scalars = {key: number(value) if type(value) is float else value for key, value in settings.items()}
    parameter, optimizer = ours(name, scalars, START.astype(np.float32))
    run(optimizer, parameter, gradients(np.float32, 3))
    assert {array.dtype for array in arrays(parameter, optimizer).values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_first_step_of_adam_is_lr_whatever_the_scale(scale):
    parameter, adam = ours("Adam", {"lr": 0.25, "eps": 0.0})
    run(adam, parameter, [scale * gradients(steps=1)[0]])
    np.testing.assert_allclose(np.abs(parameter.data - START), 0.25, rtol=8 * 2**-53)


def test_adamw_stays_decoupled_with_a_state_of_adam():
    parameter, adam = ours("Adam", {"weight_decay": 0.5})
    run(adam, parameter, gradients(steps=1))
    adamw = optim.AdamW([parameter])
    adamw.load_state_dict(adam.state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] and adamw.param_groups[0]["weight_decay"] == 0.5


def test_muon_makes_a_step_with_singular_values_near_one():
    step = optim.muon.orthogonal(gradients(steps=1)[0], optim.muon.COEFFICIENTS, 10, 1e-7)
    values = np.linalg.svd(step, compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3


ERRORS = [
    *((name, {"lr": -1.0}) for name in NAMES),
    *((name, {"weight_decay": -1.0}) for name in NAMES if name != "Rprop"),
    *((name, {"eps": -1.0}) for name in NAMES if name not in ("SGD", "Rprop", "ASGD", "Muon")),
    *((name, {"betas": (1.0, 0.9)}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")),
    *((name, {"betas": (0.9, -0.1)}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")),
    ("RMSprop", {"alpha": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
    ("Adadelta", {"rho": 1.5}),
    ("NAdam", {"momentum_decay": -1.0}),
    ("Rprop", {"etas": (1.2, 0.5)}),
    ("Muon", {"adjust_lr_fn": "none"}),
    ("Muon", {"momentum": -1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), ERRORS, ids=str)
def test_what_torch_refuses_raises_and_says_what_was_given(name, settings):
    with pytest.raises(ValueError):
        theirs(name, settings)
    with pytest.raises(ValueError) as raised:
        ours(name, settings)
    ((setting, value),) = settings.items()
    assert name in str(raised.value) and f"{setting}={value}" in str(raised.value) and "expected" in str(raised.value)


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="two axes expected"):
        ours("Muon", {}, np.ones(3))
