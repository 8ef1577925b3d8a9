"""What a user asks to be judged, opened: `scratchnet`, `naive`, a .py file, a folder, `package.module[:Name]`."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from oracle.layers import SPECS
from oracle.subjects import Failure, Subject
from oracle.subjects.archive import ArchiveError, unpack
from oracle.subjects.classes import Unreadable, bind, described, settled
from oracle.subjects.conventions import CONVENTIONS, TORCH, UNSUPPORTED
from oracle.subjects.file import File, FileSubject, Session
from oracle.subjects.mapping import Map, parse_map
from oracle.subjects.names import spec_of
from oracle.subjects.reading import imports, python_2, static_methods, unfilled
from oracle.subjects.recognise import Defined, recognised
from oracle.worker.client import WorkerEnded
from oracle.worker.limits import IN_PROCESS, Limits, demand, least

KNOWN_CONVENTIONS = ("auto", "scratchnet", "torch", *CONVENTIONS, "class")
_IMPORTS = ("ImportError", "ModuleNotFoundError")  # at the top of a file: what its layers may need
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


class TargetError(ValueError):
    """A target that cannot be opened; the message says why, and what can be done."""


@dataclass
class Target:
    """subjects   what can be judged
    missing    (spec, functions) that the file has as an unfilled template
    problems   what looks like a layer and cannot be judged, and why
    unjudged   (spec, functions, reason) that cannot be judged at all
    bindings   what each function or class was taken for, and how it is called
    """

    name: str
    convention: str
    isolation: str
    subjects: list[Subject] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unjudged: list[tuple[str, str, str]] = field(default_factory=list)
    bindings: list[str] = field(default_factory=list)
    _close: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """End every process that runs the target's code."""
        while self._close:
            self._close.pop()()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class Asked:
    """What the user wants of a target, and says of it."""

    wanted: Sequence[str]
    convention: str
    limits: Limits
    told: Map


def open_target(
    text: str, specs: Iterable[str] | None = None, convention: str = "auto", timeout: float = 10.0, map_text: str = "",
    limits: Limits | None = None,
) -> Target:
    """The target that `text` names, with the layers among `specs` (default: every layer that the oracle knows).

    timeout   seconds that the file has to load, and then for each case
    limits    what it may use, and the isolation that it must have; its seconds count, where it is given
    map_text  what cannot be guessed of a class: see oracle.subjects.mapping
    Raises TargetError for a file that does not exist, does not parse, raises on import, or has nothing to judge.
    """
    if convention not in KNOWN_CONVENTIONS:
        raise TargetError(f"convention {convention!r} is not known; known are {', '.join(KNOWN_CONVENTIONS)}")
    asked = Asked(tuple(SPECS if specs is None else specs), convention, limits or Limits(timeout), parse_map(map_text))
    if text in ("scratchnet", "naive"):
        target = _own(text, asked.wanted)
    elif text.endswith((".py", ".ipynb", ".zip")) or "/" in text or Path(text).is_dir():
        target = _path(Path(text), asked)
    else:
        target = _module(text, asked)
    if not (target.subjects or target.missing or target.unjudged):
        target.close()
        raise TargetError(_nothing(target, specs))
    return target


def _nothing(target: Target, specs: Iterable[str] | None) -> str:
    asked = f"no {' or '.join(specs)}" if specs is not None else "no layer that can be judged"
    problems = "".join(f"\n  {problem}" for problem in target.problems)
    return (
        f"{target.name}: {asked} was found. Known are the functions of CS231n's assignments (conv_forward_naive, ...) "
        f"and classes called as layers are (Conv2D, Linear, MaxPool2D, ReLU, ...){problems}"
    )


def _own(name: str, wanted: Sequence[str]) -> Target:
    from oracle.subjects import naive, scratchnet

    subjects = {"scratchnet": scratchnet, "naive": naive}[name].subjects(wanted)
    return Target(name, "scratchnet", IN_PROCESS, list(subjects))


def _path(path: Path, asked: Asked) -> Target:
    if not path.exists():
        raise TargetError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return _folder(path, asked)
    if path.suffix == ".zip":
        return _zip(path, asked)
    if path.suffix not in (".py", ".ipynb"):
        raise TargetError(f"{path}: a .py file, a notebook, a folder, a zip or the name of a module was expected")
    return _file(path, str(path), asked)


def _zip(path: Path, asked: Asked) -> Target:
    """The folder that is in it, in a place of its own that goes with the target."""
    place = tempfile.TemporaryDirectory(prefix="oracle-zip-", ignore_cleanup_errors=True)
    try:
        unpack(path, Path(place.name))
        target = _folder(Path(place.name), asked)
    except ArchiveError as error:
        place.cleanup()
        raise TargetError(f"{path}: {error}") from None
    target.name = str(path)
    target._close.insert(0, place.cleanup)
    return target


