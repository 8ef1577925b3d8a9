"""Files that attack the grader: tests/attacks, numbered as in the catalogue of attacks. No cheat is ever right, the
other layer of its file is judged all the same, nothing outside is written, nothing is left running, and the report says
what happened."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from oracle.checking import check
from oracle.worker import client, starting
from oracle.worker.limits import MB, Limits

ATTACKS = Path("tests/attacks")
RESULTS = "oracle-attack-results.json"  # what some of them try to write
CONFINED = "starts no program"  # the words for what the lock refuses

# file -> (verdict of its ReLU, what the report says of it)
OUTCOMES = {
    "01_torch": ("error", "No module named 'torch'"),
    "02_another_library": ("error", "jax"),
    "02_installed_beside": ("error", "No module named 'torch'"),
    "04_system_library": ("error", "cannot open shared object file"),
    "05_another_python": ("error", CONFINED),
    "06_patched_numpy": ("wrong", "out"),
    "07_patched_builtins": ("wrong", "out"),
    "08_frames": ("wrong", "out"),
    "09_arrays_in_frames": ("wrong", "out"),
    "10_garbage_collector": ("wrong", "out"),
    "11_overwrites_expected": ("wrong", "out"),
    "12_source_of_the_judge": ("error", "No module named 'oracle.reference'"),
    "13_tests_on_disk": ("error", "No such file|" + CONFINED),
    "13_homework_of_others": ("error", "No such file|" + CONFINED),
    "13_home": ("error", "No such file|" + CONFINED),
    "14_proc": ("error", "No such file|" + CONFINED),
    "14_own_memory": ("error", "No such file|" + CONFINED),
    "15_environment": ("error", "KeyError.*ORACLE_TEST_SECRET"),
    "16_traceback": ("error", r"IndexError.*line \d+: `return deeper\(n - 1\) if n else \[\]\[0\]`"),
    "17_message": ("error", "ValueError"),
    "18_prints": ("right", ""),
    "20_table": ("wrong", "out"),
    "23_counts_calls": ("wrong", "out|another answer"),
    "24_results": ("wrong", "out"),
    "25_at_exit": ("wrong", "out"),
    "26_read_only": ("error", CONFINED),
    "27_exit": ("error", r"ended the program \(os._exit or sys.exit\) with exit code 0"),
    "27_exit_in_backward": ("error", r"ended the program \(os._exit or sys.exit\) with exit code 0"),
    "27_exit_at_import": ("right", ""),
    "28_sys_exit": ("error", r"ended the program: sys.exit\(0\)"),
    "29_skip": ("error", "not today"),
    "29_interrupt": ("error", "KeyboardInterrupt"),
    "29_generator_exit": ("error", "GeneratorExit"),
    "30_says_right": ("wrong", "out"),
    "31_private_channel": ("error", "wrote to the grader's channel"),
    "32_answers_ahead": ("error", "wrote to the grader's channel"),
    "33_pickle": ("error", "wrote to the grader's channel"),
    "35_shape": ("error", "wrote to the grader's channel"),
    "36_huge_output": ("error", "MB"),
    "37_prints_without_end": ("error", "printed more than 4 MB"),
    "38_escapes": ("error", "ValueError"),
    "39_nan": ("wrong", "out"),
    "40_inf": ("wrong", "out"),
    "41_subclass": ("wrong", "out"),
    "42_array_method": ("error", "out is a Later, an array was expected"),
    "43_equals_all": ("error", "out is a Equal, an array was expected"),
    "44_masked": ("error", "masked"),
    "45_scalar": ("wrong", "wrong shape"),
    "45_broadcast": ("wrong", "out"),
    "46_empty": ("wrong", "wrong shape"),
    "47_objects": ("error", "dtype object"),
    "47_complex": ("wrong", "complex"),
    "47_half": ("right", ""),
    "47_text": ("error", "out is a str"),
    "48_zeros": ("wrong", "dx"),
    "49_lists": ("right", ""),
    "50_alias": ("right", ""),
    "51_changes_input": ("wrong", "array was changed"),
    "51_changes_upstream": ("right", ""),
    "52_later": ("wrong", "out"),
    "53_random": ("wrong", "out"),
    "54_keeps_state": ("wrong", "out|another answer"),
    "55_cache_file": ("wrong", "out"),
    "56_endless_loop": ("error", "no answer within 0.5 s: an endless loop, or too slow"),
    "57_sleeps": ("error", "no answer within 0.5 s: an endless loop, or too slow"),
    "58_catches_everything": ("error", "no answer within 0.5 s: an endless loop, or too slow"),
    "59_long_call": ("error", "no answer within 0.5 s: an endless loop, or too slow"),
    "60_fork_bomb": ("error", CONFINED),
    "61_daemon": ("error", CONFINED),
    "62_thread": ("right", ""),
    "63_memory_bomb": ("error", "needed too much memory: more than 200 MB"),
    "64_recursion": ("error", "stack overflow|too much memory|RecursionError"),
    "65_bad_pointer": ("error", r"crashed \(SIGSEGV\): a stack overflow, or a bad pointer"),
    "65_memory_of_python": ("error", "crashed|ended the program|channel"),
    "66_kill_parent": ("error", CONFINED),
    "66_kill_all": ("error", CONFINED),
    "66_signal_by_descriptor": ("error", CONFINED),
    "67_ptrace": ("error", CONFINED),
    "68_network": ("error", CONFINED),
    "68_download": ("error", "not permitted"),
    "69_name_server": ("error", "gaierror|resolution|not known|Exception"),
    "69_unix_socket": ("error", CONFINED),
    "70_large_file": ("error", "File too large"),
    "70_many_files": ("error", "filled its folder: wrote more than"),
    "76_writes_into_python": ("wrong", "out"),
    "78_encoding": ("right", ""),
    "81_input": ("error", "EOFError"),
    "82_settings": ("right", ""),
    "88_descriptors": ("error", "Too many open files"),
    "88_semaphores": ("error", CONFINED + "|Read-only|not implemented"),
    "88_shared_memory": ("error", CONFINED),
    "89_kernel": ("error", CONFINED),
}  # fmt: skip

SMALL = Limits(seconds=0.5, memory=200 * MB, printed=4 * MB)
HELD = ("files", "network", "processes", "limits")


@pytest.fixture(scope="module")
def held():
    """What a worker's lock holds on this machine."""
    server = starting.server()
    worker = client.Worker(server)
    yield worker.held
    worker.close()
    server.close()


