"""Which files beside a submission it may read: those that its imports name, and no other.

A folder with everybody's homework in it is a common thing; a file of it must not read its neighbours' answers.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from oracle.subjects.reading import decoded

_MOST = 500  # files that are followed


def neighbours(tree: ast.AST, path: Path, package: Path | None, roots: Sequence[str]) -> tuple[list[str], list[str]]:
    """(files and folders to be read, folders in which imports look for them).

    package  the outermost package that the file is part of: all of it is its own
    """
    readable = {path} if package is None else {path, package}
    listed, names, followed = {str(path.parent)}, [*_imported(tree)], set()
    while names and len(readable) < _MOST:
        name = names.pop()
        if name in followed or name in sys.stdlib_module_names:  # the standard library's comes first
            continue
        followed.add(name)
        for root in map(Path, roots):
            for found in (root / f"{name}.py", root / name):
                inside = found.exists() and found.resolve().is_relative_to(
                    root.resolve()
                )  # no link to what is not its own
                if found in readable or not inside:
                    continue
                readable.add(found)
                listed.add(str(root))
                names += _imported_by(found)
    return sorted(map(str, readable)), sorted(listed)


def _imported(tree: ast.AST) -> Iterator[str]:
    """The first parts of the names that are imported: "common" of `from common.util import im2col`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):  # from . import util
            yield from (alias.name for alias in node.names)


def _imported_by(path: Path) -> Iterable[str]:
    """What a file imports, or the files of a folder."""
    names: list[str] = []
    for file in [path] if path.is_file() else sorted(path.rglob("*.py"))[:_MOST]:
        try:
            names += _imported(ast.parse(decoded(file.read_bytes())))
        except (SyntaxError, ValueError, RecursionError, OSError):
            continue
    return names
