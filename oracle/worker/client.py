"""The grader's side of the worker. It never waits without a deadline, neither in reading nor in writing, and says what
an end without an answer means.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from oracle.subjects import Failure
from oracle.worker.limits import MB, killed_for_memory
from oracle.worker.lockdown import HELD, level
from oracle.worker.protocol import TO_GRADER, TO_WORKER, Caps, Frame, ProtocolError, pack, unpack
from oracle.worker.server import RUNS
from oracle.worker.starting import START, ForkServer

OUTPUT_KEPT = 64 << 10  # bytes of what the code under test prints
_TICK = 0.2  # seconds between two looks at what a busy worker writes to its folder
_MOST_FILES = 1000
_CHUNK = 1 << 18


class WorkerEnded(Exception):
    """No answer came; the worker is gone."""

    def __init__(self, failure: Failure):
        super().__init__(failure.message)
        self.failure = failure


class _TooMuch(Exception):
    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.failure = Failure(kind, message)


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
            self._channel.close()
            os.close(self._output)
            said = f"no process for the code under test could be started: {error}"
            raise WorkerEnded(Failure("unjudged", said)) from None
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
            frame = unpack(lambda size: self._read(size, time.monotonic() + START), TO_GRADER, 0)
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
