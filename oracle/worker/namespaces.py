"""What stands around the fork server: bubblewrap's view of the file system with namespaces, else namespaces alone, else
nothing. Which of them a machine allows is found out by starting the server in it.

In a process namespace the end of the server ends every process below it, whatever it did to escape.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import oracle
from oracle.worker import kernel

_LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")
_INSTALLED = ("site-packages", "dist-packages")
_RIGHTS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_DAC_READ_SEARCH")  # to change the uid, and to end who did


@dataclass(frozen=True)
class Surroundings:
    """name        "bubblewrap", "namespaces" or "process"
    command     what is written before Python's own command
    view        whether the file system is one of its own
    namespaces  whether the server enters namespaces itself
    """

    name: str
    command: tuple[str, ...] = ()
    view: bool = False
    namespaces: bool = False


def candidates(readable: Iterable[str], folder: str, numpy: str) -> Iterator[Surroundings]:
    """From the most isolated to the least."""
    readable = [*readable]
    if kernel.LINUX and (bwrap := shutil.which("bwrap")) is not None:
        seen = _view(readable, folder, numpy)
        if os.geteuid() == 0:
            rights = [word for right in _RIGHTS for word in ("--cap-add", right)]
            yield Surroundings("bubblewrap", (bwrap, *_SPACES, *rights, *seen), view=True)
        yield Surroundings("bubblewrap", (bwrap, "--unshare-user", *_SPACES, *seen), view=True)
    if kernel.LINUX:
        yield Surroundings("namespaces", namespaces=True)
    yield Surroundings("process")


_SPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
           "--die-with-parent", "--new-session")  # fmt: skip


def python() -> str:
    """The interpreter itself, not that of a virtual environment: the worker needs nothing that is installed."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _view(readable: list[str], folder: str, numpy: str) -> list[str]:
    """bubblewrap's arguments for a file system that has Python, NumPy and the submission, and one writable folder."""
    library, executable = Path(os.__file__).parent, Path(python())
    words = ["--proc", "/proc", "--dev", "/dev"]
    for path in map(Path, _LIBRARIES):
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
            words += [word for hidden in sorted(path.glob("python*/*-packages")) for word in ("--tmpfs", str(hidden))]
    seen = {executable, executable.resolve(), library, *executable.resolve().parent.parent.glob("lib/libpython*")}
    for path in sorted(path for path in seen if not _below(path, _LIBRARIES)):
        words += ["--ro-bind", str(path), str(path)]
    for name in _INSTALLED:
        if (library / name).is_dir():
            words += ["--tmpfs", str(library / name)]
    package = str(Path(oracle.__file__).parent)
    for place in (numpy, f"{numpy}.libs", package, *readable):
        words += ["--ro-bind-try", place, place]
    return [*words, "--bind", folder, folder, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", folder]


def _below(path: Path, folders: Iterable[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def enter() -> None:
    """Go on as the first process of new namespaces; the process that called stays outside and waits for its end. Raises
    OSError where the kernel refuses."""
    flags = kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        kernel.unshare(flags | kernel.CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    else:
        kernel.unshare(flags)
    outside = os.getpid()
    child = os.fork()
    if child:
        os.closerange(0, 1 << 16)  # the grader's channel must close when the child's end of it does
        _, status = os.waitpid(child, 0)
        os._exit(0 if status == 0 else 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() not in (0, outside):  # 0: the parent is outside of this namespace
        os._exit(1)
