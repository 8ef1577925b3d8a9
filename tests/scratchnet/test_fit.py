"""fit's options: schedules, clipping, groups, several outputs, and the history as arrays and figure."""

import numpy as np
import pytest

from scratchnet import nn
from scratchnet.data import DataLoader
from scratchnet.models import MLP
from scratchnet.optim import SGD, lr_scheduler, weight_decay_groups
from scratchnet.training import evaluate, fit, predict


def rng(seed=0):
    return np.random.default_rng(seed)


def task(n=24):
    return rng(1).standard_normal((n, 4)), rng(2).integers(0, 3, n)


def network():
    return MLP(4, 5, 3, activation=nn.Tanh, dtype=np.float64, rng=rng(3))


def train(net, epochs=3, optimizer=None, **options):
    optimizer = optimizer or SGD(net.parameters(), 0.1)
    return fit(net, nn.CrossEntropyLoss(), DataLoader(task(), 8), optimizer, epochs, **options)


def test_a_schedule_steps_after_each_epoch_and_the_history_has_the_rate_of_each():
    net = network()
    sgd = SGD(net.parameters(), 1.0)
    history = train(net, 4, sgd, scheduler=lr_scheduler.StepLR(sgd, 2))
    assert history.lr == pytest.approx([1, 1, 1, 0.1, 0.1])
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.01)


def test_a_schedule_may_step_after_each_update():
    net = network()
    sgd = SGD(net.parameters(), 1.0)
    train(net, 2, sgd, scheduler=lr_scheduler.ExponentialLR(sgd, 0.5), schedule_each="update")
    assert sgd.param_groups[0]["lr"] == 0.5**6  # three mini-batches in each of two epochs


def test_a_plateau_schedule_looks_at_the_watched_set():
    net = network()
    sgd = SGD(net.parameters(), 0.0)  # nothing improves
    sgd.param_groups[0]["lr"] = 1e-300
    plateau = lr_scheduler.ReduceLROnPlateau(sgd, patience=1, eps=0)
    history = train(net, 5, sgd, scheduler=plateau, monitor="all loss", watch={"all": task()})
    assert plateau.best == history.loss["all"][1] and plateau.last_epoch == 5
    assert sgd.param_groups[0]["lr"] == pytest.approx(1e-302, rel=1e-12)


def test_clip_norm_bounds_the_length_of_an_update():
    net, options = network(), {"clip_norm": 1e-3}
    before = net.state_dict()
    train(net, 1, SGD(net.parameters(), 1.0), **options)
    moved = np.sqrt(sum(((value - before[name]) ** 2).sum() for name, value in net.state_dict().items()))
    assert 1e-3 < moved <= 3e-3  # three updates, which point about the same way


def test_clip_value_bounds_each_number():
    net = network()
    before = net.state_dict()
    train(net, 1, SGD(net.parameters(), 1.0), clip_value=1e-4)
    moved = [np.abs(value - before[name]).max() for name, value in net.state_dict().items()]
    assert max(moved) == pytest.approx(3e-4)


def test_weights_decay_and_biases_do_not():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    sgd = SGD(weight_decay_groups(net, 0.5), lr=1.0)
    before = net.state_dict()
    for parameter in net.parameters():
        parameter.grad = np.zeros_like(parameter.data)
    sgd.step()
    for name, value in net.state_dict().items():
        decays = name in ("0.weight", "3.weight")
        np.testing.assert_array_equal(value, before[name] / 2 if decays else before[name], err_msg=name)


def test_a_network_of_biases_alone_has_one_group():
    assert [len(group["params"]) for group in weight_decay_groups(nn.BatchNorm1d(3), 0.1)] == [2]
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        weight_decay_groups(nn.ReLU(), 0.1)


def test_the_batches_entry_is_the_mean_over_the_samples_before_each_update():
    net = network()
    x, y = task(20)  # batches of 8, 8 and 4
    still = SGD(net.parameters(), 0.0)
    history = fit(net, nn.CrossEntropyLoss(), DataLoader((x, y), 8), still, 1)
    loss, accuracy = evaluate(net, nn.CrossEntropyLoss(), x, y)
    assert np.isnan(history.loss["batches"][0])
    assert history.loss["batches"][1] == pytest.approx(loss)
    assert history.accuracy["batches"][1] == pytest.approx(accuracy)


def test_the_history_as_arrays_has_one_length_and_plain_dtypes():
    arrays = train(network(), 3, watch={"test": task()}).arrays()
    assert set(arrays) == {"epochs", "updates", "seconds", "lr", "batches loss", "batches accuracy", "test loss",
                           "test accuracy"}  # fmt: skip
    assert {array.shape for array in arrays.values()} == {(4,)}
    assert arrays["epochs"].dtype == arrays["updates"].dtype == np.int64
    assert arrays["updates"].tolist() == [0, 3, 6, 9]


def test_the_history_as_a_figure_shows_each_watched_set(tmp_path):
    pytest.importorskip("matplotlib")
    figure = train(network(), 2, watch={"train": task(), "test": task()}).figure()
    assert [panel.get_ylabel() for panel in figure.axes] == ["loss", "accuracy in %"]
    for panel in figure.axes:
        assert [line.get_label() for line in panel.lines] == ["batches", "train", "test"]
    figure.savefig(tmp_path / "run.png")


def test_predictions_are_those_of_eval_mode_and_the_mode_stays():
    net = nn.Sequential(nn.Dropout(0.9, rng=rng()), nn.Linear(4, 2, dtype=np.float64))
    x = task()[0]
    np.testing.assert_array_equal(predict(net, x, batch_size=24), net[1](x))
    assert net.training and net[0].training


class TwoHeads(nn.Module):
    """Two outputs from one input, whose losses add up."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Linear(4, 3, dtype=np.float64, rng=rng(k)) for k in (1, 2))

    def forward(self, x):
        return self.a(x), self.b(x)

    def backward(self, da, db):
        return self.a.backward(da) + self.b.backward(db)


class BothLosses(nn.Module):
    reduction = "mean"

    def __init__(self):
        super().__init__()
        self.loss = nn.CrossEntropyLoss()

    def forward(self, outs, y):
        return sum(self.loss(out, y) for out in outs)

    def backward(self, dout):
        return tuple(self.loss.backward(dout)[0] for _ in range(2))[::-1], None


def test_a_network_of_several_outputs_trains():
    x, net = task()[0], TwoHeads()
    y = (x @ rng(5).standard_normal((4, 3))).argmax(1)
    history = fit(net, BothLosses(), DataLoader((x, y), 8, shuffle=True, rng=rng()), SGD(net.parameters(), 0.5), 60,
                  watch={"train": (x, y)})  # fmt: skip
    assert history.accuracy["train"][-1] > 0.9 > history.accuracy["train"][0]
    assert [(head(x).argmax(1) == y).mean() > 0.9 for head in (net.a, net.b)] == [True, True]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"watch": {"batches": task()}}, "the mini-batches themselves"),
        ({"schedule_each": "batch"}, '"epoch" or "update" expected'),
        ({"monitor": None, "plateau": True}, 'monitor="<watched set> loss"'),
        ({"monitor": "test loss", "plateau": True}, '"test loss" is not recorded'),
    ],
)
def test_options_that_do_not_go_together_are_said_before_training(options, said):
    net = network()
    sgd = SGD(net.parameters(), 0.1)
    if options.pop("plateau", False):
        options["scheduler"] = lr_scheduler.ReduceLROnPlateau(sgd)
    with pytest.raises(ValueError, match=said):
        train(net, 1, sgd, **options)
