"""What a user asks to be judged, opened: `scratchnet`, `naive`, a .py file, a folder, `package.module[:Name]`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from oracle.layers import SPECS
from oracle.subjects.archive import ArchiveError, unpack
from oracle.subjects.conventions import CONVENTIONS
from oracle.subjects.file import File
from oracle.subjects.mapping import MapError, parse_map
from oracle.subjects.names import optimizer_of, spec_of
from oracle.subjects.open_file import open_file
from oracle.subjects.opened import Asked, Target, TargetError
from oracle.subjects.reading import imports
from oracle.worker.limits import IN_PROCESS, Limits, demand, least

__all__ = ["KNOWN_CONVENTIONS", "Target", "TargetError", "open_target"]

KNOWN_CONVENTIONS = ("auto", "scratchnet", "torch", *CONVENTIONS, "class")
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


def open_target(
    text: str,
    specs: Iterable[str] | None = None,
    convention: str = "auto",
    timeout: float = 10.0,
    map_text: str = "",
    limits: Limits | None = None,
    budget: float = float("inf"),
) -> Target:
    """The target that `text` names, with the layers among `specs` (default: every layer that the oracle knows).

    timeout   seconds that the file has to load, and then for each case
    limits    what it may use, and the isolation that it must have; its seconds count, where it is given
    map_text  what cannot be guessed of a class: see oracle.subjects.mapping
    budget    seconds for all of it; a layer that it does not reach is unjudged
    Raises TargetError for a file that does not exist, does not parse, raises on import, or has nothing to judge, and
    MapError for a map_text that is not understood or speaks of what is not there.
    """
    if convention not in KNOWN_CONVENTIONS:
        raise TargetError(f"convention {convention!r} is not known; known are {', '.join(KNOWN_CONVENTIONS)}")
    wanted, told = tuple(SPECS if specs is None else specs), parse_map(map_text)
    asked = Asked(wanted, convention, limits or Limits(timeout), told, time.monotonic() + budget)
    if text in ("scratchnet", "naive"):
        target = _own(text, asked.wanted)
    elif text.endswith((".py", ".ipynb", ".zip")) or "/" in text or Path(text).is_dir():
        target = _path(Path(text), asked)
    else:
        target = _module(text, asked)
    if unused := told.unused(*asked.names):
        target.close()
        raise MapError(unused)
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
    return open_file(path, str(path), asked)


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
            part = open_file(file, name, asked)
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
        whole.problems += [problem for problem in part.problems if problem not in whole.problems]
        whole.bindings += [f"{name}: {line}" for line in part.bindings]
        whole._close += part._close
    whole.convention = "+".join(sorted(found)) or asked.convention
    return whole


def _promising(path: Path) -> bool:
    """Whether the text has a name that a convention knows: then it is worth a process."""
    text = path.read_bytes()
    functions = {row.plan.forward.function.rpartition(".")[2].encode() for rows in CONVENTIONS.values() for row in rows}
    return b"class " in text or any(name in text for name in functions)


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
        return open_file(path, text, asked, name or None)
    demand(asked.limits.require, IN_PROCESS)
    return _torch(text, module, name, asked)


def _torch(text: str, module: str, name: str, asked: Asked) -> Target:
    import torch

    from oracle.subjects.torch_module import TorchModule
    from oracle.subjects.torch_optimizer import TorchOptimizer

    wanted, told = asked.wanted, asked.told
    args = {role[1:]: own for own, role in told.arguments.items() if isinstance(role, str) and role[:1] == "@"}

    try:
        namespace = vars(importlib.import_module(module))
    except Exception as error:  # whatever someone's module does on import
        raise TargetError(f"{text} cannot be imported: {type(error).__name__}: {error}") from error
    if name and name not in namespace:
        raise TargetError(f"{text}: {module} has no {name}")
    target = Target(text, "torch", IN_PROCESS)
    for own, value in namespace.items():
        is_own = isinstance(value, type) and value.__module__ == module
        if not is_own or not issubclass(value, torch.nn.Module | torch.optim.Optimizer) or (name and own != name):
            continue
        asked.names[0].add(own)
        is_optimizer = issubclass(value, torch.optim.Optimizer)
        known = optimizer_of if is_optimizer else spec_of
        claimed = [told.classes[own]] if own in told.classes else [known(base.__name__) for base in value.__mro__]
        spec = next((s for s in claimed if s in wanted), None)
        if spec is None and len(wanted) == 1:
            spec = wanted[0]  # asked for by name: what the class is called does not matter then
        if spec is not None:
            kind = TorchOptimizer if is_optimizer else TorchModule
            names = {each for each in told.arguments if each in inspect.signature(value).parameters}
            asked.names[1].update(names)
            own_args = {setting: each for setting, each in args.items() if each in names}
            target.subjects.append(kind(spec, value, own_args, told.paths))
        elif name:
            target.problems.append(f"{name}: which layer it is cannot be told from its name; say it with --spec")
    return target
