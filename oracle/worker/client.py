"""The grader's side of the worker. It never waits without a deadline, neither in reading nor in writing, and says what
an end without an answer means.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from oracle.subjects import Failure
from oracle.worker.protocol import TO_GRADER, TO_WORKER, Caps, Frame, ProtocolError, pack, unpack
from oracle.worker.server import CONTROL, RUNS

OUTPUT_KEPT = 64 << 10  # bytes of what the code under test prints
_START = 30.0  # seconds for the fork server to start on a machine that is busy; a fork takes milliseconds
_CHUNK = 1 << 18

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


class ForkServer:
    """The process that forks workers; started when first needed, and again after its end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None

    def fork(self, channel: socket.socket, output: int) -> int:
        """A worker on these two descriptors; its process id."""
        control = self._started()
        socket.send_fds(control, [CONTROL.pack(b"fork", 0)], [channel.fileno(), output])
        return self._answer(_START)

    def reap(self, pid: int, kill: bool) -> int:
        """The wait status of a worker that has ended, or that is killed now; RUNS where it did not end."""
        if self._control is None:
            return RUNS
        try:
            self._control.sendall(CONTROL.pack(b"kill" if kill else b"reap", pid))
            return self._answer(5.0)
        except OSError:  # the server itself is gone, which only the code under test can have done: it is all ended now
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
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
        if self._process is not None and self._process.poll() is None and self._control is not None:
            return self._control
        self.close()
        ours, theirs = socket.socketpair()
        boot = Path(__file__).with_name("boot.py")
        folders = [str(Path(np.__file__).parent), str(Path(__file__).parent.parent)]
        command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(boot), *folders, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd=tempfile.gettempdir(),
                start_new_session=True,
            )
        self._control = ours
        return ours

    def close(self) -> None:
        """End the server; it ends its workers when the channel closes, and is given a moment to do so."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._control = None


class Worker:
    """One forked process with the submission loaded; `request` gives its answer, or says how it ended."""

    def __init__(self, server: ForkServer):
        self._server = server
        self.folder = tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True)
        self.printed = bytearray()  # the first of what it wrote to stdout and stderr
        self._id = int.from_bytes(os.urandom(6), "little")
        self._channel, theirs = socket.socketpair()
        self._output, output = os.pipe()
        self._pid = 0
        try:
            self._pid = server.fork(theirs, output)
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

    def request(
        self, text: Mapping[str, Any], arrays: Mapping[str, np.ndarray], timeout: float, caps: Caps = TO_GRADER
    ) -> tuple[dict[str, Any], dict[str, np.ndarray], Failure | None]:
        """(text, arrays, None), or what had come before the end and why it ended. After an end the worker is closed."""
        deadline = time.monotonic() + timeout
        self._id += 1
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
        except TimeoutError:
            self._end(kill=True)
            failure = Failure("timeout", f"no answer within {timeout:g} s: an endless loop, or too slow")
        except (EOFError, ConnectionError):
            failure = _meaning(self._end(kill=False))
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
            ready = [key.fileobj for key, _ in self._selector.select(left)]
            if self._output in ready:
                self._drain()
            if self._channel in ready:
                return

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._output, 1 << 16)
            self.printed += chunk[: OUTPUT_KEPT - len(self.printed)]
            if not chunk:
                self._selector.unregister(self._output)

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
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._drain()
        status = self._server.reap(self._pid, kill)
        if status == RUNS:  # it closed its channel and went on
            self._server.reap(self._pid, kill=True)
        self._pid = 0
        self._selector.close()
        self._channel.close()
        os.close(self._output)
        self.folder.cleanup()
        return status


def _meaning(status: int) -> Failure:
    """What the end of a process without an answer means."""
    if status == RUNS:
        return Failure("protocol", "the code under test closed the grader's channel")
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Failure("ended", f"the code under test ended the program (os._exit or sys.exit) with exit code {code}")
    if -code == signal.SIGKILL:
        return Failure("memory", "needed more memory than there was, and the system ended it")
    return Failure("ended", f"crashed ({signal.Signals(-code).name}): a stack overflow, or a bad pointer")
