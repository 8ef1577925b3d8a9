"""The worker: whatever the code under test does has a name, the rest is still judged, and nothing stays behind."""

import textwrap
import time

import numpy as np
import pytest

from oracle import cases
from oracle.layers import SPECS
from oracle.layers.spec import Setting
from oracle.subjects.plan import execute
from oracle.subjects.target import TargetError, open_target
from oracle.worker.protocol import TO_GRADER, Frame, pack

RIGHT = """
import numpy as np

def relu_forward(x):
    {forward}
    return np.maximum(0, x), x

def relu_backward(dout, cache):
    x = cache
    {backward}
    return dout * (x > 0)

def affine_forward(x, w, b):
    return x @ w + b, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)
"""


def relu(*shape):
    return cases.make(SPECS["ReLU"], Setting({}, {"x": shape}), style="integer").call()


def affine():
    return cases.make(SPECS["Linear"], Setting({"in_features": 3, "out_features": 2}, {"x": (4, 3)})).call()


@pytest.fixture
def opened(tmp_path):
    """A function that opens a file of the given text; closed at the end of the test."""
    targets = []

    def open_(text, timeout=1.0, name="layers.py", **more):
        path = tmp_path / name
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        targets.append(open_target(str(path), timeout=timeout, **more))
        return targets[-1]

    yield open_
    for target in targets:
        target.close()


def poisoned(forward="pass", backward="pass"):
    """A right file whose ReLU goes wrong for an x of one element only."""
    parts = {"forward": forward, "backward": backward}
    for name, part in parts.items():
        parts[name] = f"if x.size == 1:\n{textwrap.indent(textwrap.dedent(part), ' ' * 8)}"
    return RIGHT.format(**parts)


LARGE = "return np.zeros(1 << 27, np.uint8), x"

