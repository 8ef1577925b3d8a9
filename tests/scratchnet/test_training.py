"""Gradient descent and SGD: which samples stand behind an update, what is recorded, and that networks learn."""

import math
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest

from scratchnet import nn
from scratchnet.data import DataLoader, digits, stratified_split
from scratchnet.models import MLP
from scratchnet.nn.module import no_input_grad
from scratchnet.optim import SGD
from scratchnet.training import evaluate, fit, gradient_descent, sgd, update


def rng(seed=0):
    return np.random.default_rng(seed)


def small_task(n=30, dtype=np.float64):
    return rng(1).standard_normal((n, 4)).astype(dtype), rng(2).integers(0, 3, n)


def small_net(dtype=np.float64):
    return MLP(4, 5, 3, activation=nn.Tanh, dtype=dtype, rng=rng(3))


class Recorder(nn.Module):
    """A network around another one that notes the samples (their first number) of each forward in training mode."""

    def __init__(self, net):
        super().__init__()
        self.net, self.batches = net, []

    def forward(self, x):
        if self.training:
            self.batches.append(x[:, 0].tolist())
        return self.net(x)

    def backward(self, dout):
        return self.net.backward(dout)


@pytest.fixture(scope="module")
def digit_sets():
    return stratified_split(*digits(), test_size=297, rng=rng(0))


# What stands behind one update


def test_an_epoch_of_gradient_descent_is_one_update_by_the_entire_set():
    x, y = small_task()
    net = Recorder(small_net())
    history = gradient_descent(net, nn.CrossEntropyLoss(), (x, y), lr=0.1, epochs=3)
    assert net.batches == [x[:, 0].tolist()] * 3
    assert history.updates == [0, 1, 2, 3]


