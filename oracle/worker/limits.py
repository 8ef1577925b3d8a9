"""How much the code under test may use: seconds, memory, output, disk; and what isolation it must have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

MB = 1 << 20
LEVELS = ("L0", "L1", "L2", "L3")
IN_PROCESS = "in-process"  # no process of its own at all
_LEAST, _MOST = 160 * MB, 2048 * MB  # OpenBLAS can hang below; no layer of a course needs more
_CGROUPS = Path("/sys/fs/cgroup")


@cache
def memory_limit(workers: int = 1) -> int:
    """Bytes that the code under test may take beside what the worker has: half of what is free here, so that a layer
    that wants everything does not take the grader along; less where several are judged at once."""
    return max(_LEAST, min(_MOST, free_memory() // 2 // workers))


@dataclass(frozen=True)
class Limits:
    """seconds  for one case, and for loading the file
    memory   bytes beside Python's and NumPy's own
    printed  bytes that are printed in one case
    disk     bytes, and a thousand files, in the private folder
    require  the least level of isolation; with less nothing is run
    """

    seconds: float = 10.0
    memory: int = field(default_factory=memory_limit)
    printed: int = 64 * MB
    disk: int = 64 * MB
    require: str = "L0"


class IsolationError(ValueError):
    """There is less isolation than was asked for, so nothing of the file was run."""


def demand(wanted: str, given: str) -> None:
    """Raises IsolationError where `given` is less than `wanted`; L0 asks for nothing, not even a process."""
    if wanted != "L0" and least(given, wanted) != wanted:
        where = "it is torch code, which runs in this process" if given == IN_PROCESS else f"this machine gives {given}"
        raise IsolationError(f"isolation {wanted} is wanted, and {where}: `oracle doctor` shows what is missing")


def least(*levels: str) -> str:
    return min(levels, key=(IN_PROCESS, *LEVELS).index)


def free_memory() -> int:
    """Bytes that can still be taken: of the container where it has a limit, else of the machine."""
    free = [_LEAST * 2] if not (found := [*_machine(), *_container()]) else found
    return max(0, min(free))


def _machine() -> Iterator[int]:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) << 10
    except (OSError, ValueError):
        try:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (OSError, ValueError, AttributeError):
            return


def _container() -> Iterator[int]:
    """What every control group around this process has left, version 2 and version 1."""
    for folder, limit, used in _groups():
        try:
            most = (folder / limit).read_text().strip()
            if most.isdecimal() and int(most) < 1 << 60:  # "max", or version 1's way to say so
                yield int(most) - int((folder / used).read_text())
        except (OSError, ValueError):
            continue


def _groups() -> Iterator[tuple[Path, str, str]]:
    """(folder, file of the limit, file of the use) from this process's own group up to the root."""
    for folder in control_groups():
        if (folder / "memory.max").exists():
            yield folder, "memory.max", "memory.current"
        else:
            yield folder, "memory.limit_in_bytes", "memory.usage_in_bytes"


def control_groups() -> Iterator[Path]:
    """The folders of the memory control groups that this process is in, innermost first."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        roots = [_CGROUPS / "memory"] if controllers else [_CGROUPS, _CGROUPS / "unified"]
        for root in roots:
            folder = root / path.lstrip("/")
            while folder.is_relative_to(root):
                if folder.is_dir():  # inside of a container the path may be the host's, and only the root is there
                    yield folder
                folder = folder.parent


def killed_for_memory() -> int | None:
    """How many processes the kernel has killed here for memory; None where it does not say."""
    for folder in control_groups():
        for name in ("memory.events", "memory.oom_control"):
            try:
                for line in (folder / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
            except (OSError, ValueError):
                continue
    return None
