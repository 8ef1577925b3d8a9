"""The process that runs foreign code.

One fork server per submission has NumPy imported and never runs a line of the submission; for each layer it forks a
worker, which costs milliseconds where a start costs a tenth of a second. What a worker breaks ends with it.

It begins with b"here", and whether workers get a user id of their own. Then the grader says one of
    b"fork", a number, a user id, with two descriptors (the worker's channel, its output)
                          answer: the worker's process id, with a descriptor of the process where there are such
    b"reap" and an id     answer: its wait status, -1 while it runs
    b"kill" and an id     the same, after SIGKILL to it and its group
The worker's first frame, before it has seen anything of the submission, says what of its lock held.
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
from pathlib import Path
from typing import Any

import numpy as np

from oracle.subjects import Answer, Failure
from oracle.subjects.attempt import failure
from oracle.subjects.plan import Plan, arrays_of, execute, shape_of
from oracle.worker import kernel, one_number
from oracle.worker.loading import Submission
from oracle.worker.lockdown import Lock
from oracle.worker.protocol import LISTING, TO_GRADER, TO_WORKER, Frame, ProtocolError, pack, strided, unpack

CONTROL = struct.Struct("<4siI")
RUNS = -1  # the wait status of a process that has not ended
_RAISED = 4  # top-level statements whose exception is told
EXIT_REPORT = 0.2  # seconds in which a process whose channel closed must have ended


def fork_server(config: dict[str, Any]) -> None:
    """Serve until the grader is gone; then end what still runs."""
    control = socket.socket(fileno=config["control"])
    for name, module in sys.modules.items():  # all of the oracle that a worker needs is there: no more can be imported
        if name.partition(".")[0] == "oracle" and hasattr(module, "__path__"):
            module.__path__ = []
    lock = Lock(config["readable"], config["listed"], config["memory"], config["view"], config["folder"],
                config["canary"], config["without"])  # fmt: skip
    if kernel.LINUX:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    control.sendall(CONTROL.pack(b"here", lock.switches, 0))
    workers: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, CONTROL.size, 2)
        if len(message) < CONTROL.size:
            break
        command, number, uid = CONTROL.unpack(message)
        if command == b"fork":
            folder = os.path.join(config["folder"], str(number))
            workers.add(pid := _fork(control, lock, uid, folder, *descriptors))
            _introduce(control, pid)
        elif number in workers:
            if command == b"kill":
                _kill(number)
            status = _status(number)
            if status != RUNS:
                workers.discard(number)
                if lock.forks:
                    _end_strays(workers)
            control.sendall(CONTROL.pack(command, status, 0))
    for pid in workers:
        _kill(pid)
    if lock.forks:
        _end_strays(set())


def spawned(config: dict[str, Any]) -> None:
    """One worker in a process of its own, which was started for it."""
    channel, folder = config["channel"], config["own"]
    lock = Lock(config["readable"], config["listed"], config["memory"], config["view"], config["folder"],
                config["canary"], config["without"])  # fmt: skip
    worker = Worker(socket.socket(fileno=channel), folder)
    worker.serve(lock.apply(0, folder, channel, os.getppid()))


def _fork(control: socket.socket, lock: Lock, uid: int, folder: str, channel: int, output: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(channel)
        os.close(output)
        return pid
    try:
        os.setsid()
        control.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        worker = Worker(socket.socket(fileno=channel), folder)  # it asks for the socket's kind, which the lock refuses
        worker.serve(lock.apply(uid, folder, channel, parent))
    finally:
        os._exit(0)  # no exit handlers: they belong to the fork server, or to the submission


def _introduce(control: socket.socket, pid: int) -> None:
    """Tell the grader of a new worker. A descriptor of a process, unlike its number, is never another one's."""
    message = CONTROL.pack(b"fork", pid, 0)
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        control.sendall(message)
        return
    socket.send_fds(control, [message], [descriptor])
    os.close(descriptor)


def _kill(pid: int) -> None:
    """The worker, and what it started in its own process group. It is not reaped yet, so its id is still its own."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def _end_strays(workers: set[int]) -> None:
    """End what workers that are gone have left behind: their orphans become this process's children, and the orphans'
    children after them, until there is none."""
    for _ in range(1000):
        try:
            text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        except OSError:
            return
        strays = {int(word) for word in text.split()} - workers
        if not strays:
            return
        for pid in strays:
            _kill(pid)
        for pid in strays:
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


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

    def __init__(self, channel: socket.socket, folder: str):
        self._channel, self._folder = channel, folder
        self._submission: Submission | None = None

    def serve(self, held: list[str]) -> None:
        self._send(Frame(0, {"held": held}), TO_GRADER)
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
        os.chdir(self._folder)
        os.environ.update(HOME=self._folder, TMPDIR=self._folder)
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
        one_number.notes.clear()
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
        "notes": [_plain(note, 80) for note in (*one_number.notes, *answer.notes[:3])],
    }


def _failure(said: Failure) -> list[str]:
    return [_plain(said.kind, 60), _plain(said.message, 500), _plain(said.where, 100)]


def _plain(text: str, length: int) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:length])
