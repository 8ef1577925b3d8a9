"""The process that runs foreign code.

One fork server per submission has NumPy imported and never runs a line of the submission; for each layer it forks a
worker, which costs milliseconds where a start costs a tenth of a second. What a worker breaks ends with it.

On the control channel the grader says one of
    b"fork" with two descriptors (the worker's channel, its output)    answer: the worker's process id
    b"reap" and an id                                                  answer: its wait status, -1 while it runs
    b"kill" and an id                                                  the same, after SIGKILL to it and its group
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from typing import Any

import numpy as np

from oracle.subjects import Answer, Failure
from oracle.subjects.attempt import failure
from oracle.subjects.plan import Plan, arrays_of, execute, shape_of
from oracle.worker.loading import Submission
from oracle.worker.protocol import LISTING, TO_GRADER, TO_WORKER, Frame, ProtocolError, pack, strided, unpack

CONTROL = struct.Struct("<4si")
RUNS = -1  # the wait status of a process that has not ended
_RAISED = 4  # top-level statements whose exception is told
EXIT_REPORT = 0.2  # seconds in which a process whose channel closed must have ended


def fork_server(descriptor: int) -> None:
    """Serve until the grader is gone; then end what still runs."""
    control = socket.socket(fileno=descriptor)
    workers: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, CONTROL.size, 2)
        if len(message) < CONTROL.size:
            break
        command, pid = CONTROL.unpack(message)
        if command == b"fork":
            workers.add(pid := _fork(control, *descriptors))
            control.sendall(CONTROL.pack(command, pid))
        elif pid in workers:
            if command == b"kill":
                _kill(pid)
            status = _status(pid)
            if status != RUNS:
                workers.discard(pid)
            control.sendall(CONTROL.pack(command, status))
    for pid in workers:
        _kill(pid)


def _fork(control: socket.socket, channel: int, output: int) -> int:
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # both sides do it: whichever comes first
            os.setpgid(pid, pid)
        os.close(channel)
        os.close(output)
        return pid
    try:
        os.setpgid(0, 0)
        control.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        Worker(socket.socket(fileno=channel)).serve()
    finally:
        os._exit(0)  # no exit handlers: they belong to the fork server, or to the submission


def _kill(pid: int) -> None:
    """The worker, and what it started in its own process group. It is not reaped yet, so its id is still its own."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def _status(pid: int) -> int:
    end = time.monotonic() + EXIT_REPORT
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > end:
            return RUNS
        time.sleep(0.001)


class Worker:
    """Answers one request after the other: load the submission, run a plan, show what a class is made of."""

    def __init__(self, channel: socket.socket):
        self._channel = channel
        self._submission: Submission | None = None

    def serve(self) -> None:
        while True:
            try:
                frame = unpack(self._read, TO_WORKER)
            except EOFError:
                return
            if frame.text["do"] == "load":
                self._load(frame)
            else:
                self._run(frame)

    def _load(self, frame: Frame) -> None:
        text = frame.text
        os.chdir(text["folder"])
        os.environ.update(HOME=text["folder"], TMPDIR=text["folder"])
        tempfile.tempdir = None
        self._submission = Submission(text["path"], text["module"], text["packages"], text["roots"])
        try:
            raised = self._submission.run(frame.arrays["source"].tobytes().decode(), text["only_definitions"])
            failures = [failure(error, self._submission.locate) for error in raised[:_RAISED]]
            said = {"defines": self._submission.defines(), "raised": [_failure(each) for each in failures]}
            self._send(Frame(frame.id, said), LISTING)
        except BaseException as error:  # what a file does to the functions that look at it
            answer = Answer(failures={"load": failure(error, self._submission.locate)})
            self._send(Frame(frame.id, _text(answer)), TO_GRADER)

    def _run(self, frame: Frame) -> None:
        assert self._submission is not None
        text = frame.text
        layouts = text.get("strides", {})
        arrays = {n: strided(a, layouts[n]) if n in layouts else a for n, a in frame.arrays.items()}
        seen: dict[str, Any] = {}

        def look(moment: str, thing: Any) -> None:
            if text["do"] == "look":
                seen[moment] = arrays_of(thing) if moment in ("made", "done") else shape_of(thing)

        sent: dict[str, np.ndarray] = {}

        def report(answer: Answer) -> None:
            self._send(Frame(frame.id, {"more": True}, answer.tensors), TO_GRADER)
            sent.update(answer.tensors)

        plan, namespace, locate = Plan.from_json(text["plan"]), self._submission.namespace, self._submission.locate
        try:
            answer = execute(plan, namespace, arrays, locate, report if plan.backward else None, look)
            rest = {name: array for name, array in answer.tensors.items() if name not in sent}
            self._send(Frame(frame.id, _text(answer) | {"seen": seen}, rest), LISTING if seen else TO_GRADER)
        except ProtocolError as error:  # too large, or of a kind that cannot be sent: that is the answer then
            refused = Answer(failures={"backward" if sent else "forward": Failure("ValueError", str(error))})
            self._send(Frame(frame.id, _text(refused)), TO_GRADER)

    def _send(self, frame: Frame, caps: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the submission may have closed or replaced it
                stream.flush()
        for piece in pack(frame, caps):
            self._channel.sendall(piece)

    def _read(self, size: int) -> bytearray:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = self._channel.recv_into(view)
            if not count:
                raise EOFError
            view = view[count:]
        return buffer


def _text(answer: Answer) -> dict[str, Any]:
    """All of an answer but its tensors, cut to what the grader accepts."""
    return {
        "failures": {phase: _failure(said) for phase, said in answer.failures.items()},
        "modified": list(answer.modified),
        "notes": [_plain(note, 60) for note in answer.notes[:4]],
    }


def _failure(said: Failure) -> list[str]:
    return [_plain(said.kind, 60), _plain(said.message, 500), _plain(said.where, 100)]


def _plain(text: str, length: int) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:length])