def _folder(path: Path, asked: Asked) -> Target:
    """All files below the folder that define something that can be judged, as one target."""
    whole = Target(str(path), asked.convention, "L3")
    found = set()
    for file in sorted(file for file in path.rglob("*") if file.suffix in (".py", ".ipynb")):
        parts = file.relative_to(path).parts
        if any(part.startswith(".") or part in _SKIPPED for part in parts):
            continue
        name = str(file.relative_to(path))
        try:
            if not _promising(file):
                continue
            part = _file(file, name, asked)
        except TargetError as error:
            whole.problems.append(str(error))
            continue
        if not part.subjects:
            part.close()
        for subject in part.subjects:
            subject.implements = f"{name}: {subject.implements}"
        found |= {part.convention} if part.subjects else set()
        whole.isolation = least(whole.isolation, part.isolation)
        whole.subjects += part.subjects
        whole.unjudged += [(spec, f"{name}: {names}", reason) for spec, names, reason in part.unjudged]
        whole.missing += [(spec, f"{name}: {implements}") for spec, implements in part.missing]
        whole.problems += part.problems
        whole.bindings += [f"{name}: {line}" for line in part.bindings]
        whole._close += part._close
    whole.convention = "+".join(sorted(found)) or asked.convention
    return whole


def _promising(path: Path) -> bool:
    """Whether the text has a name that a convention knows: then it is worth a process."""
    text = path.read_bytes()
    functions = {row.plan.forward.function.rpartition(".")[2].encode() for rows in CONVENTIONS.values() for row in rows}
    return b"class " in text or any(name in text for name in functions)


def _file(
    path: Path, name: str, asked: Asked, only: str | None = None
) -> Target:
    try:
        file = File(path.resolve(), asked.limits)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
        raise TargetError(f"{name} cannot be read: {error}") from None
    packages = imports(file.tree)
    for package in packages & UNSUPPORTED.keys():
        raise TargetError(f"{name} cannot be judged: {UNSUPPORTED[package]}")
    if "torch" in packages and (course := _torch_rows(file, name, asked, only)) is not None:
        return course
    old = python_2(file.text) if file.broken else []
    if old:
        return _python_2(Target(name, asked.convention, "L0"), file, old, asked)
    try:
        worker, defines = file.fork()
        worker.close()
    except WorkerEnded as error:
        file.close()
        raise TargetError(f"{name} cannot be loaded: {_said(error.failure, file)}") from None
    target = Target(name, asked.convention, file.isolation, _close=[file.close])
    target.problems += [f"{name}, {file.where(line)} is no Python that can be read: {why}: `{text}`"
                        for line, why, text in file.broken]  # fmt: skip
    try:
        _recognise(target, file, defines, asked, only)
        quiet = file.path.suffix == ".ipynb" and target.subjects  # plots and the course's tests are left out
        said = [failure for failure in file.raised if not quiet or failure.kind in _IMPORTS]
        target.problems += [f"{name}, did not run: {_said(failure, file)}" for failure in said]
    except BaseException:
        target.close()
        raise
    return target


def _torch_rows(file: File, name: str, asked: Asked, only: str | None) -> Target | None:
    """A course's file on torch tensors, run in this process; None where it has nothing of the kind."""
    steps = {row.plan.forward.function for course in TORCH for row in CONVENTIONS[course]}
    if not steps & static_methods(file.tree) or asked.convention not in ("auto", *TORCH):
        return None
    if asked.convention == "auto":  # never unasked: whoever imports torch would get out of the worker by it
        raise TargetError(
            f"{name} is torch code as EECS 498 has it, which runs in this process and sees what it knows; "
            f"where you trust it, say --convention eecs"
        )
    from oracle.subjects.torch_file import TorchFileSubject, load

    demand(asked.limits.require, IN_PROCESS)
    try:
        namespace, defines = load(file.path)
    except Exception as error:  # whatever someone's module does on import
        raise TargetError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
    found = recognised(Defined.of(defines), unfilled(file.tree), asked.wanted, asked.convention, only, torch=True)
    target = Target(name, "eecs", IN_PROCESS, missing=found.missing)
    target.subjects += [TorchFileSubject(row, namespace) for _, row in found.rows]
    target.bindings += [f"{row.implements} -> {row.spec} ({course})" for course, row in found.rows]
    return target if found.rows or found.missing else None


