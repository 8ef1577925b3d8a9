"""A training that is interrupted and resumed ends with the bits of one that never stopped."""

import signal

import numpy as np
import pytest

from scratchnet import load, nn, save
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


def interrupt():
    raise KeyboardInterrupt


class InTraining(nn.CrossEntropyLoss):
    """Something happens at this backward, counted from 1: a backward belongs to an update, not to an evaluation."""

    def __init__(self, at, happens=interrupt):
        super().__init__()
        self.left, self.happens = at, happens

    def backward(self, dout=None):
        self.left -= 1
        if self.left == 0:
            self.happens()
        return super().backward(dout)


def done(path):
    """The updates behind the checkpoint."""
    state = load(path)
    return state["history"]["updates"][-1] + state["running"]["updates"]


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


@pytest.mark.parametrize(("kind", "one_generator"), [("plateau", True), ("onecycle", False)])
@pytest.mark.parametrize("at", range(4, 8))  # the last of an epoch of three updates, the three after it, and one more
def test_a_checkpoint_every_update_loses_nothing_in_the_middle_of_an_epoch(tmp_path, kind, one_generator, at):
    whole = Training(kind, one_generator=one_generator)
    expected = whole.end(whole.fit())
    path = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        Training(kind, one_generator=one_generator).fit(loss=InTraining(at), checkpoint=path, checkpoint_every=1)
    assert done(path) == at - 1
    resumed = Training(kind, seed=7, one_generator=one_generator)
    updates = InTraining(0)
    assert_same(resumed.end(resumed.fit(loss=updates, checkpoint=path, resume=True)), expected)
    assert -updates.left == 3 * EPOCHS - (at - 1)  # none was done again


def test_at_most_so_many_updates_are_lost(tmp_path):
    path = tmp_path / "training.npz"
    for at, kept in ((2, 0), (3, 2), (4, 3), (5, 4), (6, 4), (9, 8)):  # 3, 6, ... are ends of epochs
        with pytest.raises(KeyboardInterrupt):
            Training().fit(loss=InTraining(at), checkpoint=path, checkpoint_every=2)
        assert done(path) == kept, at


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: what a shell starts in the background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_ctrl_c_waits_for_the_end_of_its_update_and_writes_the_checkpoint(tmp_path, at):
    whole = Training()
    expected = whole.end(whole.fit())
    path = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        Training().fit(loss=InTraining(at, lambda: signal.raise_signal(signal.SIGINT)), checkpoint=path)
    assert done(path) == at
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = Training(seed=7)
    assert_same(resumed.end(resumed.fit(checkpoint=path, resume=True)), expected)


@pytest.mark.usefixtures("interruptible")
def test_a_second_ctrl_c_stops_the_write_and_leaves_the_checkpoint_before_it(tmp_path, monkeypatch):
    path, before = tmp_path / "training.npz", []

    def ctrl_c(*args, **options):
        signal.raise_signal(signal.SIGINT)

    def ctrl_c_now_and_in_the_write():
        before.append(path.read_bytes())
        monkeypatch.setattr(np.lib.format, "write_array", ctrl_c)
        ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        Training().fit(loss=InTraining(5, ctrl_c_now_and_in_the_write), checkpoint=path)
    assert path.read_bytes() == before[0] and done(path) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["training.npz"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_ctrl_c_of_the_programs_own_stays_its_own(tmp_path, monkeypatch):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *args: seen.append(args))
    try:
        Training().fit(2, loss=InTraining(2, lambda: signal.raise_signal(signal.SIGINT)), checkpoint=tmp_path / "a.npz")
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == 1 and done(tmp_path / "a.npz") == 6


def test_a_training_that_was_broken_off_begins_anew_with_a_whole_epoch(tmp_path):
    training, path = Training(), tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        training.fit(loss=InTraining(2), checkpoint=path)
    training.fit(0, checkpoint=path)
    assert load(path)["batches"] == {"order": None, "samples": 0}
    resumed = Training()
    assert resumed.fit(1, checkpoint=path, resume=True).updates == [0, 3]


def test_a_checkpoint_with_another_number_of_samples_is_refused(tmp_path):
    path = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        Training().fit(loss=InTraining(2), checkpoint=path, checkpoint_every=1)
    training = Training()
    training.loader.dataset = tuple(array[:-1] for array in training.loader.dataset)
    with pytest.raises(ValueError, match="batches: DataLoader: the order of an epoch of 40 samples, 39 expected"):
        training.fit(checkpoint=path, resume=True)


def test_other_npz_files_are_refused(tmp_path):
    path, training = tmp_path / "net.npz", Training()
    save(training.net.state_dict(), path)
    with pytest.raises(ValueError, match=r"no checkpoint, but another \.npz file"):
        training.fit(checkpoint=path, resume=True)


@pytest.mark.parametrize(("every", "path"), [(0, "a.npz"), (2, None)])
def test_checkpoint_every_needs_a_file_and_a_number_of_updates(tmp_path, every, path):
    with pytest.raises(ValueError, match=f"checkpoint_every={every} with checkpoint={path}: a number of updates"):
        Training().fit(checkpoint=path, checkpoint_every=every)


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
    said = "another training: it has early_stopping EarlyStopping, net Sequential, optimizer Adam, .*, this one net MLP"
    with pytest.raises(ValueError, match=said):
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