def test_an_epoch_of_sgd_uses_every_sample_once_in_mini_batches_drawn_anew():
    x, y = small_task(30)
    net = Recorder(small_net())
    history = sgd(net, nn.CrossEntropyLoss(), (x, y), lr=0.1, epochs=2, batch_size=8, rng=rng(4))
    assert [len(batch) for batch in net.batches] == [8, 8, 8, 6] * 2
    epochs = [np.concatenate(net.batches[:4]).tolist(), np.concatenate(net.batches[4:]).tolist()]
    assert all(sorted(epoch) == sorted(x[:, 0]) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert history.updates == [0, 4, 8] and history.epochs == [0, 1, 2]


def test_gradient_descent_is_sgd_with_one_batch_of_everything():
    x, y = small_task()
    nets = small_net(), small_net()
    gradient_descent(nets[0], nn.CrossEntropyLoss(), (x, y), lr=0.5, epochs=20)
    sgd(nets[1], nn.CrossEntropyLoss(), (x, y), lr=0.5, epochs=20, batch_size=len(x), rng=rng(5))
    for name, value in nets[0].state_dict().items():  # the order of the sum over samples differs
        np.testing.assert_allclose(value, nets[1].state_dict()[name], atol=1e-13)


def test_an_update_is_minus_lr_times_the_gradient():
    (x, y), net, loss = small_task(), small_net(), nn.CrossEntropyLoss()
    before = net.state_dict()
    value = update(net, loss, SGD(net.parameters(), lr=0.25), x, y)
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(parameter.data, before[name] - 0.25 * parameter.grad)
    net.load_state_dict(before)
    assert value == pytest.approx(evaluate(net, loss, x, y)[0])


def test_gradients_of_one_update_do_not_run_into_the_next():
    (x, y), net, loss = small_task(), small_net(), nn.CrossEntropyLoss()
    still = SGD(net.parameters(), lr=0.0)
    update(net, loss, still, x, y)
    first = [parameter.grad.copy() for parameter in net.parameters()]
    update(net, loss, still, x, y)
    assert all(np.array_equal(a, p.grad) for a, p in zip(first, net.parameters()))


@pytest.mark.parametrize("chunk_size", [1, 7, 29, 30, 100])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradients_of_a_batch_s_chunks_add_up_to_the_batch_s_own(chunk_size, reduction):
    (x, y), net, loss = small_task(30), small_net(), nn.CrossEntropyLoss(reduction=reduction)
    still = SGD(net.parameters(), lr=0.0)
    whole = update(net, loss, still, x, y)
    gradients = [parameter.grad.copy() for parameter in net.parameters()]
    assert update(net, loss, still, x, y, chunk_size) == pytest.approx(whole)
    for parameter, gradient in zip(net.parameters(), gradients):
        np.testing.assert_allclose(parameter.grad, gradient, rtol=0, atol=1e-13)


# That it learns


def test_small_steps_of_gradient_descent_never_raise_the_loss():
    (x, y), net = small_task(), small_net()
    history = gradient_descent(net, nn.CrossEntropyLoss(), (x, y), lr=0.1, epochs=50, watch={"train": (x, y)})
    losses = history.loss["train"]
    assert all(later < earlier for earlier, later in pairwise(losses))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd_learns_the_digits_and_the_weights_keep_their_dtype(digit_sets, dtype):
    (x, y), (test_x, test_y) = digit_sets
    net = MLP(64, 32, 10, dtype=dtype, rng=rng(1))
    test = test_x.astype(dtype), test_y
    history = sgd(net, nn.CrossEntropyLoss(), (x.astype(dtype), y), lr=0.1, momentum=0.9, epochs=10,
                  rng=rng(2), watch={"test": test})  # fmt: skip
    assert history.accuracy["test"][0] < 0.3 < 0.93 < history.accuracy["test"][-1]
    assert all(parameter.dtype == dtype for parameter in net.parameters())


def test_a_loss_with_real_targets_trains_too_and_has_no_accuracy():
    x = rng(1).standard_normal((40, 4))
    target = x @ rng(2).standard_normal((4, 3))
    history = sgd(MLP(4, 3, dtype=np.float64, rng=rng(3)), nn.HalfSquaredError(), (x, target), lr=0.02, epochs=60,
                  batch_size=10, rng=rng(4), watch={"train": (x, target)})  # fmt: skip
    assert history.loss["train"][-1] < 1e-6 * history.loss["train"][0]
    assert math.isnan(history.accuracy["train"][-1])


def test_the_same_rng_gives_the_same_training():
    def train():
        net = small_net()
        sgd(net, nn.CrossEntropyLoss(), small_task(), lr=0.3, epochs=3, batch_size=7, rng=rng(6))
        return net.state_dict()

    first, second = train(), train()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_training_leaves_out_the_gradient_of_the_data_and_no_other():
    x, y = rng(1).standard_normal((5, 2, 6, 6)), rng(2).integers(0, 3, 5)
    loss = nn.CrossEntropyLoss()

    def gradients(context, net):
        with context:
            loss(net(x), y)
        dx = net.backward(loss.backward()[0])
        return dx, [parameter.grad for parameter in net.parameters()]

    for first in (nn.Conv2d(2, 2, 3, padding=1, rng=rng(3)), nn.Linear(6, 6, rng=rng(3)), nn.Flatten()):
        net = nn.Sequential(first, nn.Flatten(), nn.Linear(72, 3, rng=rng(4))).to(np.float64)
        dx, expected = gradients(nullcontext(), net)
        net.zero_grad()
        none, without = gradients(no_input_grad(x), net)
        assert np.any(dx) and none.shape == x.shape and none.dtype == x.dtype and not np.any(none)
        for value, same in zip(without, expected, strict=True):
            np.testing.assert_array_equal(value, same)


def test_what_an_update_moves_is_what_its_gradients_say():
    (x, y), net, plain = small_task(), small_net(), small_net()
    loss = nn.CrossEntropyLoss()
    update(net, loss, SGD(net.parameters(), 0.1), x, y)
    loss(plain(x), y)
    plain.backward(loss.backward()[0])
    for moved, parameter in zip(net.parameters(), plain.parameters(), strict=True):
        np.testing.assert_array_equal(moved.data, parameter.data - 0.1 * parameter.grad)


# What is recorded


def test_the_history_begins_before_training_and_has_one_entry_per_epoch():
    x, y = small_task()
    sets = {"train": (x, y), "half": (x[:15], y[:15])}
    net = small_net()
    start = evaluate(net, nn.CrossEntropyLoss(), x, y)
    history = sgd(net, nn.CrossEntropyLoss(), (x, y), lr=0.1, epochs=4, batch_size=10, watch=sets)
    assert history.epochs == [0, 1, 2, 3, 4] and history.updates == [0, 3, 6, 9, 12]
    assert (history.loss["train"][0], history.accuracy["train"][0]) == start
    end = evaluate(net, nn.CrossEntropyLoss(), x[:15], y[:15])
    assert (history.loss["half"][-1], history.accuracy["half"][-1]) == end
    assert all(len(values) == 5 for kind in (history.loss, history.accuracy) for values in kind.values())


def test_seconds_are_those_of_the_clock_while_training():
    ticks = iter(range(0, 1000, 10))
    history = gradient_descent(
        small_net(), nn.CrossEntropyLoss(), small_task(), lr=0.1, epochs=3, clock=lambda: next(ticks)
    )
    assert history.seconds == [0, 10, 20, 30]


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_evaluation_in_batches_is_evaluation_of_everything(batch_size, reduction):
    (x, y), net = small_task(), small_net()
    loss = nn.CrossEntropyLoss(reduction=reduction)
    out = net(x)
    expected = float(loss(out, y)), float((out.argmax(1) == y).mean())
    assert evaluate(net, loss, x, y, batch_size) == pytest.approx(expected)


def test_evaluation_keeps_nothing_for_backward_and_leaves_each_layer_in_its_mode():
    net = small_net()
    frozen = net.layers.children().__next__()[1].eval()
    evaluate(net, nn.CrossEntropyLoss(), *small_task())
    assert net.training and not frozen.training
    with pytest.raises(RuntimeError, match="without a forward"):
        net.backward(np.ones((30, 3)))


def test_evaluation_without_samples_is_refused():
    with pytest.raises(ValueError, match="at least one expected"):
        evaluate(small_net(), nn.CrossEntropyLoss(), np.zeros((0, 4)), np.zeros(0, int))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_training_that_diverges_says_so_and_where():
    x, y = small_task()
    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at update \d+ .*use a smaller lr"):
        gradient_descent(MLP(4, 5, 3, dtype=np.float64), nn.HalfSquaredError(), (x, np.eye(3)[y]), lr=1e3, epochs=99)


@pytest.mark.parametrize("progress", [False, True])
def test_the_progress_bar_is_on_stderr_and_silent_where_it_is_not_wanted(capsys, progress):
    x, y = small_task()
    net = small_net()
    fit(net, nn.CrossEntropyLoss(), DataLoader((x, y), 10), SGD(net.parameters(), 0.1), 2, progress=progress)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("epoch 2/2" in printed.err) == progress