def judged(path, cases=8):
    """(the report, each layer's part of it by its name)"""
    report = check(str(path), ["ReLU", "Linear"], cases=cases, limits=SMALL)
    return report, {spec["spec"]: spec for spec in report["specs"]}


def outside():
    """What an attack may have left."""
    folders = ("/tmp", "/dev/shm", "/autograder/results", str(Path.home()), str(ATTACKS), os.path.dirname(os.__file__))
    return [path for folder in folders if (path := Path(folder, RESULTS)).exists()]


def test_every_file_has_an_outcome():
    assert {path.stem for path in ATTACKS.glob("*.py")} == {*OUTCOMES, "innocent"}
    assert len({name[:2] for name in OUTCOMES}) >= 60


@pytest.mark.parametrize("name", OUTCOMES)
def test_attack(name, held, monkeypatch, processes):
    if not {*HELD} <= {*held}:
        pytest.skip(f"nothing here holds code of other people: {', '.join(held)} alone do")
    monkeypatch.setenv("ORACLE_TEST_SECRET", "1")
    path = ATTACKS / f"{name}.py"
    mode, before = path.stat().st_mode, processes.below()
    report, layers = judged(path)
    verdict, words = OUTCOMES[name]
    assert layers["ReLU"]["verdict"] == verdict
    assert layers["Linear"]["verdict"] == "right"
    assert re.search(words, layers["ReLU"]["message"])
    text = json.dumps(report, ensure_ascii=False)
    assert "\x1b" not in text
    assert "Traceback" not in text
    assert len(layers["ReLU"]["message"]) < 1500
    assert outside() == []
    assert path.stat().st_mode == mode
    assert processes.are_gone(processes.below() - before)


