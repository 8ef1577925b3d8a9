"""torch's own answer in float16 or bfloat16, from a process beside this one: in a dtype that few have tried torch can
crash, and must not take the judge along.

    own = ask(call, onednn=True)     its tensors, by name

The process starts with the first question and ends with this one.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading

import numpy as np

from oracle.subjects import Call

PATIENCE = 60.0  # seconds for one answer, the start included

_process: subprocess.Popen[bytes] | None = None


class TorchFailed(RuntimeError):
    """torch refused, crashed, or gave no answer in time."""


def ask(call: Call, onednn: bool) -> dict[str, np.ndarray]:
    """What torch computes for `call` in its own dtype, `call.half`, with or without the library that does most of it.
    Raises TorchFailed where it computes nothing."""
    process = _running()
    assert process.stdin is not None and process.stdout is not None
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        pickle.dump((call, onednn), process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        process.kill()
        answer = f"it ended its process (code {process.wait()})"
    finally:
        timer.cancel()
    if isinstance(answer, str):
        raise TorchFailed(answer)
    return answer


def _running() -> subprocess.Popen[bytes]:
    global _process
    if _process is None or _process.poll() is not None:
        settings = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", "-m", "oracle.torch_process"]
        _process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings)
        atexit.register(_process.kill)
    return _process


def answer_questions() -> None:
    """Calls from stdin, answers to stdout, until there are no more."""
    import torch

    from oracle.reference import ReferenceError, run_twin

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what torch prints is no answer
    while True:
        try:
            call, onednn = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: dict[str, np.ndarray] | str
        try:
            with torch.backends.mkldnn.flags(enabled=onednn):
                answer = run_twin(call, getattr(torch, call.half))
        except ReferenceError as error:
            answer = str(error)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    answer_questions()
