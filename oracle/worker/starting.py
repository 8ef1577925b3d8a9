"""What starts workers: a fork server in the most isolated surroundings that this machine allows, or plain processes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy

import oracle
from oracle.worker.limits import Limits
from oracle.worker.namespaces import Surroundings, candidates, python
from oracle.worker.server import CONTROL, EXIT_REPORT, RUNS

START = 30.0  # seconds for the fork server to start on a machine that is busy; a fork takes milliseconds
_NUMBERS = itertools.count(1)  # of all workers that this process starts, whichever server forks them
_NUMPY = str(Path(numpy.__file__).parent)

WITHOUT: set[str] = set()  # mechanisms that tests leave out: what the machine would not have
_FAILED: set[tuple[str, ...]] = set()  # what did not start here once

# OPENBLAS_CORETYPE picks the kernels of x @ y, and with them its last bits; the library path may be how Python runs.
_PASSED_ON = ("OPENBLAS_CORETYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "Agg",
}


class ForkServer:
    """The process that forks workers; started when first needed, and again after its end.

    readable  the files and folders of the submission
    listed    the folders in which its imports are looked for
    """

    def __init__(self, readable: Iterable[str] = (), listed: Iterable[str] = (), limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.surroundings: Surroundings | None = None
        self._readable, self._listed = [*readable], [*listed]
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._folder: tempfile.TemporaryDirectory | None = None
        self._work = Path()
        self._switches = False
        self._count = 0

    def fork(self, channel: socket.socket, output: int) -> tuple[int, int | None, Path]:
        """A worker on these two descriptors: (its process id, a descriptor of it, its private folder)."""
        control = self._started()
        folder, uid = self._new_folder(), 0
        if self._switches:
            with contextlib.suppress(OSError):
                os.chown(folder, *[own_uid(self._count)] * 2)
                uid = own_uid(self._count)
        message = CONTROL.pack(b"fork", self._count, uid)
        socket.send_fds(control, [message], [channel.fileno(), output])
        control.settimeout(START)
        message, descriptors, _, _ = socket.recv_fds(control, CONTROL.size, 1)
        if len(message) < CONTROL.size:
            raise ConnectionError("the fork server ended")
        return CONTROL.unpack(message)[1], descriptors[0] if descriptors else None, folder

    def reap(self, pid: int, kill: bool, descriptor: int | None = None) -> int:
        """The wait status of a worker that has ended, or that is killed now; RUNS where it did not end."""
        if self._control is None:
            return RUNS
        try:
            self._control.sendall(CONTROL.pack(b"kill" if kill else b"reap", pid, 0))
            return self._answer(5.0)
        except OSError:  # the server itself is gone, which only the code under test can have done: it is all ended now
            with contextlib.suppress(OSError):
                if descriptor is None:
                    os.killpg(pid, signal.SIGKILL)
                else:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            self.close()
            return signal.SIGKILL

    def _answer(self, timeout: float) -> int:
        assert self._control is not None
        self._control.settimeout(timeout)
        message = self._control.recv(CONTROL.size, socket.MSG_WAITALL)
        if len(message) < CONTROL.size:
            raise ConnectionError("the fork server ended")
        return CONTROL.unpack(message)[1]

    def _started(self) -> socket.socket:
        """The channel to the server, in the most isolated surroundings in which it starts."""
        if self._process is not None and self._process.poll() is None and self._control is not None:
            return self._control
        self.close()
        self._make_folder()
        failed: dict[tuple[str, ...], OSError] = {}
        for surroundings in candidates(self._readable, str(self._work), _NUMPY):
            if surroundings.name in WITHOUT or _brief(surroundings) in _FAILED:
                continue
            try:
                control = self._start(surroundings)
            except OSError as error:
                failed[_brief(surroundings)] = error
                self._stop()
            else:
                _FAILED.update(failed)  # it was their fault, as it starts in others
                return control
        raise OSError(f"it starts in nothing: {[*failed.values()]}")

    def _start(self, surroundings: Surroundings) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._run(surroundings, {"control": theirs.fileno()}, theirs.fileno(), subprocess.DEVNULL)
        self._control, self.surroundings = ours, surroundings
        self._switches = bool(self._answer(START))
        return ours

    def _run(
        self, surroundings: Surroundings, more: Mapping[str, Any], descriptor: int, output: int
    ) -> subprocess.Popen:
        config = {
            "numpy": _NUMPY, "oracle": str(Path(oracle.__file__).parent), "namespaces": surroundings.namespaces,
            "view": surroundings.view, "folder": str(self._work), "readable": self._readable, "listed": self._listed,
            "memory": self.limits.memory, "canary": str(self._work.with_name("canary")), "without": sorted(WITHOUT),
            **more,
        }  # fmt: skip
        boot = str(Path(__file__).with_name("boot.py"))
        return subprocess.Popen(
            [*surroundings.command, python(), "-I", "-S", "-B", "-X", "utf8", boot, json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[descriptor],
            env=_ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            cwd=self._work,
            start_new_session=True,
        )

    def _make_folder(self) -> None:
        """A folder for the workers' own ones, and beside it a file that none of them may read."""
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True)
        base = Path(self._folder.name).resolve()
        base.chmod(0o711)
        self._work = base / "work"
        self._work.mkdir(0o711)
        (base / "canary").write_text("nobody in a worker may read this")

    def _new_folder(self) -> Path:
        self._count = next(_NUMBERS)
        folder = self._work / str(self._count)
        folder.mkdir(0o700)
        return folder

    def close(self) -> None:
        """End the server; it ends its workers when the channel closes, and is given a moment to do so."""
        self._stop()
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._control = None


