"""A file opened as a target: what it defines is recognised, and each layer in it becomes a subject."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from oracle.layers import SPECS
from oracle.subjects import Failure
from oracle.subjects.binding import Binding
from oracle.subjects.classes import Methods, bind, described
from oracle.subjects.conventions import CONVENTIONS, NO_LAYERS, TORCH, UNSUPPORTED
from oracle.subjects.file import File, FileSubject, Session
from oracle.subjects.names import spec_of
from oracle.subjects.nearest import nearest
from oracle.subjects.opened import Asked, Target, TargetError
from oracle.subjects.places import Unreadable
from oracle.subjects.probe import Probe, Unjudged
from oracle.subjects.reading import docstring, imports, python_2, small_numbers, static_methods, unfilled
from oracle.subjects.recognise import Defined, recognised
from oracle.worker.client import WorkerEnded
from oracle.worker.limits import IN_PROCESS, demand

_IMPORTS = ("ImportError", "ModuleNotFoundError")  # at the top of a file: what its layers may need


def open_file(path: Path, name: str, asked: Asked, only: str | None = None) -> Target:
    """The file at `path`, called `name` for the reader; `only` is the one class or function that was asked for. Raises
    TargetError for a file that cannot be read or loaded."""
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
        worker, defines = file.fork(asked.end)
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


def _recognise(target: Target, file: File, defines: dict[str, Any], asked: Asked, only: str | None) -> None:
    """Fill the target with what the file defines: what the courses ask for first, then classes of any shape."""
    empty = unfilled(file.tree)
    defined = Defined.of(defines)
    for name, methods in defined.classes.items():
        asked.names[0].add(name)
        asked.names[1].update(argument for arguments in methods.values() for argument, _ in arguments)
    unsaid = {name: methods for name, methods in defined.classes.items() if name not in asked.told.classes}
    known = recognised(Defined(defined.functions, unsaid), empty, asked.wanted, asked.convention, only)
    target.missing += known.missing
    found_here = {**defined.functions, **defined.classes}
    target.problems += [f"{name}: {NO_LAYERS[name]}" for name in found_here if name in NO_LAYERS]
    for name, course in known.others.items():
        arguments = ", ".join(argument for argument, _ in defined.functions[name])
        target.problems.append(f"{name}({arguments}) is not what {course} calls by that name, and not judged")
    found = []
    for (course, name, _), rows in _by_class(known.rows).items():
        found += _add_rows(target, file, course, rows, name, defined.classes.get(name, {}), empty, asked)
    if asked.convention in ("auto", "class"):
        classes = {name: methods for name, methods in defined.classes.items()
                   if name not in known.taken and only in (None, name)}  # fmt: skip
        found += ["class" for name, methods in classes.items() if _loose(target, file, name, methods, empty, asked)]
    target.convention = "+".join(sorted(set(found))) if found else target.convention


def _by_class(rows: list[tuple[str, Binding]]) -> dict[tuple[str, str, str], list[Binding]]:
    """(course, class, layer) -> its rows; a row of functions stands alone."""
    groups: dict[tuple[str, str, str], list[Binding]] = {}
    for course, row in rows:
        key = (course, row.plan.make.function, row.spec) if row.plan.make else (course, "", row.implements)
        groups.setdefault(key, []).append(row)
    return groups


def _add_rows(target: Target, file: File, course: str, rows: list[Binding], name: str, methods: Methods,
              empty: set[str], asked: Asked) -> list[str]:  # fmt: skip
    """Add what a course asks for to the target, or its class as it is where that is nearer; what was taken for what."""
    session = Session(file)
    target._close.append(session.close)
    probe = Probe(session, asked.end)

    def as_class() -> Binding | None:
        undone = {method for method in methods if f"{name}.{method}" in empty}
        try:
            return bind(SPECS[rows[0].spec], name, methods, probe, undone, asked.told)
        except Unreadable:
            return None

    try:
        said = docstring(file.tree, rows[0].plan.forward.function)
        taken = nearest(rows, probe, said, small_numbers(file.tree, name), as_class)
    except Unjudged as error:
        target.unjudged += [(row.spec, row.implements, str(error)) for row in rows]
        return [course]
    if taken[0].tells == rows[0].tells:
        left = [row.implements for row in rows if row.implements not in {row.implements for row in taken}]
        target.problems += [f"{each}: it raises, and is not asked for beside {taken[0].implements}" for each in left]
    for binding in taken:
        own = Session(file)
        target._close.append(own.close)
        guessed = course if asked.convention == "auto" and binding.plan.make is None else ""
        target.subjects.append(FileSubject(binding, own, guessed))
        if binding.tells == rows[0].tells:
            target.bindings.append(f"{binding.implements} -> {binding.spec} ({course})")
        else:
            target.bindings.append(f"{name} -> {binding.spec}: {described(binding)}")
    return [course]


def _loose(target: Target, file: File, name: str, methods: Methods, empty: set[str], asked: Asked) -> bool:
    """Add a class of any shape to the target, where it claims to be one of the layers that are wanted; whether that
    can be judged."""
    spec = asked.told.classes.get(name) or spec_of(name)
    if spec is None or spec not in asked.wanted or spec not in SPECS:
        return False
    undone = {method for method in methods if f"{name}.{method}" in empty}
    if "forward" in undone or (not methods.keys() - {"__init__"}):
        target.missing.append((spec, f"{name}.forward, {name}.backward"))
        return False
    session = Session(file)
    target._close.append(session.close)
    try:
        binding = bind(SPECS[spec], name, methods, Probe(session, asked.end), undone, asked.told)
    except Unreadable as error:
        target.problems.append(str(error))
        return False
    except Unjudged as error:
        target.unjudged.append((spec, name, str(error)))
        return False
    target.subjects.append(FileSubject(binding, session))
    target.bindings.append(f"{name} -> {spec}: {described(binding)}")
    return True


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
