"""Someone's file: its worker processes, and the layers in it as subjects. What a worker sends back is not trusted."""

from __future__ import annotations

import ast
import builtins
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oracle.subjects import Answer, Call, Failure, Subject
from oracle.subjects.binding import Binding
from oracle.subjects.differences import DIFFERENCES
from oracle.subjects.hints import excused, hint, not_imported
from oracle.subjects.neighbours import neighbours
from oracle.subjects.notebook import Place, code_of
from oracle.subjects.plan import Plan
from oracle.subjects.reading import (
    decoded,
    highest_relative,
    packages_around,
    statements,
    uses_old_numpy,
    uses_xrange,
)
from oracle.worker.client import Worker, WorkerEnded
from oracle.worker.limits import MB, IsolationError, Limits, demand
from oracle.worker.protocol import LISTING, TO_GRADER, Caps, ProtocolError, strides_of
from oracle.worker.starting import server

_RETURNED = re.compile(r"\w+ returned .+ was expected")  # oracle.subjects.plan
_LINE = re.compile(r"([^\0]{1,100}), line (\d{1,7})")
_NUMPYS = {"LinAlgError", "AxisError", "UFuncTypeError", "_UFuncNoLoopError", "_UFuncBinaryResolutionError"}
_OWN_KINDS = {"ended", "memory", "Unavailable"}


class File:
    """One Python file or notebook, read once. `fork` gives a worker process that has run it.

    broken   blocks that are no Python: (line, what Python says, the line itself)
    raised   top-level statements that raised when it was loaded
    """

    def __init__(self, path: Path, limits: Limits):
        self.path, self.limits = path, limits
        self._cells: list[Place] = []
        if path.suffix == ".ipynb":
            self.text, self._cells = code_of(path.read_bytes())
        else:
            self.text = decoded(path.read_bytes())
        body, self.broken = statements(self.text, str(path))
        self.tree = ast.Module(body, [])
        self._python_2 = uses_xrange(self.tree)
        self.raised: list[Failure] = []
        self.isolation = ""  # what its workers have
        self._only_definitions = False
        folders = list(packages_around(path))
        top, relative = folders[-1].parent if folders else path.parent, highest_relative(self.tree)
        package = folders[-1] if folders else None
        while len(folders) < relative and top != top.parent:  # `from .util import im2col` without any __init__.py
            folders, top = [*folders, top], top.parent
        parts = [re.sub(r"\W", "_", folder.name) for folder in reversed(folders)] + [path.stem]
        if parts[0] in sys.stdlib_module_names | {"numpy", "oracle"}:  # a file called random.py is not the library's
            parts[0] = f"submission_{parts[0]}"
        self._packages = {".".join(parts[: count + 1]): str(folder) for count, folder in enumerate(reversed(folders))}
        self._module = ".".join(parts)
        # the folder above: courses import "cs231n.im2col" and "common.util", and not all of them have an __init__
        self._roots = list(dict.fromkeys(map(str, (top, path.parent, path.parent.parent))))
        self._server = server(*neighbours(self.tree, path, package, self._roots), limits)

    @property
    def surroundings(self) -> str:
        """What stands around the processes that run it."""
        return self._server.surroundings.name if self._server.surroundings else ""

    def fork(self, end: float = np.inf) -> tuple[Worker, dict[str, Any]]:
        """(a worker, what the file defines). A script that trains for hours is loaded without what it does beside its
        definitions. Raises WorkerEnded with the reason where it cannot be run, or not before `end`."""
        try:
            return self._fork(end)
        except WorkerEnded as error:
            if error.failure.kind == "unjudged" or self._only_definitions:
                raise
            self._only_definitions = True
            try:
                forked = self._fork(end)
            except WorkerEnded:
                self._only_definitions = False
            else:
                self.raised.insert(0, error.failure)
                return forked
            raise

    def _fork(self, end: float) -> tuple[Worker, dict[str, Any]]:
        worker = Worker(self._server)
        try:  # a worker that is started again is as isolated as the first
            demand(self.isolation or self.limits.require, worker.level)
        except IsolationError:
            worker.close()
            raise
        self.isolation = worker.level
        text = {"do": "load", "path": str(self.path), "module": self._module, "packages": self._packages,
                "roots": self._roots, "only_definitions": self._only_definitions}  # fmt: skip
        source = np.frombuffer(self.text.encode(), np.uint8)
        said, _, failure = self.ask(worker, text, {"source": source}, LISTING, end)
        if failure is None and "defines" not in said:
            failure = self.failures(said).get("load", _GARBLED)
        if failure is not None:
            worker.close()
            raise WorkerEnded(failure)
        reported = said.get("raised")
        self.raised = [
            self._failure(entry) for entry in (reported if isinstance(reported, list) else ()) if _strings(entry, 3)
        ]
        return worker, said["defines"]

    def ask(
        self, worker: Worker, text: Mapping[str, Any], arrays: Mapping[str, np.ndarray], caps: Caps, end: float
    ) -> tuple[dict[str, Any], dict[str, np.ndarray], Failure | None]:
        """What the worker answers within the limits and before `end`, a moment of time.monotonic at which the budget
        ends: what it cuts short is no fault of the code."""
        left = max(end - time.monotonic(), 0.0)
        said, tensors, failure = worker.request(text, arrays, min(self.limits.seconds, left), caps)
        if failure is not None and failure.kind == "timeout" and left < self.limits.seconds:
            failure = Failure("unjudged", "the budget ended before it gave an answer")
        return said, tensors, failure

    def failures(self, said: Mapping[str, Any]) -> dict[str, Failure]:
        """The failures that a worker reports: exception types only if they are known, lines only if they are this
        file's, and as they stand in the grader's own copy of it."""
        found = {}
        reported = said.get("failures")
        for phase, entry in reported.items() if isinstance(reported, dict) else ():
            if phase in ("load", "forward", "backward") and _strings(entry, 3):
                found[phase] = self._failure(entry)
        return found

    def _failure(self, entry: Sequence[str]) -> Failure:
        kind, message, place = entry
        known = isinstance(getattr(builtins, kind, None), type) or kind in _NUMPYS or kind in _OWN_KINDS
        if why := excused(kind, message, self._python_2) or not_imported(kind, message, self.raised):
            return Failure("unjudged", why, *self._line(place))
        said = hint(kind, message)
        if kind == "memory":
            message = f"more than {self.limits.memory // MB} MB: {message}"
        return Failure(kind if known else "Exception", printable(message) + said, *self._line(place))

    def where(self, line: int) -> str:
        """ "line 12", "cell 3, line 5" of a notebook"""
        if not self._cells:
            return f"line {line}"
        cell, inside = self._cells[min(line, len(self._cells)) - 1]
        return f"cell {cell}, line {inside}"

    def _line(self, place: str) -> tuple[str, str]:
        """(where, source) of "layers.py, line 12"."""
        match = _LINE.fullmatch(place)
        if match is None:
            return "", ""
        name, number = match[1], int(match[2])
        own = name == self.path.name
        lines = self.text.splitlines() if own else self._neighbour(name)
        if not 1 <= number <= len(lines):
            return "", ""
        return f"{name}, {self.where(number)}" if own else place, lines[number - 1].strip()

    def _neighbour(self, name: str) -> list[str]:
        """The lines of another file below the submission's folders."""
        for root in map(Path, self._roots):
            path = (root / name).resolve()
            if path.suffix == ".py" and path.is_relative_to(root.resolve()) and path.is_file():
                try:
                    return decoded(path.read_bytes()).splitlines()
                except (SyntaxError, OSError):
                    break
        return []

    def close(self) -> None:
        self._server.close()