def _brief(surroundings: Surroundings) -> tuple[str, ...]:
    return surroundings.name, *surroundings.command[:2]


def own_uid(number: int) -> int:
    """A user id that no other worker on this machine has: made of this process's id, which nobody else has now."""
    try:
        mapped = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    except (OSError, ValueError):
        mapped = 0
    low, span = (1 << 30, 1 << 28) if mapped > 3 << 29 else (20_000, 40_000)
    return low + (os.getpid() * 64 + number % 64) % span


class Spawner(ForkServer):
    """Where a process with NumPy in it is not safely forked (macOS): a process started anew for each worker. That takes
    a tenth of a second, and what macOS gives of the lock is limits alone."""

    def __init__(self, readable: Iterable[str] = (), listed: Iterable[str] = (), limits: Limits | None = None) -> None:
        super().__init__(readable, listed, limits)
        self.surroundings = Surroundings("process")
        self._processes: dict[int, subprocess.Popen] = {}

    def fork(self, channel: socket.socket, output: int) -> tuple[int, int | None, Path]:
        if not hasattr(os, "fork"):
            raise OSError("it needs sockets that a process hands on, and this system has none")
        if self._folder is None:
            self._make_folder()
        folder = self._new_folder()
        more = {"channel": channel.fileno(), "own": str(folder)}
        process = self._run(Surroundings("process"), more, channel.fileno(), output)
        self._processes[process.pid] = process
        return process.pid, None, folder

    def reap(self, pid: int, kill: bool, descriptor: int | None = None) -> int:
        process = self._processes[pid]
        if kill:
            for end in (os.killpg, os.kill):  # it is not reaped yet, so its id is still its own
                with contextlib.suppress(OSError):
                    end(pid, signal.SIGKILL)
        try:
            code = process.wait(5.0 if kill else EXIT_REPORT)
        except subprocess.TimeoutExpired:
            return RUNS
        del self._processes[pid]
        return -code if code < 0 else code << 8

    def _stop(self) -> None:
        for pid in [*self._processes]:
            self.reap(pid, kill=True)


def server(readable: Iterable[str] = (), listed: Iterable[str] = (), limits: Limits | None = None) -> ForkServer:
    """What starts workers on this system."""
    spawns = sys.platform == "darwin" or not hasattr(os, "fork") or "fork" in WITHOUT
    return (Spawner if spawns else ForkServer)(readable, listed, limits)
