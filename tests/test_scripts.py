"""What scripts/oracle and scripts/test promise about the environment they make, on a copy of the scripts.

A stand-in for Python goes first on the PATH: it makes environments that hold only itself, and its pip installs a
command that prints how it was called. So every test is offline and takes a fraction of a second. Two files beside it:
`pip` holds what its pip does before it succeeds, `calls` what was run.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PYTHON = r"""#!/usr/bin/env bash
stage=@stage@
case "$*" in
    "-Im venv --without-pip "*)
        echo venv >>"$stage/calls"
        mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    "-Ic import pip") ;;
    "-Im pip install "*)
        echo pip >>"$stage/calls"
        log=$(sed -n 's/.*--log \(.*\) -c constraints.txt.*/\1/p' <<<"$*")
        source "$stage/pip" || exit 1
        echo 'printf "%s\n" "$PWD" "$@"; exit 7' >"$(dirname "$0")/oracle" ;;
    "-m pytest "*) echo "$*" >>"$stage/calls"; echo "= 3 passed in 0.1s =" ;;
    "-m "*) echo "$*" >>"$stage/calls"; [[ ! -e $stage/fail-$2 ]] ;;
    */bin/oracle*) exec bash "$@" ;;
    *) exec @python@ "$@" ;;
esac
"""
TOO_OLD = "#!/bin/sh\nexit 1\n"


class Stage:
    """A copy of the scripts in a folder with a space in its name, and the stand-in for Python."""

    def __init__(self, folder: Path):
        self.bin, self.calls_file, self.pip_file = folder / "bin", folder / "calls", folder / "pip"
        self.repo, self.elsewhere = folder / "a repository", folder / "else where"
        self.elsewhere.mkdir()
        shutil.copytree(ROOT / "scripts", self.repo / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            (self.repo / name).write_text(f"# {name}\n")
        self.pip_does("true")
        self.bin.mkdir()
        self.python = PYTHON.replace("@stage@", f"'{folder}'").replace("@python@", f"'{sys.executable}'")
        self.command("python3", self.python)
        self.env = os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}"}

    @property
    def state(self) -> Path:
        return self.repo / ".venv" / "setup-state"

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def pip_does(self, text: str) -> None:
        self.pip_file.write_text(text + "\n")

    def start(self, *args: str, script: str = "oracle") -> subprocess.Popen[str]:
        return subprocess.Popen([self.repo / "scripts" / script, *args], cwd=self.elsewhere, env=self.env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def run(self, *args: str, script: str = "oracle") -> subprocess.CompletedProcess[str]:
        process = self.start(*args, script=script)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def calls(self) -> list[str]:
        """What was run since the last time this was asked."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        self.calls_file.unlink(missing_ok=True)
        return text.splitlines()

    def wait_for_pip(self) -> None:
        deadline = time.monotonic() + 30
        while not (self.calls_file.exists() and "pip" in self.calls_file.read_text()):
            assert time.monotonic() < deadline, "pip was never started"
            time.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def ready(stage: Stage) -> Stage:
    """The same, set up once."""
    assert stage.run().returncode == 7
    assert stage.calls() == ["venv", "pip"]
    return stage


def test_first_call_sets_up_and_passes_on_arguments_folder_and_exit_code(stage):
    done = stage.run("check", "my layers.py", "--json", "-")
    assert (done.returncode, done.stdout.splitlines()) == (
        7, [str(stage.elsewhere), "check", "my layers.py", "--json", "-"])
    assert stage.calls() == ["venv", "pip"]
    assert "setup: installing" in done.stderr


def test_later_call_does_nothing_and_says_nothing(ready):
    assert ready.run().stderr == ""
    assert ready.calls() == []


def test_calls_at_once_set_up_once(stage):
    stage.pip_does("sleep 0.3")
    processes = [stage.start(str(i)) for i in range(3)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [7, 7, 7], outputs
    assert stage.calls() == ["venv", "pip"]
    assert sum("waiting" in err for _, err in outputs) == 2


def test_killed_in_the_middle_starts_anew(stage):
    stage.pip_does("sleep 60")
    process = stage.start()
    stage.wait_for_pip()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert stage.state.read_text() == "unfinished\n"
    (stage.repo / ".venv" / "half-made").touch()
    stage.pip_does("true")
    stage.calls()

    assert stage.run().returncode == 7
    assert stage.calls() == ["venv", "pip"]
    assert not (stage.repo / ".venv" / "half-made").exists()


def test_an_installation_that_outlives_its_script_is_waited_for(stage):
    stage.pip_does('sleep 0.5; echo late >>"$stage/calls"')
    process = stage.start()
    stage.wait_for_pip()
    process.kill()
    process.wait()

    done = stage.run()
    assert done.returncode == 7 and "waiting" in done.stderr
    assert stage.calls() == ["venv", "pip", "late", "venv", "pip", "late"]


def test_moved_folder_starts_anew(ready):
    ready.repo = ready.repo.rename(ready.repo.with_name("moved"))
    assert ready.run().returncode == 7
    assert ready.calls() == ["venv", "pip"]


def test_python_that_is_gone_starts_anew(ready):
    (ready.repo / ".venv/bin/python").unlink()
    (ready.repo / ".venv/bin/python").symlink_to("/nonexistent/python3")
    assert ready.run().returncode == 7
    assert ready.calls() == ["venv", "pip"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_into_the_same_environment(ready, name):
    (ready.repo / name).write_text("# changed\n")
    assert ready.run().returncode == 7
    assert ready.calls() == ["pip"]
    assert ready.run().stderr == ""


def test_environment_made_by_hand_is_kept_and_completed(ready):
    ready.state.unlink()
    mine = ready.repo / ".venv" / "mine"
    mine.touch()
    assert ready.run().returncode == 7
    assert ready.calls() == ["pip"]
    assert mine.exists()


@pytest.mark.parametrize("log, network", [("NewConnectionError", True), ("No space left on device", False)])
def test_pip_that_fails_names_its_log_and_the_network_and_can_be_retried(stage, log, network):
    stage.pip_does(f'echo "{log}" >"$log"; return 1')
    failed = stage.run("--help")
    assert (failed.returncode, failed.stdout) == (3, "")
    assert str(stage.repo / ".venv" / "setup.log") in failed.stderr and "again to retry" in failed.stderr
    assert ("network" in failed.stderr) == network
    stage.pip_does("true")
    assert stage.run().returncode == 7


def test_no_usable_python_is_said(stage):
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        stage.command(name, TOO_OLD)
    done = stage.run()
    assert done.returncode == 3
    assert "no Python 3.11 to 3.14" in done.stderr
    assert not (stage.repo / ".venv").exists()


def test_newer_python_beside_one_that_is_too_old_is_found(stage):
    for name in ("python3.13", "python3.11", "python3.14", "python3"):
        stage.command(name, TOO_OLD)
    stage.command("python3.12", stage.python)
    assert stage.run().returncode == 7


@pytest.mark.parametrize("failing", ["", "ruff", "mypy", "ruff mypy"])
def test_test_runs_all_three_and_ends_with_the_summary_of_pytest(stage, failing):
    for tool in failing.split():
        (stage.bin.parent / f"fail-{tool}").touch()
    done = stage.run("-k", "two words", script="test")
    assert stage.calls() == ["venv", "pip", "-m ruff check", "-m mypy", "-m pytest -n auto -k two words"]
    assert done.returncode == (1 if failing else 0)
    assert done.stdout.splitlines()[-1] == "= 3 passed in 0.1s ="
