"""python -m scratchnet train: what it prints, its files, and that Ctrl-C and --resume lose nothing."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import scratchnet
from scratchnet.cli import DATA, app

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("train", "--model", "mlp", "--data", "digits", "--batch-size", "32")


def run(*args):
    return CliRunner().invoke(app, [*SMALL, *map(str, args)])


def weights(*args, path):
    done = run(*args, "--save", path)
    assert done.exit_code == 0, done.output
    return scratchnet.load(path)


def test_it_trains_and_shows_accuracy_and_confusions(tmp_path):
    done = run("--epochs", 8, "--figure", tmp_path / "run.png", "--save", tmp_path / "net.npz")
    assert done.exit_code == 0
    accuracy = float(done.stdout.split("test accuracy ")[1].split(" %")[0])
    assert accuracy > 90 and "of 359 samples after 8 epochs" in done.stdout and "predicted as" in done.stdout
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert scratchnet.load(tmp_path / "net.npz")["layers.1.weight"].shape == (100, 64)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(tmp_path):
    first, same, other = (weights("--epochs", 1, "--seed", s, path=tmp_path / f"{k}.npz") for k, s in enumerate("112"))
    assert all(np.array_equal(first[name], same[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


OPTIONS = {
    "adam": ("--optimizer", "adam", "--weight-decay", "0.001", "--dtype", "float64"),
    "plateau": ("--schedule", "plateau", "--clip-norm", "1"),
    "everything": ("--schedule", "cosine", "--crop", "1", "--flip", "--patience", "2"),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_resumed_is_never_stopped(tmp_path, options):
    whole = weights(*options, "--epochs", 3, path=tmp_path / "whole.npz")
    kept = ("--checkpoint", tmp_path / "kept.npz", "--checkpoint-every", 7, "--resume")
    with pytest.MonkeyPatch.context() as patch:  # Ctrl-C in the second epoch
        calls, real = [], scratchnet.training.fit.__globals__["forward_backward"]

        def interrupted(*args):
            calls.append(1)
            if len(calls) == 60:
                raise KeyboardInterrupt
            return real(*args)

        patch.setitem(scratchnet.training.fit.__globals__, "forward_backward", interrupted)
        done = run(*options, "--epochs", 3, *kept)
    assert done.exit_code == 130 and "goes on" in done.stderr
    state = scratchnet.load(kept[1])
    assert state["history"]["updates"][-1] + state["running"]["updates"] == 56  # the last multiple of 7 before it
    resumed = weights(*options, "--epochs", 3, *kept, path=tmp_path / "resumed.npz")
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_a_real_ctrl_c_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "kept.npz"
    command = [sys.executable, "-m", "scratchnet", *SMALL, "--epochs", "100000", "--checkpoint", path]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # fmt: skip
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.3)
    before = path.stat().st_mtime_ns
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped; --resume --checkpoint" in err and "Traceback" not in err
    assert scratchnet.load(path)["history"]["epochs"][0] == 0 and path.stat().st_mtime_ns > before
    assert [file.name for file in tmp_path.iterdir()] == ["kept.npz"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--model", "lenet"), "one of mlp, lenet5, lenet5-tanh, resnet18 expected"),
        (("--data", "cifar"), "one of mnist5k, digits expected"),
        (("--dtype", "float16"), "one of float32, float64 expected"),
        (("--resume",), "it needs --checkpoint FILE"),
        (("--checkpoint-every", "5"), "it needs --checkpoint FILE"),
        (("--checkpoint", "kept.npz", "--checkpoint-every", "0"), "greater than or equal to 1"),
        (("--checkpoint", "."), "is a directory"),
        (("--save", "no/such/folder/net.npz"), "there is no folder no/such/folder"),
        (("--figure", "run.bmp"), "'bmp' given, one of"),
        (("--crop", "8"), "less than the 8 pixels of an image expected"),
        (("--clip-norm", "-1"), "greater than or equal to 0"),
        (("--epochs", "many"), "a valid integer"),
    ],
)
def test_wrong_usage_says_what_is_expected(args, said):
    done = run(*args)
    assert done.exit_code == 2 and said in " ".join(done.stderr.replace("│", " ").split())


def says_in_one_line(done, said):
    return done.exit_code == 1 and said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_a_test_set_that_is_too_large_is_said():
    assert says_in_one_line(run("--test-size", 5000), "test_size=5000: 1 to 1796 expected, of 1797 samples")


def test_a_data_set_that_is_not_installed_is_said(monkeypatch):
    def missing(dtype):
        raise ModuleNotFoundError("digits() reads its images from the package sklearn, which is not installed")

    monkeypatch.setitem(DATA, "digits", missing)
    assert says_in_one_line(run(), "from the package sklearn, which is not installed")


def test_a_figure_without_matplotlib_is_said_before_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(scratchnet.training, "fit", None)
    assert says_in_one_line(run("--figure", tmp_path / "run.png"), "a figure needs matplotlib, which is not installed")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "kept.npz"
    assert run("--epochs", 0, "--checkpoint", path).exit_code == 0
    return path


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--model", "resnet18"), "it has net MLP, this one net ResNet"),
        (("--optimizer", "adam"), "it has optimizer SGD, this one optimizer Adam"),
        (("--schedule", "cosine"), "it has nothing else, this one scheduler CosineAnnealingLR"),
        (("--flip",), "this one random generator batches.transform"),
    ],
)
def test_the_checkpoint_of_another_training_is_said(kept, args, said):
    done = run("--epochs", 1, "--resume", "--checkpoint", kept, *args)
    assert says_in_one_line(done, said) and "is the checkpoint of another training" in done.stderr


def test_a_file_that_is_no_checkpoint_is_said(tmp_path):
    (tmp_path / "net.npz").write_text("weights")
    done = run("--resume", "--checkpoint", tmp_path / "net.npz")
    assert says_in_one_line(done, "a .npz file by scratchnet.save expected")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_says_so():
    done = run("--lr", "1e30", "--epochs", 2)
    assert done.exit_code == 1 and "training diverged" in done.stderr


def test_a_network_that_does_not_fit_the_images_says_so():
    done = CliRunner().invoke(app, ["train", "--model", "lenet5", "--data", "digits", "--epochs", "1"])
    assert done.exit_code == 1 and "the window of 5" in done.stderr and "use a larger input" in done.stderr
