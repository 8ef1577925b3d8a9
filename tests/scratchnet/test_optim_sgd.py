"""SGD takes torch's steps, in place, in the parameter's dtype."""

import numpy as np
import pytest
import torch

from scratchnet import nn, optim

SETTINGS = [
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "weight_decay": 0.05},
    {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.05, "nesterov": True},
    {"lr": 0.1, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.05, "maximize": True},
]


def gradients(steps=50, shape=(3, 4), dtype=np.float64):
    rng = np.random.default_rng(5)
    return [rng.normal(size=shape).astype(dtype) for _ in range(steps)]


def run(optimizer, parameters, steps):
    for step in steps:
        for parameter in parameters:
            parameter.grad = torch.tensor(step) if isinstance(parameter, torch.Tensor) else step.copy()
        optimizer.step()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_fifty_steps_are_those_of_torch(settings, dtype):
    start = np.linspace(-1, 1, 12, dtype=dtype).reshape(3, 4)
    ours, theirs = nn.Parameter(start.copy()), torch.nn.Parameter(torch.tensor(start))
    run(optim.SGD([ours], **settings), [ours], gradients(dtype=dtype))
    run(torch.optim.SGD([theirs], **settings), [theirs], gradients(dtype=dtype))
    assert ours.data.dtype == dtype
    u = np.finfo(dtype).eps
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=0, atol=50 * 8 * u)


def test_one_step_by_hand():
    parameter = nn.Parameter(np.array([8.0]))
    sgd = optim.SGD([parameter], lr=0.5, momentum=0.5, dampening=0.25, weight_decay=0.25)
    run(sgd, [parameter], [np.array([2.0])])
    assert parameter.data == 8 - 0.5 * 4  # g = 2 + 0.25*8, v = g
    run(sgd, [parameter], [np.array([2.5])])
    assert parameter.data == 6 - 0.5 * 5  # g = 2.5 + 0.25*6, v = 0.5*4 + 0.75*4


def test_the_array_is_updated_in_place():
    array = np.ones(3)
    parameter = nn.Parameter(array)
    run(optim.SGD([parameter], lr=1.0), [parameter], [np.ones(3)])
    assert parameter.data is array and np.all(array == 0)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_gradients_are_left_as_they_are(settings):
    parameter, gradient = nn.Parameter(np.ones(3)), np.ones(3)
    sgd = optim.SGD([parameter], **settings)
    for _ in range(3):
        parameter.grad = gradient
        sgd.step()
    assert np.all(gradient == 1)


def test_a_parameter_without_gradient_stays():
    parameter = nn.Parameter(np.ones(3))
    optim.SGD([parameter], lr=1.0, weight_decay=1.0).step()
    assert np.all(parameter.data == 1)


def test_numpy_scalars_as_settings_change_nothing():
    steps = gradients(5, dtype=np.float32)
    results = []
    for number in (float, np.float64):
        parameter = nn.Parameter(np.ones((3, 4), np.float32))
        sgd = optim.SGD([parameter], lr=number(0.1), momentum=number(0.9), weight_decay=number(0.01), nesterov=True)
        run(sgd, [parameter], steps)
        assert parameter.data.dtype == sgd.state[parameter]["momentum_buffer"].dtype == np.float32
        results.append(parameter.data)
    assert np.array_equal(*results)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)], ids=str)
def test_every_shape_has_momentum(shape):
    ours, theirs = nn.Parameter(np.ones(shape)), torch.nn.Parameter(torch.ones(shape, dtype=torch.float64))
    run(optim.SGD([ours], lr=0.5, momentum=0.5), [ours], [np.ones(shape)] * 3)
    run(torch.optim.SGD([theirs], lr=0.5, momentum=0.5), [theirs], [np.ones(shape)] * 3)
    assert np.array_equal(ours.data, theirs.detach().numpy())


