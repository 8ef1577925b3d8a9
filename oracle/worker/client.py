"""The grader's side of the worker. It never waits without a deadline, neither in reading nor in writing, and says what
an end without an answer means.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import oracle
from oracle.subjects import Failure
from oracle.worker.limits import MB, Limits, killed_for_memory
from oracle.worker.lockdown import HELD, level
from oracle.worker.namespaces import Surroundings, candidates, python
from oracle.worker.protocol import TO_GRADER, TO_WORKER, Caps, Frame, ProtocolError, pack, unpack
from oracle.worker.server import CONTROL, RUNS

OUTPUT_KEPT = 64 << 10  # bytes of what the code under test prints
_TICK = 0.2  # seconds between two looks at what a busy worker writes to its folder
_MOST_FILES = 1000
_START = 30.0  # seconds for the fork server to start on a machine that is busy; a fork takes milliseconds
_CHUNK = 1 << 18

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


class WorkerEnded(Exception):
    """No answer came; the worker is gone."""

    def __init__(self, failure: Failure):
        super().__init__(failure.message)
        self.failure = failure


class _TooMuch(Exception):
    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.failure = Failure(kind, message)


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
        self._count += 1
        folder = self._work / str(self._count)
        folder.mkdir(0o700)
        uid = 0
        if self._switches:
            uid = _own_uid(self._count)
            os.chown(folder, uid, uid)
        message = CONTROL.pack(b"fork", self._count, uid)
        socket.send_fds(control, [message], [channel.fileno(), output])
        control.settimeout(_START)
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
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True)
        base = Path(self._folder.name).resolve()
        base.chmod(0o711)
        self._work, canary = base / "work", base / "canary"
        self._work.mkdir(0o711)
        canary.write_text("nobody in a worker may read this")
        numpy = str(Path(np.__file__).parent)
        failed: dict[tuple[str, ...], OSError] = {}
        for surroundings in candidates(self._readable, str(self._work), numpy):
            if surroundings.name in WITHOUT or _brief(surroundings) in _FAILED:
                continue
            try:
                control = self._start(surroundings, str(canary), numpy)
            except OSError as error:
                failed[_brief(surroundings)] = error
                self._stop()
            else:
                _FAILED.update(failed)  # it was their fault, as it starts in others
                return control
        raise OSError(f"it starts in nothing: {[*failed.values()]}")

    def _start(self, surroundings: Surroundings, canary: str, numpy: str) -> socket.socket:
        ours, theirs = socket.socketpair()
        config = {
            "control": theirs.fileno(), "numpy": numpy, "oracle": str(Path(oracle.__file__).parent),
            "namespaces": surroundings.namespaces, "view": surroundings.view, "folder": str(self._work),
            "readable": self._readable, "listed": self._listed, "memory": self.limits.memory, "canary": canary,
            "without": sorted(WITHOUT),
        }  # fmt: skip
        boot = str(Path(__file__).with_name("boot.py"))
        command = [*surroundings.command, python(), "-I", "-S", "-B", "-X", "utf8", boot, json.dumps(config)]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd=self._work,
                start_new_session=True,
            )
        self._control, self.surroundings = ours, surroundings
        self._switches = bool(self._answer(_START))
        return ours

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


def _own_uid(number: int) -> int:
    """A user id that no other worker on this machine has: made of this process's id, which nobody else has now."""
    try:
        mapped = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    except (OSError, ValueError):
        mapped = 0
    low, span = (1 << 30, 1 << 28) if mapped > 3 << 29 else (20_000, 40_000)
    return low + (os.getpid() * 64 + number % 64) % span


