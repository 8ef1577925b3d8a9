"""What several tests of the worker look at."""

import contextlib
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def processes():
    """below(): the processes below this one. are_gone(them): whether they are, soon."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("looks at processes by /proc")
    return SimpleNamespace(below=_below, are_gone=_are_gone)


def _below(pid=None):
    """The processes below this one, by /proc: they have ids of their own in other namespaces."""
    found = set()
    for task in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found |= {child} | _below(child)
    return found


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _are_gone(pids, seconds=3):
    """Whether they are, at once or as soon as the system has collected what was killed."""
    end = time.monotonic() + seconds
    while any(map(_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
