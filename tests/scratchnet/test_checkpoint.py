"""A training that is interrupted and resumed ends with the bits of one that never stopped."""

import numpy as np
import pytest

from scratchnet import load, nn
from scratchnet.data import Compose, DataLoader, RandomCrop, RandomHorizontalFlip
from scratchnet.models import MLP
from scratchnet.optim import SGD, Adam, lr_scheduler, weight_decay_groups
from scratchnet.training import EarlyStopping, fit

EPOCHS = 6


def rng(seed=0):
    return np.random.default_rng(seed)


class Training:
    """A small training of everything: what is kept between epochs, and a loss that can be interrupted."""

    def __init__(self, kind="step", seed=0, one_generator=False):
        draws = [rng(seed)] * 6 if one_generator else rng(seed).spawn(6)
        x, y = rng(9).random((40, 1, 6, 6)), rng(8).integers(0, 3, 40)
        self.valid = x[:10], y[:10]
        crop, flip = RandomCrop(6, 1, rng=draws[0]), RandomHorizontalFlip(rng=draws[1])
        self.loader = DataLoader((x, y), 16, shuffle=True, transform=Compose([crop, flip]), rng=draws[2])
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3, dtype=np.float64, rng=draws[3]), nn.BatchNorm2d(4, dtype=np.float64), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.5, rng=draws[4]), nn.Linear(64, 3, dtype=np.float64, rng=draws[5]),
        )  # fmt: skip
        groups = weight_decay_groups(self.net, 1e-2)
        self.options = {}
        if kind == "onecycle":
            self.optimizer = SGD(groups, 0.1, momentum=0.9)
            updates = EPOCHS * len(self.loader)
            self.scheduler = lr_scheduler.OneCycleLR(self.optimizer, 0.2, total_steps=updates + 1)
            self.options = {"schedule_each": "update", "clip_norm": 1.0}
        else:
            self.optimizer = Adam(groups, 0.01, amsgrad=True)
            self.scheduler = {
                "step": lambda: lr_scheduler.StepLR(self.optimizer, 2),
                "multistep": lambda: lr_scheduler.MultiStepLR(self.optimizer, [2, 3]),
                "plateau": lambda: lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=0, threshold=0.1),
            }[kind]()
            self.options = {"monitor": "valid loss"} if kind == "plateau" else {}
        self.stopping = EarlyStopping("valid loss", patience=EPOCHS)

    def fit(self, epochs=EPOCHS, loss=None, **options):
        return fit(self.net, loss or nn.CrossEntropyLoss(), self.loader, self.optimizer, epochs,
                   watch={"valid": self.valid}, scheduler=self.scheduler, early_stopping=self.stopping,
                   **self.options, **options)  # fmt: skip

    def end(self, history):
        """Everything that must be the same, bit for bit; seconds are those of a clock."""
        arrays = {name: array for name, array in history.arrays().items() if name != "seconds"}
        state = self.optimizer.state_dict()
        for number, entry in state["state"].items():
            arrays |= {f"{number} {name}": array for name, array in entry.items()}
        arrays["draws"] = self.loader.rng.random(3)
        return arrays | self.net.state_dict() | {"lr now": np.array([group["lr"] for group in state["param_groups"]])}


class Interrupted(nn.CrossEntropyLoss):
    """Ctrl-C comes in the middle of an epoch, at this forward."""

    def __init__(self, at):
        super().__init__()
        self.left = at

    def forward(self, x, target):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().forward(x, target)


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].dtype == second[name].dtype, name
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("kind", ["step", "multistep", "plateau", "onecycle"])
@pytest.mark.parametrize("one_generator", [False, True], ids=["generators", "one-generator"])
def test_stopped_and_resumed_is_bit_for_bit_never_stopped(tmp_path, kind, one_generator):
    whole = Training(kind, one_generator=one_generator)
    expected = whole.end(whole.fit())
    path = tmp_path / "training.npz"
    Training(kind, one_generator=one_generator).fit(2, checkpoint=path)
    # Another seed: whatever the new process drew, the checkpoint takes its place.
    resumed = Training(kind, seed=7, one_generator=one_generator)
    assert_same(resumed.end(resumed.fit(checkpoint=path, resume=True)), expected)


@pytest.mark.parametrize("at", [1, 2, 6, 7, 15])
def test_ctrl_c_at_any_time_keeps_the_checkpoint_and_nothing_is_lost_but_the_epoch(tmp_path, at):
    whole = Training()
    expected = whole.end(whole.fit())
    path = tmp_path / "training.npz"
    interrupted = Training()
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(loss=Interrupted(at), checkpoint=path)
    resumed = Training()
    assert_same(resumed.end(resumed.fit(checkpoint=path, resume=True)), expected)
    assert [file.name for file in tmp_path.iterdir()] == ["training.npz"]


def test_a_write_that_is_interrupted_leaves_the_checkpoint_before_it(tmp_path, monkeypatch):
    path = tmp_path / "training.npz"
    training = Training()
    training.fit(2, checkpoint=path)
    before = path.read_bytes()

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.fit(3, checkpoint=path, resume=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["training.npz"]


def test_a_checkpoint_of_a_finished_training_gives_its_end_again(tmp_path):
    path = tmp_path / "training.npz"
    training = Training()
    expected = training.end(training.fit(checkpoint=path))
    again = Training(seed=3)
    assert_same(again.end(again.fit(checkpoint=path, resume=True)), expected)


def test_without_resume_a_checkpoint_that_is_there_is_begun_anew(tmp_path):
    path = tmp_path / "training.npz"
    Training().fit(1, checkpoint=path)
    assert Training().fit(2, checkpoint=path).epochs == [0, 1, 2]
    assert load(path)["history"]["epochs"] == [0, 1, 2]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "training.npz"
    Training().fit(1, checkpoint=path)
    net = MLP(36, 3, dtype=np.float64)
    batches = DataLoader((rng(0).random((4, 36)), np.zeros(4, int)), 4)
    with pytest.raises(ValueError, match="checkpoint of another training: it has early_stopping, net, optimizer, sch"):
        fit(net, nn.CrossEntropyLoss(), batches, SGD(net.parameters()), 1, checkpoint=path, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "training.npz"
    Training().fit(1, checkpoint=path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"a \.npz file by scratchnet\.save expected; it is damaged"):
        Training().fit(1, checkpoint=path, resume=True)


def test_resume_without_a_file_is_refused_and_with_a_name_without_file_begins(tmp_path):
    with pytest.raises(ValueError, match="resume=True without checkpoint="):
        Training().fit(resume=True)
    assert Training().fit(1, checkpoint=tmp_path / "new.npz", resume=True).epochs == [0, 1]
