"""The lock: each machine gives less than another, and what it gives is told as it is. Mechanisms that a machine might
lack are left out by a switch that only these tests use; where root runs them, nobody is tried too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oracle import cli, doctor
from oracle.checking import check
from oracle.subjects.target import open_target
from oracle.worker import client, kernel, landlock, limits, lockdown, namespaces, starting
from oracle.worker.limits import MB, IsolationError, Limits, demand, least

linux = pytest.mark.skipif(not kernel.LINUX, reason="a lock of Linux")
MACHINES = {
    "all that there is": (),
    "no bubblewrap": ("bubblewrap",),
    "no bubblewrap, no namespaces": ("bubblewrap", "namespaces"),
    "no landlock": ("landlock",),
    "no landlock, no bubblewrap": ("landlock", "bubblewrap"),
    "no landlock, no bubblewrap, no namespaces": ("landlock", "bubblewrap", "namespaces"),
    "no seccomp": ("seccomp",),
    "no fork": ("fork",),
    "no fork and no lock": ("fork", "landlock", "bubblewrap", "namespaces", "seccomp", "uid"),
    "nothing": ("landlock", "bubblewrap", "namespaces", "seccomp", "uid"),
}
# what must not have got out where a worker says that this held
PROMISED = {
    "files": ("read a file that everybody may read", "read a file of the grader's own",
              "write beside the grader's files", "write to /tmp"),
    "network": ("TCP", "UDP"),
    "processes": ("start a process", "start a program", "signal another process", "trace another process",
                  "read another process's memory", "a process that outlives the worker"),
    "namespaces": ("signal another process", "a process that outlives the worker", "an abstract socket", "TCP", "UDP"),
    "uid": ("read a file of the grader's own", "write beside the grader's files", "change the mode of a file"),
    "limits": ("more memory than the limit", "a file of 1 GB", "1000 descriptors"),
}  # fmt: skip


def examined(without):
    """The doctor's report on a machine without these, checked against itself."""
    seen = doctor.examine()
    for held in seen.held:
        assert not {*PROMISED[held]} & {*seen.got_out}, (without, held, seen)
    assert seen.level == lockdown.level(seen.held)
    assert seen.surroundings not in without
    assert "a process that outlives the worker" not in seen.got_out or "fork" in without
    assert "import torch" not in seen.got_out
    if {"landlock", "bubblewrap"} <= {*without}:
        assert "read a file that everybody may read" in seen.got_out
        assert seen.level < "L2"
    if "seccomp" in without and "namespaces" not in seen.held:
        assert "start a process" in seen.got_out
        assert seen.level < "L2"
    return seen


@pytest.fixture
def without(request, monkeypatch):
    names = MACHINES[request.param]
    monkeypatch.setattr(starting, "WITHOUT", {*names})
    return names


@linux
@pytest.mark.parametrize("without", MACHINES, indirect=True)
def test_the_doctor_tells_the_truth(without):
    examined(without)


@linux
@pytest.mark.parametrize("without", MACHINES, indirect=True)
def test_files_are_judged_alike_with_any_lock(without):
    """A right file is right, and one that ends the program is named; the report has the isolation that there was."""
    small = Limits(2.0, 200 * MB)
    right = check("examples/cs231n_right.py", ["ReLU", "MaxPool2d"], cases=12, limits=small)
    assert [spec["verdict"] for spec in right["specs"]] == ["right", "right"]
    ended = check("tests/attacks/27_exit.py", ["ReLU", "Linear"], cases=4, limits=small)
    verdicts = {spec["spec"]: spec["verdict"] for spec in ended["specs"]}
    assert verdicts == {"ReLU": "error", "Linear": "right"}
    server = starting.server()
    worker = client.Worker(server)
    level = worker.level
    worker.close()
    server.close()
    assert right["isolation"] == ended["isolation"] == level


NOBODY = """
import json, sys
sys.path[:0] = [REPOSITORY]
from oracle import doctor
from oracle.worker import starting
for without in MACHINES:
    starting.WITHOUT = {*without}
    seen = doctor.examine()
    print(json.dumps([without, seen.level, seen.surroundings, seen.held, seen.got_out]))
"""