def _recognise(
    target: Target, file: File, defines: dict[str, Any], asked: Asked, only: str | None
) -> None:
    """Fill the target with what the file defines: what the courses ask for first, then classes of any shape."""
    empty = unfilled(file.tree)
    defined = Defined.of(defines)
    known = recognised(defined, empty, asked.wanted, asked.convention, only)
    target.missing += known.missing
    found = []
    for course, row in known.rows:
        session = Session(file)
        _add(target, FileSubject(settled(row, session), session))
        target.bindings.append(f"{row.implements} -> {row.spec} ({course})")
        found.append(course)
    for name, methods in defined.classes.items() if asked.convention in ("auto", "class") else ():
        spec = asked.told.classes.get(name) or spec_of(name)
        if spec is None or spec not in asked.wanted or spec not in SPECS or only not in (None, name):
            continue
        if name in known.taken:
            continue
        undone = {method for method in methods if f"{name}.{method}" in empty}
        if "forward" in undone or (not methods.keys() - {"__init__"}):
            target.missing.append((spec, f"{name}.forward, {name}.backward"))
            continue
        session = Session(file)
        target._close.append(session.close)
        try:
            binding = bind(SPECS[spec], name, methods, session, undone, asked.told)
        except Unreadable as error:
            target.problems.append(str(error))
            continue
        target.subjects.append(FileSubject(binding, session))
        target.bindings.append(f"{name} -> {spec}: {described(binding)}")
        found.append("class")
    target.convention = "+".join(sorted(set(found))) if found else target.convention


def _add(target: Target, subject: FileSubject) -> None:
    target.subjects.append(subject)
    target._close.append(subject.close)


def _said(failure: Failure, file: File) -> str:
    where = f" ({failure.where}: `{failure.source}`)" if failure.where else ""
    hint = ""
    if failure.kind in ("ModuleNotFoundError", "ImportError") and "torch" in imports(file.tree):
        hint = (
            f"\n  code under test has NumPy and no torch; a torch module is judged in this process by its name: "
            f"package.{file.path.stem}:ClassName"
        )
    elif failure.kind == "ModuleNotFoundError":
        hint = "\n  code under test has NumPy, the standard library and the files of its own folder"
    kind = "" if failure.kind in ("ended", "timeout", "memory", "protocol", "unjudged") else f"{failure.kind}: "
    return f"{kind}{failure.message}{where}{hint}"


def _python_2(target: Target, file: File, lines: list[int], asked: Asked) -> Target:
    """What a file of Python 2 has, by its text alone: none of it can be judged."""
    shown = ", ".join(f"{file.where(line)}: `{file.text.splitlines()[line - 1].strip()}`" for line in lines[:3])
    reason = f"it is Python 2 ({shown}); run 2to3 on it, and look at every / of integers"
    named = set(re.findall(r"^(?:def|class)\s+(\w+)", file.text, re.MULTILINE))
    rows = [row for course in CONVENTIONS.values() for row in course
            if row.plan.make is None and row.spec in asked.wanted]  # fmt: skip
    seen = {row.plan.forward.function: (row.spec, row.implements) for row in reversed(rows)
            if row.plan.forward.function in named}  # fmt: skip
    classes = [(spec, name) for name in sorted(named) if (spec := spec_of(name)) in asked.wanted and spec in SPECS]
    found = (*reversed(seen.values()), *classes)
    target.unjudged += [(spec, names, reason) for spec, names in found if spec is not None]
    target.problems.append(f"{target.name}: {reason}")
    file.close()
    return target


def _module(text: str, asked: Asked) -> Target:
    """`package.module[:Name]`: torch modules run in this process, everything else as the file that it is."""
    module, _, name = text.partition(":")
    try:
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise TargetError(f"{text}: {error}") from None
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise TargetError(
            f"{text}: there is no such module; a target is scratchnet, a .py file, a folder or package.module[:Name]"
        )
    path = Path(found.origin)
    try:
        is_torch = asked.convention == "torch" or "torch" in imports(File(path, asked.limits).tree)
    except (SyntaxError, ValueError):
        is_torch = False
    if not is_torch:
        return _file(path, text, asked, name or None)
    demand(asked.limits.require, IN_PROCESS)
    return _torch(text, module, name, asked.wanted)


def _torch(text: str, module: str, name: str, wanted: Sequence[str]) -> Target:
    import torch

    from oracle.subjects.torch_module import TorchModule

    try:
        namespace = vars(importlib.import_module(module))
    except Exception as error:  # whatever someone's module does on import
        raise TargetError(f"{text} cannot be imported: {type(error).__name__}: {error}") from error
    if name and name not in namespace:
        raise TargetError(f"{text}: {module} has no {name}")
    target = Target(text, "torch", IN_PROCESS)
    for own, value in namespace.items():
        is_module = isinstance(value, type) and issubclass(value, torch.nn.Module) and value.__module__ == module
        if not is_module or (name and own != name):
            continue
        spec = next((s for s in (spec_of(base.__name__) for base in value.__mro__) if s in wanted), None)
        if spec is None and len(wanted) == 1:
            spec = wanted[0]  # asked for by name: what the class is called does not matter then
        if spec is not None:
            target.subjects.append(TorchModule(spec, value))
        elif name:
            target.problems.append(f"{name}: which layer it is cannot be told from its name; say it with --spec")
    return target