class Worker:
    """One forked process with the submission loaded; `request` gives its answer, or says how it ended."""

    def __init__(self, server: ForkServer):
        self._server = server
        self.printed = bytearray()  # the first of what it wrote to stdout and stderr
        self._id = int.from_bytes(os.urandom(6), "little")
        self._channel, theirs = socket.socketpair()
        self._output, output = os.pipe()
        self._pid, self._descriptor = 0, None
        self._flood, self._oom = 0, killed_for_memory()
        try:
            self._pid, self._descriptor, self.folder = server.fork(theirs, output)
        except OSError as error:
            raise WorkerEnded(
                Failure("unjudged", f"no process for the code under test could be started: {error}")
            ) from None
        finally:
            theirs.close()
            os.close(output)
        self._channel.setblocking(False)
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._selector.register(self._output, selectors.EVENT_READ)
        self.held = self._introduced()

    def _introduced(self) -> tuple[str, ...]:
        """What of its lock held, as it said before it knew anything of the submission."""
        try:
            frame = unpack(lambda size: self._read(size, time.monotonic() + _START), TO_GRADER, 0)
        except (EOFError, OSError, ProtocolError):
            self._end(kill=True)
            raise WorkerEnded(Failure("unjudged", "the process for the code under test did not start")) from None
        return tuple(name for name in HELD if name in frame.text["held"])

    @property
    def level(self) -> str:
        """The isolation that it really has: "L0" to "L3"."""
        return level(self.held)

    def request(
        self, text: Mapping[str, Any], arrays: Mapping[str, np.ndarray], timeout: float, caps: Caps = TO_GRADER
    ) -> tuple[dict[str, Any], dict[str, np.ndarray], Failure | None]:
        """(text, arrays, None), or what had come before the end and why it ended. After an end the worker is closed."""
        deadline = time.monotonic() + timeout
        self._id += 1
        self._flood = 0
        said: dict[str, Any] = {"more": True}
        got: dict[str, np.ndarray] = {}
        try:
            self._refuse_unasked()
            for piece in pack(Frame(self._id, dict(text), dict(arrays)), TO_WORKER):
                self._write(piece, deadline)
            for _ in range(2):
                frame = unpack(lambda size: self._read(size, deadline), caps, self._id)
                said = frame.text
                got |= frame.arrays
                if said.get("more") is not True:
                    return said, got, None
            raise ProtocolError("a third answer to one request")
        except ProtocolError as error:
            self._end(kill=True)
            failure = Failure("protocol", f"the code under test wrote to the grader's channel: {error}")
        except _TooMuch as error:
            self._end(kill=True)
            failure = error.failure
        except TimeoutError:
            self._end(kill=True)
            failure = Failure("timeout", f"no answer within {timeout:g} s: an endless loop, or too slow")
        except (EOFError, ConnectionError):
            failure = self._meaning(self._end(kill=False))
        return {}, got, failure

    def close(self) -> None:
        if self._pid:
            self._end(kill=True)

    @property
    def alive(self) -> bool:
        return self._pid != 0

    # The channel, with a deadline

    def _wait(self, deadline: float, events: int) -> None:
        """Until the channel can be used, draining what the worker prints meanwhile, so that it never waits for us."""
        self._selector.modify(self._channel, events)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = [key.fileobj for key, _ in self._selector.select(min(left, _TICK))]
            if not ready:
                self._look_at_disk()
            if self._output in ready:
                self._drain()
            if self._channel in ready:
                return

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._output, 1 << 16)
            self.printed += chunk[: OUTPUT_KEPT - len(self.printed)]
            self._flood += len(chunk)
            if not chunk:
                self._selector.unregister(self._output)
        if self._flood > self._server.limits.printed:
            raise _TooMuch("output", f"printed more than {self._server.limits.printed // MB} MB")

    def _look_at_disk(self) -> None:
        size = count = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(place, name)).st_size
            count += 1 + len(names)
            if size > self._server.limits.disk or count > _MOST_FILES:
                most = f"{self._server.limits.disk // MB} MB, or {_MOST_FILES} files,"
                raise _TooMuch("disk", f"wrote more than {most} to its folder")

    def _write(self, piece: bytes | memoryview, deadline: float) -> None:
        view = memoryview(piece)
        while view:
            try:
                view = view[self._channel.send(view[:_CHUNK]) :]
            except BlockingIOError:
                self._wait(deadline, selectors.EVENT_READ | selectors.EVENT_WRITE)
                self._refuse_unasked()

    def _read(self, size: int, deadline: float) -> bytearray:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            try:
                count = self._channel.recv_into(view)
            except BlockingIOError:
                self._wait(deadline, selectors.EVENT_READ)
                continue
            if not count:
                raise EOFError
            view = view[count:]
        return buffer

    def _refuse_unasked(self) -> None:
        """Before a request there is nothing to be read: an answer to what was not asked yet is somebody else's."""
        with contextlib.suppress(BlockingIOError):
            if self._channel.recv(1, socket.MSG_PEEK):
                raise ProtocolError("an answer before the question")

    def _end(self, kill: bool) -> int:
        """Make sure that the process is gone, and everything of it; its wait status."""
        with contextlib.suppress(OSError, KeyError, ValueError, _TooMuch):
            self._drain()
        status = self._server.reap(self._pid, kill, self._descriptor)
        if status == RUNS:  # it closed its channel and went on
            self._server.reap(self._pid, kill=True, descriptor=self._descriptor)
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._pid = 0
        self._selector.close()
        self._channel.close()
        os.close(self._output)
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def _meaning(self, status: int) -> Failure:
        """What the end of the process without an answer means."""
        if status == RUNS:
            return Failure("protocol", "the code under test closed the grader's channel")
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            said = "the code under test ended the program (os._exit or sys.exit)"
            return Failure("ended", f"{said} with exit code {code}")
        if -code == signal.SIGKILL:
            if self._oom is not None and self._oom == killed_for_memory():
                return Failure(
                    "ended", "was ended by SIGKILL, and not for want of memory: it may have sent it to itself"
                )
            return Failure("memory", "needed more memory than there was, and the system ended it")
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return Failure("ended", f"crashed ({name}): a stack overflow, or a bad pointer")