def _python_for_others():
    """(a Python of this version that a user who owns nothing can start, this one's packages), or None."""
    packages = Path(pytest.__file__).parent.parent
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys._base_executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        if Path(python).exists() and all(map(lockdown._open_to_others, (Path(python).parent, packages, os.getcwd()))):
            return python, packages
    return None


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody; the other tests ran as an ordinary user")
def test_the_doctor_tells_nobody_the_truth():
    found = _python_for_others()
    if found is None:
        pytest.skip("no Python here that nobody may start")
    python, packages = found
    code = NOBODY.replace("REPOSITORY", repr(os.getcwd())).replace("MACHINES", repr([*MACHINES.values()]))
    environment = {"PYTHONPATH": str(packages), "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    who = {"user": 65534, "group": 65534, "extra_groups": []}
    command = [python, "-B", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, **who)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [tuple(line[0]) for line in lines] == [*MACHINES.values()]
    for left_out, level, surroundings, held, got_out in lines:
        assert level == lockdown.level(held)
        assert "uid" not in held
        assert surroundings not in left_out
        for name in held:
            if name != "uid":
                assert not {*PROMISED[name]} & {*got_out}, (left_out, name, got_out)


# What is asked for


def test_less_than_asked_for_runs_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(starting, "WITHOUT", {*MACHINES["nothing"]})
    path = tmp_path / "layers.py"
    path.write_text("def relu_forward(x):\n    return x, x\n")
    for level in ("L1", "L2", "L3"):
        with pytest.raises(IsolationError, match=f"isolation {level} is wanted, and this machine gives L0"):
            open_target(str(path), limits=Limits(require=level))
        result = CliRunner().invoke(cli.app, ["check", str(path), "--require-isolation", level])
        assert result.exit_code == 3
        assert "this machine gives L0" in result.output
    with open_target(str(path), limits=Limits(require="L0")) as target:
        assert target.isolation == "L0"


def test_torch_code_runs_in_process_and_is_refused_where_isolation_is_asked_for():
    result = CliRunner().invoke(cli.app, ["check", "examples.torch_mean:MyLinear", "--require-isolation", "L1"])
    assert result.exit_code == 3
    assert "torch code" in result.output


def test_an_unknown_level_is_bad_usage():
    result = CliRunner().invoke(cli.app, ["check", "scratchnet", "--require-isolation", "L4"])
    assert result.exit_code == 2


def test_the_exit_code_of_the_doctor(monkeypatch):
    good = doctor.Examination("L2", "process", (), {"TCP": "refused", "shared memory": ""})
    bad = doctor.Examination("L2", "process", (), {"TCP": ""})
    less = doctor.Examination("L1", "process", (), {"TCP": "refused"})
    for seen, code in ((good, 0), (bad, 3), (less, 3)):
        monkeypatch.setattr(doctor, "examine", lambda seen=seen: seen)
        result = CliRunner().invoke(cli.app, ["doctor"])
        assert result.exit_code == code
        assert seen.level in result.output


@pytest.mark.parametrize(
    "held, level",
    [
        (lockdown.HELD, "L3"),
        (("files", "network", "processes", "limits"), "L2"),
        (("files", "network", "processes", "uid", "namespaces"), "L0"),
        (("network", "processes", "namespaces", "uid", "limits"), "L1"),
        (("limits",), "L0"),
        ((), "L0"),
    ],
)
def test_the_ladder_follows_from_what_held(held, level):
    assert lockdown.level(held) == level


def test_in_process_is_less_than_any_level():
    assert least("L3", "in-process", "L0") == "in-process"
    demand("L0", "L3")
    for given in ("in-process", "L1"):
        with pytest.raises(IsolationError):
            demand("L2", given)


@linux
def test_landlock_is_found_by_asking():
    assert landlock.version() >= 0
    assert landlock.rule(landlock.READ, "/no/such/path") is None


# Memory


@pytest.mark.parametrize(
    "files, free",
    [
        ({"memory.max": "805306368", "memory.current": "536870912"}, 268435456),
        ({"memory.max": "max", "memory.current": "536870912"}, None),
        ({"memory.limit_in_bytes": "805306368", "memory.usage_in_bytes": "5368709"}, 799937659),
        ({"memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "1"}, None),
    ],
)
def test_the_limit_is_the_containers_own(tmp_path, monkeypatch, files, free):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(limits, "control_groups", lambda: [tmp_path])
    monkeypatch.setattr(limits, "_machine", lambda: [10**12])
    assert limits.free_memory() == (10**12 if free is None else free)


def test_a_kill_for_memory_is_told_from_another(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "control_groups", lambda: [tmp_path])
    assert limits.killed_for_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 4\noom_kill 3\n")
    assert limits.killed_for_memory() == 3


# What stands around


def test_one_uid_a_worker():
    uids = {starting.own_uid(number) for number in range(64)}
    assert len(uids) == 64
    assert min(uids) >= 20_000


def test_from_the_most_isolated_to_the_least():
    names = [each.name for each in namespaces.candidates([], "/tmp", "/numpy")]
    order = ["bubblewrap", "namespaces", "process"]
    assert names == sorted(names, key=order.index)
    assert names[-1] == "process"
