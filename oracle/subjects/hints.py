"""What an exception of someone's file means beside its own words: old Python, old NumPy, a module that is not here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from oracle.subjects import Failure

_DIVIDED = ("cannot be interpreted as an integer", "slice indices must be integers", "only integers, slices (`:`)",
            "from dtype('float64') to dtype('int64')")  # fmt: skip
_NO_XRANGE = "name 'xrange' is not defined"

# What failed under this NumPy or Python alone: what to write instead.
_INSTEAD = {
    "only 0-dimensional arrays can be converted": "; older NumPy took an array of one number here: write x.item()",
    "setting an array element with a sequence": "; older NumPy took an array of one number here: write x.item()",
    _NO_XRANGE: "; xrange is Python 2: write range",
    "_cython": "; that module of the course's must be built with Cython, and is not here",
    **dict.fromkeys(_DIVIDED, "; in Python 2, / of integers was what // is now: write //"),
}
_CONFINED = (
    "; the code under test has no network and starts no program, and of all files it has the modules that it imports "
    "and an empty folder"
)
# CS231n hands its fast_layers.py out as it is.
_NOT_THEIRS = {
    re.compile(r"name '\w+_cython' is not defined"): (
        "it needs im2col_cython, a module of the course's that must be built with Cython and is not here"
    ),
    re.compile(r"name 'im2col' is not defined"): (
        "it calls im2col, as the course's own fast_layers.py does, and there is no such function: write im2col_indices"
    ),
}


def hint(kind: str, message: str) -> str:
    """What to write instead, or why it is so here; "" where there is nothing to say."""
    if kind == "PermissionError" or (kind == "OSError" and "not permitted" in message):
        return _CONFINED
    return next((said for pattern, said in _INSTEAD.items() if pattern in message), "")


def excused(kind: str, message: str, python_2: bool) -> str:
    """Why what was raised is no fault of the code; "" where it is one. `python_2` says that it is written in that."""
    if python_2 and (message == _NO_XRANGE or any(pattern in message for pattern in _DIVIDED)):
        return "it is Python 2 (xrange, and / for //): run 2to3 on it, and look at every / of integers"
    if kind == "NameError":
        return next((why for pattern, why in _NOT_THEIRS.items() if pattern.fullmatch(message)), "")
    return ""


def not_imported(kind: str, message: str, raised: Iterable[Failure]) -> str:
    """Why a name is not there: an import at the top of the file that should have brought it was among what `raised`,
    because a file or package is missing here; "" where it is nothing of the kind."""
    name = re.fullmatch(r"name '(\w+)' is not defined", message)
    if kind != "NameError" or name is None:
        return ""
    for failure in raised:
        if failure.kind in ("ImportError", "ModuleNotFoundError") and _brings(failure.source, name[1]):
            return (
                f"{name[1]} is not there, because `{failure.source}` did not work ({failure.message}): put that module "
                f"beside the file, and check it again"
            )
    return ""


def _brings(statement: str, name: str) -> bool:
    """Whether an import would define `name`; of several lines the first alone is seen, and it may bring anything."""
    try:
        (node,) = ast.parse(statement).body
    except (SyntaxError, ValueError):
        return statement.startswith(("from ", "import "))
    aliases = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
    return any(alias.name == "*" or (alias.asname or alias.name.partition(".")[0]) == name for alias in aliases)
