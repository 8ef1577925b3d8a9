"""Reading a file without running it: its text as Python reads it, what its template leaves open, what it imports."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator


def decoded(source: bytes) -> str:
    """The text, by the encoding that the file declares. Raises SyntaxError where it is not in that encoding."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return source.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SyntaxError(f"the file is not in the encoding that it declares ({error.encoding})") from None


def imports(tree: ast.Module) -> set[str]:
    """The first names of the packages that any statement imports."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names}


def unfilled(tree: ast.Module) -> set[str]:
    """The functions ("f") and methods ("C.f") whose body computes nothing: an exercise that was not done. One that
    only hands something on (`return x`) is an identity, and done."""
    return {name for name, function in _functions(tree) if _undone(function.body)}


def _undone(body: list[ast.stmt]) -> bool:
    statements = [statement for statement in body if not _docstring(statement)]
    return all(map(_empty, statements)) and (not statements or any(map(_open, statements)))


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, ast.FunctionDef))


def _empty(statement: ast.stmt) -> bool:
    """What hand-outs have before a student writes anything: pass, results set to None, `cache = (x, w, b)`,
    a setting read from its dictionary, returns of names, raise NotImplementedError."""
    match statement:
        case ast.Pass():
            return True
        case ast.Raise(exc):
            return exc is not None and "NotImplementedError" in ast.dump(exc)
        case ast.Return(value) | ast.Assign(value=value) | ast.AnnAssign(value=value):
            return value is None or _names_only(value)
    return False


def _docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _open(statement: ast.stmt) -> bool:
    """pass, None and NotImplementedError say that something is to be written here."""
    if isinstance(statement, ast.Return) and statement.value is None:
        return True
    nothing = any(isinstance(node, ast.Constant) and node.value is None for node in ast.walk(statement))
    return nothing or isinstance(statement, ast.Pass | ast.Raise)


def _names_only(value: ast.expr) -> bool:
    match value:
        case ast.Constant(constant):
            return constant is None or isinstance(constant, str)
        case ast.Name():
            return True
        case ast.Tuple(parts):
            return all(map(_names_only, parts))
        case ast.Subscript(thing, ast.Constant(str())):
            return _names_only(thing)
        case ast.Call(ast.Attribute(thing, "get"), [ast.Constant(str()), *_]):
            return _names_only(thing)
    return False