THREE = """
import os


def batchnorm_forward(x, gamma, beta, bn_param):
    while True:
        pass


def layernorm_forward(x, gamma, beta, ln_param):
    kept = []
    while True:
        kept.append(np.ones(1 << 20))


def svm_loss(x, y):
    os._exit(0)
"""


def test_three_that_never_answer_and_the_rest_is_judged(tmp_path):
    """One endless loop, one that takes all memory, one that ends the program, beside right layers: under 30 seconds."""
    path = tmp_path / "layers.py"
    path.write_text(Path("examples/cs231n_right.py").read_text() + THREE)
    started = time.monotonic()
    report = check(str(path), cases=12, limits=Limits(1.0, 200 * MB))
    assert time.monotonic() - started < 30
    layers = {spec["implements"]: spec for spec in report["specs"]}
    right = [name for name, spec in layers.items() if spec["verdict"] == "right"]
    assert len(right) >= 5
    assert len(layers) == len(right) + 3
    for name, words in (("batchnorm", "no answer within 1 s: an endless loop"), ("svm", "ended the program")):
        (found,) = [spec for implements, spec in layers.items() if name in implements]
        assert found["verdict"] == "error"
        assert words in found["message"]
    (found,) = [spec for implements, spec in layers.items() if "layernorm" in implements]
    assert found["verdict"] == "error"
    assert re.search("needed too much memory: more than 200 MB|no answer within 1 s", found["message"])


STARTED = "open('/tmp/oracle-attack-results.json', 'w').close()\nraise SystemExit('this file hides another')\n"


def test_files_that_python_and_pytest_would_run_are_not_run(tmp_path):
    """75 and 76: what Python runs at its start, what pytest looks for, and modules that hide the library's."""
    for name in ("sitecustomize", "usercustomize", "conftest", "numpy", "random", "typing", "oracle", "torch"):
        (tmp_path / f"{name}.py").write_text(STARTED)
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\naddopts = -p conftest\n")
    (tmp_path / "hidden.pth").write_text("import os; os._exit(0)\n")
    for name in ("innocent", "50_alias"):
        (tmp_path / f"{name}.py").write_bytes((ATTACKS / f"{name}.py").read_bytes())
    _, layers = judged(tmp_path / "50_alias.py")
    assert {spec["verdict"] for spec in layers.values()} == {"right"}
    assert outside() == []


def test_a_file_called_as_the_library_is_loaded(tmp_path):
    """75: the submission's own name hides nothing."""
    for name in ("numpy", "random"):
        path = tmp_path / f"{name}.py"
        (tmp_path / "innocent.py").write_bytes((ATTACKS / "innocent.py").read_bytes())
        path.write_bytes((ATTACKS / "50_alias.py").read_bytes())
        assert {spec["verdict"] for spec in judged(path)[1].values()} == {"right"}
        path.unlink()


def test_a_submission_that_is_a_link_shows_nothing_else(tmp_path, held):
    """72: a link beside the file to what it may not read."""
    if "files" not in held:
        pytest.skip("nothing here keeps files apart")
    secret = tmp_path / "secret" / "solution.txt"
    secret.parent.mkdir()
    secret.write_text("the solution")
    home = tmp_path / "home"
    home.mkdir()
    (home / "notes.py").symlink_to(secret)
    path = home / "layers.py"
    reads = "import os\nimport numpy as np\n\n\ndef relu_forward(x):\n    raise ValueError(open(PATH).read())\n"
    path.write_text(reads.replace("PATH", "os.path.dirname(__file__) + '/notes.py'"))
    report = check(str(path), ["ReLU"], cases=4, limits=SMALL)
    assert "the solution" not in json.dumps(report)
