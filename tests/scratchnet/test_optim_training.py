"""A network trained by each optimizer, with clipped gradients and a schedule, step for step with torch."""

import numpy as np
import pytest
import torch

from scratchnet import nn, optim

OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.05}, "AdamW": {"lr": 0.05}, "RMSprop": {"lr": 0.01},
    "Adagrad": {"lr": 0.1}, "Adadelta": {}, "Adamax": {"lr": 0.05}, "NAdam": {"lr": 0.05}, "RAdam": {"lr": 0.05},
    "Rprop": {"lr": 0.01}, "ASGD": {"lr": 0.1},
}  # fmt: skip
UPDATES = 20


def network(library, **options):
    layers = library.Linear(6, 8, **options), library.Tanh(), library.Linear(8, 3, **options)
    return library.Sequential(*layers)


@pytest.fixture
def torch_in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_losses_of_20_updates_agree_with_torch_to_1e_12(name, torch_in_float64):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 6)), rng.integers(0, 3, 30)
    ours, theirs = network(nn, dtype=np.float64, rng=rng), network(torch.nn)
    theirs.load_state_dict({key: torch.tensor(value) for key, value in ours.state_dict().items()})
    losses = []

    loss, optimizer = nn.CrossEntropyLoss(), getattr(optim, name)(ours.parameters(), **OPTIMIZERS[name])
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    for _ in range(UPDATES):
        optimizer.zero_grad()
        losses.append(float(loss(ours(x), y)))
        ours.backward(loss.backward(1.0)[0])
        nn.utils.clip_grad_norm_(ours.parameters(), 0.5)
        optimizer.step()
        schedule.step()

    optimizer = getattr(torch.optim, name)(theirs.parameters(), **OPTIMIZERS[name])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    expected = []
    for _ in range(UPDATES):
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        expected.append(value.item())
        value.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        optimizer.step()
        schedule.step()

    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-12)