# what the code does, where, and what is said of it: the kind and a part of the message
OUTCOMES = {
    "an endless loop": ("forward", "while True: pass", "timeout", "endless loop"),
    "an endless loop that prints": ("forward", "while True: print('x' * 10**6)", "output", "printed more than"),
    "a loop that catches everything": (
        "forward", "while True:\n  try: raise KeyboardInterrupt\n  except BaseException: pass", "timeout", "loop"),
    "sleep": ("forward", "import time; time.sleep(99)", "timeout", "too slow"),
    "os._exit(0)": ("forward", "import os; os._exit(0)", "ended", "exit code 0"),
    "os._exit(3)": ("backward", "import os; os._exit(3)", "ended", "exit code 3"),
    "sys.exit": ("forward", "import sys; sys.exit()", "ended", "sys.exit"),
    "an exception": ("forward", "raise ValueError('shapes differ')", "ValueError", "shapes differ"),
    "an exception in backward": ("backward", "[][1]", "IndexError", "out of range"),
    "an exception of its own": ("forward", "class Odd(Exception): pass\nraise Odd('odd')", "Exception", "odd"),
    "BaseException": ("forward", "raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    "no memory": ("forward", "np.zeros(1 << 45)", "memory", ""),
    "a segmentation fault": ("forward", "import ctypes; ctypes.string_at(0)", "ended", "SIGSEGV"),
    "an abort": ("forward", "import os; os.abort()", "ended", "SIGABRT"),
    "killed by itself": ("forward", "import os; os.kill(os.getpid(), 9)", "ended", "SIGKILL"),
    "a huge output": ("forward", LARGE, "ValueError", "64 MB"),
    "a long message": ("forward", "raise ValueError('\\x1b[31m' + 'é' * 10**6)", "ValueError", "éé"),
    "a string": ("forward", "return 'text', x", "TypeError", "out is a str"),
    "a masked array": ("forward", "return np.ma.masked_all(3), x", "TypeError", "masked"),
    "objects": ("forward", "return np.array([None]), x", "TypeError", "dtype object"),
    "a ragged list": ("forward", "return [[1], [1, 2]], x", "TypeError", "no array"),
    "seven axes": ("forward", "return np.zeros((1,) * 7), x", "ValueError", "cannot be sent"),
    "no cache": ("forward", "return np.maximum(0, x)", "unjudged", "(out, cache) was expected; where it is to be"),
    "another's frame": (
        "forward",
        "import os, struct\nfor fd in range(3, 30):\n"
        "  try: os.write(fd, struct.pack('<4sIQII', b'snor', 0, 7, 2, 0) + b'{}')\n  except OSError: pass",
        "protocol", "channel"),
    "noise on every descriptor": (
        "forward", "import os\nfor fd in range(3, 30):\n  try: os.write(fd, b'noise' * 9)\n  except OSError: pass",
        "protocol", "channel"),
    "closed descriptors": (
        "forward", "import os\nos.closerange(3, 30)\nwhile True: pass", "protocol", "closed"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_has_a_name_and_the_rest_is_judged(opened, name):
    phase, code, kind, words = OUTCOMES[name]
    target = opened(poisoned(**{phase: code}))
    by_spec = {subject.spec: subject for subject in target.subjects}
    started = time.monotonic()
    answer = by_spec["ReLU"].run(relu(1))
    assert time.monotonic() - started < 5
    assert list(answer.failures) == [phase]
    assert answer.failures[phase].kind == kind
    assert words in answer.failures[phase].message
    assert answer.failures[phase].message.isprintable()
    assert len(answer.failures[phase].message) <= 500
    assert ("out" in answer.tensors) == (phase == "backward")  # what came before is kept
    after = by_spec["ReLU"].run(relu(2, 3))
    assert not after.failures
    assert sorted(after.tensors) == ["dx", "out"]
    assert not by_spec["Linear"].run(affine()).failures


AHEAD = """
import os, struct, sys, threading
caller = sys._getframe()
while "frame" not in caller.f_locals:
    caller = caller.f_back
answer = struct.pack("<4sIQII", b"snor", 0, caller.f_locals["frame"].id + 1, 2, 0) + b"{}"
threading.Timer(0.1, caller.f_locals["self"]._channel.sendall, [answer]).start()
"""


def test_an_answer_before_its_question_is_refused(opened):
    subject = next(s for s in opened(poisoned(AHEAD)).subjects if s.spec == "ReLU")
    assert not subject.run(relu(1)).failures
    time.sleep(0.4)
    assert subject.run(relu(2, 3)).failures["forward"].kind == "protocol"
    assert not subject.run(relu(2, 3)).failures


def test_an_exception_shows_the_line_as_the_grader_read_it(opened, tmp_path):
    target = opened(poisoned(backward="raise ValueError('no')"))
    (tmp_path / "layers.py").write_text("# rewritten while it ran\n" * 40)
    failure = next(s for s in target.subjects if s.spec == "ReLU").run(relu(1)).failures["backward"]
    assert failure.where == "layers.py, line 12"
    assert failure.source == "raise ValueError('no')"


def test_a_line_that_is_not_the_submissions_is_not_shown(opened):
    target = opened(poisoned("exec(compile('1/0', '/etc/hostname', 'exec'))"))
    failure = next(s for s in target.subjects if s.spec == "ReLU").run(relu(1)).failures["forward"]
    assert (failure.kind, failure.where) == ("ZeroDivisionError", "layers.py, line 6")  # the line that called it


@pytest.mark.parametrize(
    "code, note",
    [
        ("return [[3.0]], x", "out is a list, taken as an array"),
        ("return np.matrix([[3.0]]), x", "out is a matrix, taken as a plain array"),
        ("return 3.0, x", ""),
        ("return np.float32(3), x", ""),
    ],
)
def test_numbers_that_are_no_plain_array_are_converted(opened, code, note):
    subject = next(s for s in opened(poisoned(code)).subjects if s.spec == "ReLU")
    answer = subject.run(relu(1))
    assert type(answer.tensors["out"]) is np.ndarray
    assert answer.tensors["out"].sum() == 3
    assert answer.notes == ((note,) if note else ())


@pytest.mark.parametrize(
    "phase, code, modified",
    [("forward", "x += 1", ("x",)), ("backward", "dout *= 2", ("dout",)), ("forward", "pass", ())],
)
def test_a_changed_argument_is_named(opened, phase, code, modified):
    subject = next(s for s in opened(poisoned(**{phase: code})).subjects if s.spec == "ReLU")
    assert subject.run(relu(1)).modified == modified


def test_printing_much_is_no_failure(opened):
    subject = next(s for s in opened(poisoned("print('x' * 6_000_000)"), timeout=5).subjects if s.spec == "ReLU")
    assert not subject.run(relu(1)).failures


def test_the_end_of_the_fork_server_is_survived(opened):
    target = opened(poisoned("import os; os.kill(os.getppid(), 9); os._exit(0)"))
    subject = next(s for s in target.subjects if s.spec == "ReLU")
    assert subject.run(relu(1)).failures
    assert not subject.run(relu(2, 3)).failures


PLACE = """
import os, sys, tempfile
import numpy as np

def importable(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True

FACTS = {
    "torch": importable("torch"), "mpmath": importable("mpmath"), "pytest": importable("pytest"),
    "scratchnet": importable("scratchnet"), "reference": importable("oracle.reference"),
    "secret": "ORACLE_TEST_SECRET" in os.environ, "input": bool(sys.stdin.read()),
    "threads": os.environ["OPENBLAS_NUM_THREADS"] != "1", "utf8": sys.flags.utf8_mode != 1,
    "folder": not os.path.samefile(os.getcwd(), tempfile.gettempdir()) or bool(os.listdir(".")),
    "arguments": len(sys.argv) > 1,
}

def relu_forward(x):
    raise ValueError(" ".join(name for name, value in FACTS.items() if value) or "nothing")

def relu_backward(dout, cache):
    return dout * cache
"""


def test_the_worker_has_nothing_that_it_does_not_need(opened, monkeypatch):
    monkeypatch.setenv("ORACLE_TEST_SECRET", "1")
    assert opened(PLACE, timeout=5).subjects[0].run(relu(2)).failures["forward"].message == "nothing"


def test_no_process_and_no_folder_is_left(opened, processes):
    before = processes.below()
    target = opened(poisoned("import subprocess; subprocess.Popen(['sleep', '60']); print(1)"))
    for subject in target.subjects:
        subject.run(relu(1) if subject.spec == "ReLU" else affine())
    folders = [subject._session._worker.folder for subject in target.subjects]
    assert all(folder.is_dir() for folder in folders)
    started = processes.below() - before
    assert len(started) > 2
    target.close()
    assert processes.are_gone(started)
    assert not any(folder.exists() or folder.parent.parent.exists() for folder in folders)


def test_workers_end_when_the_grader_is_gone(opened, processes):
    """The fork server ends when its channel closes, and ends a worker that is still busy."""
    before = processes.below()
    target = opened(poisoned("while True: pass"))
    subject = next(s for s in target.subjects if s.spec == "ReLU")
    subject.run(relu(2))
    started, session = processes.below() - before, subject._session
    # half a request: the worker waits for the rest
    session._worker._channel.send(pack(Frame(0, {"do": "?"}), TO_GRADER)[0][:10])
    session._file._server._control.close()
    session._file._server._process.wait(3)
    assert processes.are_gone(started)


LOADING = {
    "a syntax error": ("def relu_forward(x:\n    pass", "line 1"),
    "Python 2": ("print 'hello'", "2to3"),
    "a NUL": ("x = 1\0", "null bytes"),
    "another encoding": (b"# -*- coding: ascii -*-\nx = '\xff'", "encoding"),
    "an exception": ("import numpy as np\nnp.zeros(-1)", "layers.py, line 2: `np.zeros(-1)`"),
    "a missing module": ("import torch", "no torch"),
    "another missing module": ("import a_module_that_nobody_has", "its own folder"),
    "an endless loop": ("while True: pass", "no answer within 1 s"),
    "the end of the program": ("import os; os._exit(0)", "exit code 0"),
    "sys.exit": ("import sys; sys.exit(1)", "sys.exit(1)"),
    "nothing to judge": ("x = 1", "no layer that can be judged"),
}


@pytest.mark.parametrize("name", LOADING)
def test_a_file_that_cannot_be_judged_says_why(opened, name):
    text, words = LOADING[name]
    with pytest.raises(TargetError) as error:
        opened(text)
    assert words in str(error.value)
    assert "Traceback" not in str(error.value)


def test_the_files_beside_it_can_be_imported(opened, tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "util.py").write_text("def positive(x):\n    return x > 0\n")
    (tmp_path / "colorsys.py").write_text("raise ValueError('this hides the library')")
    text = RIGHT.format(forward="pass", backward="return dout * positive(cache)")
    target = opened("import colorsys\nfrom common.util import positive\n" + text, timeout=5)
    assert not next(s for s in target.subjects if s.spec == "ReLU").run(relu(2, 3)).failures


def test_relative_imports_work_inside_of_a_package(tmp_path):
    package = tmp_path / "cs231n"
    package.mkdir()
    (package / "__init__.py").write_text("raise ValueError('not needed')")
    (package / "layer_utils.py").write_text("from cs231n.fast import positive\n")
    (package / "fast.py").write_text("def positive(x):\n    return x > 0\n")
    text = RIGHT.format(forward="pass", backward="return dout * positive(cache)")
    (package / "layers.py").write_text("from .layer_utils import *\n" + text)
    with open_target(str(package / "layers.py")) as target:
        assert not next(s for s in target.subjects if s.spec == "ReLU").run(relu(2, 3)).failures


@pytest.mark.parametrize("imported", ["import cupy as cp", "import os, cupy as cp", "import cupy\ncp = cupy"])
def test_cupy_is_numpy_where_nobody_asks_for_it(opened, imported):
    target = opened(f"{imported}\n" + RIGHT.format(forward="x = cp.array(x)", backward="pass"))
    assert not next(s for s in target.subjects if s.spec == "ReLU").run(relu(2, 3)).failures


def test_a_file_that_asks_for_cupy_is_told_that_it_is_not_there(opened):
    asked = "try:\n    import cupy as cp\nexcept ImportError:\n    cp = None\n"
    target = opened(asked + RIGHT.format(forward="assert cp is None", backward="pass"))
    assert not next(s for s in target.subjects if s.spec == "ReLU").run(relu(2, 3)).failures


@pytest.mark.parametrize("folder, imported", [
    ("common", "from .positive import positive"), ("homework 1.0", "from .positive import positive"),
    ("code", "from . import positive as it; positive = it.positive"), ("nn", "from ..positive import positive"),
])  # fmt: skip
def test_relative_imports_need_no_init(tmp_path, folder, imported):
    own = tmp_path / "of mine" / folder
    own.mkdir(parents=True)
    where = own.parent if ".." in imported else own
    (where / "positive.py").write_text("from .more import more\n\n\ndef positive(x):\n    return x > more\n")
    (where / "more.py").write_text("more = 0\n")
    text = RIGHT.format(forward="pass", backward="return dout * positive(cache)")
    (own / "layers.py").write_text(f"{imported}\n{text}")
    with open_target(str(own / "layers.py")) as target:
        assert not next(s for s in target.subjects if s.spec == "ReLU").run(relu(2, 3)).failures


# The same answers as in this process


def _calls(subject, count=12):
    spec, found = SPECS[subject.spec], []
    for seed, setting in enumerate(spec.grid()):
        for style in ("random", "strided") if "strided" in spec.styles else ("random",):
            case = cases.make(spec, setting, style=style, seed=seed)
            if subject.takes(case.settings, True, case.shapes):
                found.append(case.call())
        if len(found) >= count:
            return found
    return found


def test_the_worker_answers_as_this_process_would():
    path = "examples/cs231n_right.py"
    namespace = {}
    with open(path) as file:
        exec(file.read(), namespace)
    with open_target(path) as target:
        assert len(target.subjects) == 6  # affine on rows, and on inputs of three axes
        for subject in target.subjects:
            for call in _calls(subject):
                there = subject.run(call)
                here = execute(
                    subject.binding.plan_for(call), namespace, subject.binding.arrays_for(call), lambda p: None
                )
                here = subject.binding.answer_for(call, here)
                assert not there.failures
                assert there.tensors.keys() == here.tensors.keys()
                for name, array in here.tensors.items():
                    assert array.tobytes() == there.tensors[name].tobytes()
                    assert array.dtype == there.tensors[name].dtype