class Session:
    """A worker of a file that is started again after its end."""

    def __init__(self, file: File):
        self._file = file
        self._worker: Worker | None = None

    @property
    def file(self) -> File:
        return self._file

    def run(
        self, plan: Plan, arrays: Mapping[str, np.ndarray], look: bool = False, end: float = np.inf
    ) -> tuple[Answer, dict[str, Any]]:
        """(the answer in the file's own layout, what a trial run saw). Nothing is waited for after `end`."""
        strides = {name: strides for name, array in arrays.items() if (strides := strides_of(array)) is not None}
        text = {"do": "look" if look else "run", "plan": plan.to_json(), "strides": strides}
        try:
            if self._worker is None or not self._worker.alive:
                self._worker, _ = self._file.fork(end)
        except WorkerEnded as error:
            return Answer(failures={"forward": error.failure}), {}
        caps = LISTING if look else TO_GRADER
        said, tensors, failure = self._file.ask(self._worker, text, arrays, caps, end)
        if failure is not None:
            return Answer(tensors, {"backward" if tensors else "forward": failure}), {}
        modified, notes, seen = said.get("modified"), said.get("notes"), said.get("seen")
        return Answer(
            tensors,
            self._file.failures(said),
            tuple(name for name in arrays if name in modified) if isinstance(modified, list) else (),
            tuple(map(printable, notes)) if notes and _strings(notes) else (),
        ), seen if isinstance(seen, dict) else {}

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._worker = None


class FileSubject(Subject):
    """One layer of a file, run in a worker of its own. `guessed` is the course that a function was taken for by its
    name alone: one that returns something else is nobody's homework then."""

    def __init__(self, binding: Binding, session: Session, guessed: str = ""):
        self.spec, self.implements = binding.spec, binding.implements
        self.conventions, self.fixed, self.says = binding.conventions, binding.fixed, binding.says
        old = ("old-numpy",) if uses_old_numpy(session.file.tree) else ()
        self.notes = [(id, DIFFERENCES[id].text) for id in (*binding.differences, *old)]
        self.binding, self._session, self._guessed = binding, session, guessed

    def takes(self, settings: Mapping[str, Any], training: bool, shapes: Mapping | None = None) -> bool:
        return self.binding.takes(settings, shapes, training)

    def lacks(self, call: Call, tensor: str) -> bool:
        return self.binding.lacks(call, tensor)

    def run(self, call: Call) -> Answer:
        try:
            answer, _ = self._session.run(self.binding.plan_for(call), self.binding.arrays_for(call))
        except ProtocolError as error:  # the case itself is too large to be sent
            return Answer(failures={"forward": Failure("unjudged", str(error))})
        failure = answer.failures.get("forward")
        if self._guessed and failure is not None and _RETURNED.fullmatch(failure.message):
            said = f"{failure.message}; where it is to be {self._guessed}'s, say --convention {self._guessed}"
            return Answer(failures={"forward": Failure("unjudged", said)})
        return self.binding.answer_for(call, answer)

    def close(self) -> None:
        self._session.close()


_GARBLED = Failure("protocol", "the code under test wrote to the grader's channel")


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _strings(value: Any, count: int | None = None) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value) and count in (None, len(value))
