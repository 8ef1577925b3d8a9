"""EarlyStopping: what counts as better, when it stops, and which weights are kept."""

import math

import numpy as np
import pytest

from scratchnet import nn
from scratchnet.data import DataLoader
from scratchnet.models import MLP
from scratchnet.optim import SGD
from scratchnet.training import EarlyStopping, History, evaluate, fit

# losses seen, patience, min_delta -> (epoch after which it stops, best epoch)
CASES = {
    "after patience": ([3, 2, 2.5, 2.4, 1], 2, 0, (3, 1)),
    "the last chance": ([3, 2, 2.5, 1.9, 2], 2, 0, (None, 3)),
    "equal is not better": ([2, 2, 2], 2, 0, (2, 0)),
    "less than min_delta is not better": ([2, 1.9, 1.8], 2, 0.5, (2, 0)),
    "slowly, but more than min_delta from the best": ([2, 1.7, 1.4], 2, 0.5, (None, 2)),
    "nan is never better": ([2, math.nan, math.nan], 2, 0, (2, 0)),
}


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
@pytest.mark.parametrize(("losses", "patience", "min_delta", "expected"), CASES.values(), ids=CASES)
def test_it_stops_where_the_monitor_has_not_improved(metric, losses, patience, min_delta, expected):
    stopping, net, stopped = EarlyStopping(f"valid {metric}", patience, min_delta), nn.ReLU(), None
    history = History(loss={"valid": []}, accuracy={"valid": []})
    for epoch, loss in enumerate(losses):
        history.epochs.append(epoch)
        history.record("valid", loss, -loss)
        if stopping.update(history, net):
            stopped = epoch
            break
    assert (stopped, stopping.best_epoch) == expected


@pytest.mark.parametrize("restore_best", [True, False])
def test_fit_ends_with_the_weights_of_the_best_epoch(restore_best):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 10)), rng.integers(0, 3, 60)  # nothing to learn but the samples themselves
    valid, net, loss = (x[30:], y[30:]), MLP(10, 30, 3, dtype=np.float64, rng=rng), nn.CrossEntropyLoss()
    stopping = EarlyStopping("valid loss", patience=4, restore_best=restore_best)
    history = fit(net, loss, DataLoader((x[:30], y[:30]), 10, shuffle=True, rng=rng), SGD(net.parameters(), 0.3), 100,
                  watch={"valid": valid}, early_stopping=stopping)  # fmt: skip
    losses = history.loss["valid"]
    assert stopping.stopped and history.epochs[-1] == stopping.best_epoch + 4 < 100
    assert stopping.best == min(losses) == losses[stopping.best_epoch]
    assert evaluate(net, loss, *valid)[0] == (stopping.best if restore_best else losses[-1])


@pytest.mark.parametrize(
    "settings", [{"monitor": "valid"}, {"monitor": "valid error"}, {"patience": 0}, {"min_delta": -1}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match="expected"):
        EarlyStopping(**settings)


def test_a_monitor_that_nobody_watches_is_said_before_training():
    net = MLP(4, 2)
    batches = DataLoader((np.zeros((4, 4), np.float32), np.zeros(4, int)), 2)
    with pytest.raises(ValueError, match='"valid loss" is not recorded; expected is one of "batches loss"'):
        fit(net, nn.CrossEntropyLoss(), batches, SGD(net.parameters()), 1, early_stopping=EarlyStopping())
