"""What a user asks to be judged, opened: `scratchnet`, `naive`, a .py file, a folder, `package.module[:Name]`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from oracle.layers import SPECS
from oracle.subjects import Failure, Subject
from oracle.subjects.classes import Unreadable, bind, settled
from oracle.subjects.conventions import CONVENTIONS
from oracle.subjects.file import File, FileSubject, Session
from oracle.subjects.names import spec_of
from oracle.subjects.reading import imports, unfilled
from oracle.subjects.recognise import Defined, recognised
from oracle.worker.client import WorkerEnded

KNOWN_CONVENTIONS = ("auto", "scratchnet", "torch", *CONVENTIONS, "class")
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


class TargetError(ValueError):
    """A target that cannot be opened; the message says why, and what can be done."""


@dataclass
class Target:
    """subjects   what can be judged
    missing    (spec, functions) that the file has as an unfilled template
    problems   what looks like a layer and cannot be judged, and why
    """

    name: str
    convention: str
    isolation: str
    subjects: list[Subject] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _close: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """End every process that runs the target's code."""
        while self._close:
            self._close.pop()()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_target(
    text: str, specs: Iterable[str] | None = None, convention: str = "auto", timeout: float = 10.0
) -> Target:
    """The target that `text` names, with the layers among `specs` (default: every layer that the oracle knows).

    timeout  seconds that the file has to load, and then for each case
    Raises TargetError for a file that does not exist, does not parse, raises on import, or has nothing to judge.
    """
    if convention not in KNOWN_CONVENTIONS:
        raise TargetError(f"convention {convention!r} is not known; known are {', '.join(KNOWN_CONVENTIONS)}")
    wanted = tuple(SPECS if specs is None else specs)
    if text in ("scratchnet", "naive"):
        target = _own(text, wanted)
    elif text.endswith(".py") or "/" in text or Path(text).is_dir():
        target = _path(Path(text), wanted, convention, timeout)
    else:
        target = _module(text, wanted, convention, timeout)
    if not target.subjects and not target.missing:
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
    return Target(name, "scratchnet", "in-process", list(subjects))


def _path(path: Path, wanted: Sequence[str], convention: str, timeout: float) -> Target:
    if not path.exists():
        raise TargetError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return _folder(path, wanted, convention, timeout)
    if path.suffix != ".py":
        raise TargetError(f"{path}: a .py file, a folder or the name of a module was expected")
    return _file(path, str(path), wanted, convention, timeout)


def _folder(path: Path, wanted: Sequence[str], convention: str, timeout: float) -> Target:
    """All files below the folder that define something that can be judged, as one target."""
    whole = Target(str(path), convention, "L0")
    found = set()
    for file in sorted(path.rglob("*.py")):
        parts = file.relative_to(path).parts
        if any(part.startswith(".") or part in _SKIPPED for part in parts):
            continue
        name = str(file.relative_to(path))
        try:
            if not _promising(file):
                continue
            part = _file(file, name, wanted, convention, timeout)
        except TargetError as error:
            whole.problems.append(str(error))
            continue
        if not part.subjects:
            part.close()
        for subject in part.subjects:
            subject.implements = f"{name}: {subject.implements}"
        found |= {part.convention} if part.subjects else set()
        whole.subjects += part.subjects
        whole.missing += [(spec, f"{name}: {implements}") for spec, implements in part.missing]
        whole.problems += part.problems
        whole._close += part._close
    whole.convention = "+".join(sorted(found)) or convention
    return whole


def _promising(path: Path) -> bool:
    """Whether the text has a name that a convention knows: then it is worth a process."""
    text = path.read_bytes()
    functions = {row.plan.forward.function.rpartition(".")[2].encode() for rows in CONVENTIONS.values() for row in rows}
    return b"class " in text or any(name in text for name in functions)


def _file(
    path: Path, name: str, wanted: Sequence[str], convention: str, timeout: float, only: str | None = None
) -> Target:
    try:
        file = File(path.resolve(), timeout)
    except SyntaxError as error:
        where = f", line {error.lineno}: `{(error.text or '').strip()}`" if error.lineno else ""
        raise TargetError(f"{name} is no Python that can be read{where}: {error.msg}{_python_2(error)}") from None
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        raise TargetError(f"{name} cannot be read: {error}") from None
    try:
        worker, defines = file.fork()
        worker.close()
    except WorkerEnded as error:
        file.close()
        raise TargetError(f"{name} cannot be loaded: {_said(error.failure, file)}") from None
    target = Target(name, convention, "L0", _close=[file.close])
    try:
        _recognise(target, file, defines, wanted, convention, only)
    except BaseException:
        target.close()
        raise
    return target


def _recognise(
    target: Target, file: File, defines: dict[str, Any], wanted: Sequence[str], convention: str, only: str | None
) -> None:
    """Fill the target with what the file defines: what the courses ask for first, then classes of any shape."""
    empty = unfilled(file.tree)
    defined = Defined.of(defines)
    known = recognised(defined, empty, wanted, convention, only)
    target.missing += known.missing
    found = []
    for course, row in known.rows:
        session = Session(file)
        _add(target, FileSubject(settled(row, session), session))
        found.append(course)
    for name, methods in defined.classes.items() if convention in ("auto", "class") else ():
        spec = spec_of(name)
        if spec not in wanted or spec not in SPECS or only not in (None, name) or name in known.taken:
            continue
        undone = {method for method in methods if f"{name}.{method}" in empty}
        if "forward" in undone or (not methods.keys() - {"__init__"}):
            target.missing.append((spec, f"{name}.forward, {name}.backward"))
            continue
        session = Session(file)
        target._close.append(session.close)
        try:
            binding = bind(SPECS[spec], name, methods, session, undone)
        except Unreadable as error:
            target.problems.append(str(error))
            continue
        target.subjects.append(FileSubject(binding, session))
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


def _python_2(error: SyntaxError) -> str:
    return " (it is Python 2; run 2to3 on it)" if "Missing parentheses in call to 'print'" in (error.msg or "") else ""


def _module(text: str, wanted: Sequence[str], convention: str, timeout: float) -> Target:
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
        is_torch = convention == "torch" or "torch" in imports(File(path, timeout).tree)
    except (SyntaxError, ValueError):
        is_torch = False
    if not is_torch:
        return _file(path, text, wanted, convention, timeout, name or None)
    return _torch(text, module, name, wanted)


def _torch(text: str, module: str, name: str, wanted: Sequence[str]) -> Target:
    import torch

    from oracle.subjects.torch_module import TorchModule

    try:
        namespace = vars(importlib.import_module(module))
    except Exception as error:  # whatever someone's module does on import
        raise TargetError(f"{text} cannot be imported: {type(error).__name__}: {error}") from error
    if name and name not in namespace:
        raise TargetError(f"{text}: {module} has no {name}")
    target = Target(text, "torch", "in-process")
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