def test_each_group_has_its_own_settings():
    slow, fast = nn.Parameter(np.zeros(1)), nn.Parameter(np.zeros(1))
    sgd = optim.SGD([{"params": [slow]}, {"params": [fast], "lr": 1.0}], lr=0.25)
    run(sgd, [slow, fast], [np.ones(1)])
    assert (slow.data, fast.data) == (-0.25, -1)
    sgd.param_groups[0]["lr"] = 0.5  # as a schedule does
    run(sgd, [slow, fast], [np.ones(1)])
    assert (slow.data, fast.data) == (-0.75, -2)


def test_zero_grad_forgets_the_gradients():
    parameter = nn.Parameter(np.zeros(1))
    parameter.grad = np.ones(1)
    optim.SGD([parameter]).zero_grad()
    assert parameter.grad is None


def test_a_run_goes_on_from_its_state():
    start, steps = np.linspace(-1, 1, 12).reshape(3, 4), gradients(6)
    whole, first, second = (nn.Parameter(start.copy()) for _ in range(3))
    run(optim.SGD([whole], lr=0.1, momentum=0.9), [whole], steps)

    before = optim.SGD([first], lr=0.1, momentum=0.9)
    run(before, [first], steps[:3])
    state = before.state_dict()
    run(before, [first], steps[3:])  # must not reach into the state that was taken

    second.data[...] = start
    replay = optim.SGD([second], lr=0.1, momentum=0.9)
    run(replay, [second], steps[:3])
    after = optim.SGD([second], lr=99.0)
    after.load_state_dict(state)
    run(after, [second], steps[3:])
    assert np.array_equal(whole.data, second.data) and np.array_equal(whole.data, first.data)


def test_the_state_has_torchs_form():
    ours, theirs = nn.Parameter(np.zeros(2)), torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    sgd, torch_sgd = optim.SGD([ours], momentum=0.5), torch.optim.SGD([theirs], momentum=0.5)
    run(sgd, [ours], [np.ones(2)])
    run(torch_sgd, [theirs], [np.ones(2)])
    state, torch_state = sgd.state_dict(), torch_sgd.state_dict()
    assert state["state"].keys() == torch_state["state"].keys()
    assert np.array_equal(state["state"][0]["momentum_buffer"], torch_state["state"][0]["momentum_buffer"].numpy())
    assert state["param_groups"][0].items() <= torch_state["param_groups"][0].items()


P = nn.Parameter(np.zeros(2))
ERRORS = [
    (lambda: optim.SGD([]), ValueError, "no parameters"),
    (lambda: optim.SGD(P), TypeError, "list of Parameters"),
    (lambda: optim.SGD([np.zeros(2)]), TypeError, "module.parameters()"),
    (lambda: optim.SGD([P, P]), ValueError, "comes twice"),
    (lambda: optim.SGD([{"params": [P]}, {"params": [P]}]), ValueError, "comes twice"),
    (lambda: optim.SGD([{"parameters": [P]}]), ValueError, '"params"'),
    (lambda: optim.SGD([{"params": [P], "rate": 1}]), ValueError, "no setting rate"),
    (lambda: optim.SGD([P], lr=-1), ValueError, "lr=-1"),
    (lambda: optim.SGD([P], lr=float("nan")), ValueError, "lr=nan"),
    (lambda: optim.SGD([P], momentum=-1), ValueError, "momentum=-1"),
    (lambda: optim.SGD([P], nesterov=True), ValueError, "momentum > 0"),
    (lambda: optim.SGD([P], nesterov=True, momentum=1, dampening=1), ValueError, "dampening = 0"),
    (lambda: optim.SGD([P]).load_state_dict({"state": {}, "param_groups": []}), ValueError, "parameter groups"),
    (
        lambda: optim.SGD([P]).load_state_dict(
            {"state": {0: {"momentum_buffer": np.zeros(3)}}, "param_groups": [{"params": [0]}]}
        ),
        ValueError,
        "(3,)",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[words for _, _, words in ERRORS])
def test_a_wrong_argument_raises_and_says_how_to_mend_it(call, error, words):
    with pytest.raises(error) as raised:
        call()
    assert words in str(raised.value)
