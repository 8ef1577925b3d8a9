"""torch's own answer in float16 or bfloat16, from a process beside this one: in a dtype that few have tried torch can
crash, and must not take the judge along.

    own = ask(call)     Answer, as of any other subject

The process starts with the first question and ends with this one.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading

from oracle.subjects import Answer, Call, Failure

PATIENCE = 60.0  # seconds for one answer, the start included

_process: subprocess.Popen[bytes] | None = None


def ask(call: Call) -> Answer:
    """torch's answer to `call`; a Failure of its forward where torch crashes or gives none."""
    process = _running()
    assert process.stdin is not None and process.stdout is not None
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        pickle.dump(call, process.stdin)
        process.stdin.flush()
        return pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        process.kill()
        return Answer(failures={"forward": Failure("ended", f"torch ended its process (code {process.wait()})")})
    finally:
        timer.cancel()


def _running() -> subprocess.Popen[bytes]:
    global _process
    if _process is None or _process.poll() is not None:
        here = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "oracle.torch_process"]
        _process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here)
        atexit.register(_process.kill)
    return _process


def answer_questions() -> None:
    """Calls from stdin, answers to stdout, until there are no more."""
    from oracle.reference import own_answer

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what torch prints is no answer
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(own_answer(call), answers)
        answers.flush()


if __name__ == "__main__":
    answer_questions()
