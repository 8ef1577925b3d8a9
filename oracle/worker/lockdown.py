"""The lock that a worker puts on itself before it serves, with whatever this machine gives, and what of it held.

Every step may be refused by an old kernel or a container. None is taken for granted: when all is done the worker tries
what must not be possible, and reports what held. The ladder that people read follows from that report alone:

    L3  L2 inside of process, network and file namespaces of its own
    L2  no file but its own, no network, no other process
    L1  a user id of its own, and limits
    L0  a process with limits
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy

from oracle.worker import kernel, landlock, seccomp
from oracle.worker.limits import MB

if sys.platform != "win32":
    import resource

FILES, NETWORK, PROCESSES, NAMESPACES, UID, LIMITS = HELD = (
    "files", "network", "processes", "namespaces", "uid", "limits")  # fmt: skip
_SIZE = 256 * MB  # address space of Python and NumPy, where the system does not say how much it is
_INSTALLED = {"site-packages", "dist-packages", "test", "__pycache__"}
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def level(held: Iterable[str]) -> str:
    """The rung of the ladder."""
    held = set(held)
    if held >= {FILES, NETWORK, PROCESSES, LIMITS}:
        return "L3" if NAMESPACES in held else "L2"
    return "L1" if held >= {UID, LIMITS} else "L0"


class Lock:
    """Prepared once in the fork server, applied in each worker.

    readable  files and folders of the submission
    listed    folders whose names the import system lists
    view      whether the file system is one of its own, with nothing in it but what a worker needs
    folder    where the workers' private folders are
    canary    a file that nobody in a worker may read
    without   mechanisms that are left out: only tests do that
    """

    def __init__(self, readable: Iterable[str], listed: Iterable[str], memory: int, view: bool, folder: str,
                 canary: str, without: Iterable[str] = ()):  # fmt: skip
        without = set(without)
        self._memory, self._view, self._canary = memory, view, canary
        self._abi = 0 if "landlock" in without else landlock.version()
        self._seccomp = "seccomp" not in without and kernel.LINUX and kernel.MACHINE in seccomp.AUDIT
        self._size = _address_space()
        self._devices = [rule for path in _DEVICES if (rule := landlock.rule(landlock.DEVICE, path)) is not None]
        if self._abi:
            rules = list(_rules([*readable], [*listed], folder))
            self._ruleset = landlock.ruleset([*rules, *self._devices], self._abi)
            for _, descriptor in rules:
                os.close(descriptor)
        kept = [str(Path(numpy.__file__).parent), str(Path(os.__file__).parent), *readable]
        # Landlock or the view confine reading and seccomp the ways around them: then the right to read what only the
        # owner may read gives a worker no more than Python, NumPy and the submission.
        self._reads = kernel.LINUX and self._seccomp and (self._abi > 0 or view)
        self.switches = (
            "uid" not in without and _uids() > 1 and (self._reads or all(map(_open_to_others, kept)))
        )  # fmt: skip
        self.forks = not self._seccomp  # whether a worker may leave other processes behind

    def apply(self, uid: int, folder: str, channel: int, parent: int) -> list[str]:
        """Lock this process, for good; what held of HELD. `parent` is the fork server."""
        if uid and self.switches:
            _switch(uid, self._reads)
        if kernel.LINUX:
            kept = bool(uid) and self.switches and self._reads
            _drop_rights(1 << kernel.CAP_DAC_READ_SEARCH if kept else 0)
            with contextlib.suppress(OSError):
                kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of uid, which clears it
            if os.getppid() != parent:
                os._exit(0)
            for option, value in ((kernel.PR_SET_DUMPABLE, 0), (kernel.PR_SET_NO_NEW_PRIVS, 1)):
                with contextlib.suppress(OSError):
                    kernel.prctl(option, value)
        confined = self._landlock(folder) or self._view
        os.closerange(3, channel)
        os.closerange(channel + 1, 1 << 16)
        self._limit()  # of descriptors too, so it comes after they are closed
        if not confined:  # the right to read everything was meant for a worker that is confined and filtered alone
            _drop_rights()
        if not self._filter(confined):
            _drop_rights()
        return [name for name, tried in _TRIES.items() if tried(self._canary, uid)]

    def _landlock(self, folder: str) -> bool:
        if not self._abi:
            return False
        own = landlock.rule(landlock.WRITE, folder)
        try:  # of what may be read, the same for all; then where it may write
            landlock.enforce(self._ruleset)
            landlock.enforce(landlock.ruleset([*self._devices, *([own] if own else [])], self._abi, reading=False))
        except OSError:
            return False
        return True

    def _filter(self, writes: bool) -> bool:
        if not self._seccomp:
            return False
        try:
            seccomp.install(writes)
        except (OSError, KeyError):
            return False
        return True

    def _limit(self) -> None:
        limits = {
            "RLIMIT_AS": self._size + self._memory,
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": 32 * MB,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
        }
        if self.switches:
            limits["RLIMIT_NPROC"] = 64  # counted by user: of a uid of its own
        for name, value in limits.items():
            with contextlib.suppress(OSError, ValueError, AttributeError):
                number = getattr(resource, name)
                most = resource.getrlimit(number)[1]
                value = value if most == resource.RLIM_INFINITY else min(value, most)
                resource.setrlimit(number, (value, value))


# What must not be possible, tried


def _no_files(canary: str, uid: int) -> bool:
    with contextlib.suppress(OSError), open(canary, "rb"):
        return False
    try:
        os.close(os.open(canary + "-new", os.O_CREAT | os.O_WRONLY))
    except OSError:
        return True
    os.unlink(canary + "-new")
    return False


def _no_network(canary: str, uid: int) -> bool:
    try:
        with socket.socket():
            return {name for _, name in socket.if_nameindex()} <= {"lo"}
    except OSError:
        return True


def _no_processes(canary: str, uid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), 0)
        return False
    try:
        pid = os.fork()
    except OSError:
        return True
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return False


_TRIES = {
    FILES: _no_files,
    NETWORK: _no_network,
    PROCESSES: _no_processes,
    NAMESPACES: lambda canary, uid: kernel.LINUX and os.getppid() <= 2,  # in a pid namespace the server is 1 or 2
    UID: lambda canary, uid: os.getuid() == uid != 0,
    LIMITS: lambda canary, uid: resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY,
}


# Parts


def _rules(readable: list[str], listed: list[str], folder: str) -> Iterator[landlock.Rule]:
    """Python without what is installed beside it, NumPy, the libraries in memory already, the submission."""
    library, package = Path(os.__file__).parent, Path(numpy.__file__).parent
    inside = [str(entry) for entry in library.iterdir() if entry.name not in _INSTALLED]
    paths = [(landlock.READ, path) for path in (*inside, str(package), f"{package}.libs", *_mapped(), *readable)]
    paths += [(landlock.LIST, path) for path in (str(library), *listed)]
    paths += [(landlock.WRITE, folder)]
    for allowed, path in paths:
        if (rule := landlock.rule(allowed, path)) is not None:
            yield rule


def _mapped() -> list[str]:
    """The shared libraries of this process: a module that is imported later finds those it needs."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    return sorted({line.split()[-1] for line in lines if ".so" in line and "/" in line})


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return _SIZE


def _uids() -> int:
    """How many user ids this process can become."""
    if os.geteuid() != 0 or not kernel.LINUX:
        return 1
    try:
        return sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    except (OSError, ValueError):
        return 1


def _open_to_others(path: str) -> bool:
    """Whether a user who owns nothing of it can read what is below."""
    try:
        return all(os.stat(place).st_mode & 0o005 == 0o005 for place in (path, *map(str, Path(path).parents))
                   if os.path.isdir(place))  # fmt: skip
    except OSError:
        return False


def _drop_rights(but: int = 0) -> None:
    with contextlib.suppress(OSError, KeyError):
        kernel.keep_only(but)


def _switch(uid: int, keeps_reading: bool) -> None:
    if keeps_reading:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    with contextlib.suppress(OSError):
        os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
