"""Reading a file without running it: its text as Python reads it, what its template leaves open, what it imports."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path


def decoded(source: bytes) -> str:
    """The text, by the encoding that the file declares. Raises SyntaxError where it is not in that encoding."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return source.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SyntaxError(f"the file is not in the encoding that it declares ({error.encoding})") from None


Broken = tuple[int, str, str]  # line, what Python says, the line itself


def statements(text: str, path: str) -> tuple[list[ast.stmt], list[Broken]]:
    """(the top-level statements, what is no Python). Where the text as a whole cannot be parsed, each block that begins
    at the left margin is parsed alone: a broken function does not take its neighbours along."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape such as "\\d" in someone's file is not our news
        try:
            return ast.parse(text, path).body, []
        except SyntaxError:
            found: list[ast.stmt] = []
            broken: list[Broken] = []
            for first, block in _blocks(text):
                try:
                    found += ast.parse("\n" * first + block, path).body
                except SyntaxError as error:
                    line = error.lineno or first + 1
                    broken.append((line, error.msg, (text.splitlines()[line - 1 : line] or [""])[0].strip()))
            return found, broken


_GOES_ON = re.compile(r"[\s)\]}#]|(else|elif|except|finally)\b")


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """(number of lines before it, block): lines that belong together because only the first is at the left margin."""
    lines = text.splitlines(keepends=True)
    first = 0
    for place, line in enumerate(lines):
        decorated = lines[first].startswith("@") and line.startswith(("def ", "class ", "@"))
        if place > first and not _GOES_ON.match(line) and not decorated:
            yield first, "".join(lines[first:place])
            first = place
    if lines:
        yield first, "".join(lines[first:])


def definitions(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without what a script does beside: imports, functions, classes, and names for literals."""
    return [
        statement
        for statement in body
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        or (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant | ast.Name | ast.Attribute))
    ]


OLD_NUMPY = ("int", "float", "object", "str", "complex", "long", "unicode", "NaN", "NAN", "Inf", "Infinity", "infty",
             "float_", "complex_", "product", "cumproduct", "sometrue", "alltrue", "row_stack", "in1d", "trapz",
             "round_")  # fmt: skip


def uses_old_numpy(tree: ast.Module) -> bool:
    """Whether it reads a name that NumPy no longer has."""
    return any(
        isinstance(node, ast.Attribute) and node.attr in OLD_NUMPY and isinstance(node.value, ast.Name)
        and node.value.id in ("np", "numpy") for node in ast.walk(tree)
    )  # fmt: skip


_PYTHON_2 = re.compile(r"\s*print\s+[^(=\s]|\s*except\s+[\w.]+\s*,\s*\w+\s*:|.*<>|\s*raise\s+\w+\s*,|.*\bexec\s+['\"]")


def python_2(text: str) -> list[int]:
    """The lines that only Python 2 can read."""
    return [number for number, line in enumerate(text.splitlines(), 1) if _PYTHON_2.match(line)]


def uses_xrange(tree: ast.Module) -> bool:
    """Whether it needs Python 2's range: a name that it does not define or import itself."""
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names}  # fmt: skip
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    read = any(isinstance(node, ast.Name) and node.id == "xrange" for node in ast.walk(tree))
    return read and "xrange" not in own


def static_methods(tree: ast.Module) -> set[str]:
    """ "Conv.forward" of each method that is declared static."""
    return {
        name for name, function in _functions(tree)
        if any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list)
    }  # fmt: skip


def imports(tree: ast.Module) -> set[str]:
    """What any statement imports, with the packages around it: "mytorch", "mytorch.tensor", "mytorch.tensor.Tensor"."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        f"{node.module}.{alias.name}" for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level for alias in node.names
    }  # fmt: skip
    split = [name.split(".") for name in names]
    return {".".join(parts[:count]) for parts in split for count in range(1, len(parts) + 1)}


def highest_relative(tree: ast.Module) -> int:
    """How many packages its relative imports need around it: 1 for `from .util import im2col`, 0 without any."""
    return max((node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0)


def packages_around(path: Path) -> Iterator[Path]:
    """The folders with an __init__.py that a file lies in, the innermost first."""
    for folder in path.parents:
        if not (folder / "__init__.py").is_file() or folder == folder.parent:
            return
        yield folder


def small_numbers(tree: ast.Module, name: str) -> set[float]:
    """What is written in class `name` and may be an eps: above 0 and below a thousandth, as no rate or decay is."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    numbers = [node.value for each in classes for node in ast.walk(each) if isinstance(node, ast.Constant)]
    return {number for number in numbers if isinstance(number, float) and 0 < number < 1e-3}


def unfilled(tree: ast.Module) -> set[str]:
    """The functions ("f") and methods ("C.f") whose body computes nothing: an exercise that was not done. One that
    only hands something on (`return x`) is an identity, and done."""
    return {name for name, function in _functions(tree) if _undone(function.body)}


def docstring(tree: ast.Module, name: str) -> str:
    """Of the function or method, its blanks and line ends made single blanks; "" where it has none."""
    found = dict(_functions(tree)).get(name)
    return " ".join((ast.get_docstring(found) or "").split()) if found else ""


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
    a setting read from its dictionary or given its default, returns of names, raise NotImplementedError; the branches
    for training and test, if there is nothing else in them."""
    match statement:
        case ast.Pass():
            return True
        case ast.Raise(exc):
            return exc is not None and "NotImplementedError" in ast.dump(exc)
        case ast.If(body=body, orelse=orelse):
            return all(_empty(inner) or isinstance(inner, ast.Raise) for inner in (*body, *orelse))
        case ast.Expr(ast.Call(ast.Attribute(attr=called))):
            return called in ("setdefault", "seed")
        case ast.Return(value) | ast.Assign(value=value) | ast.AnnAssign(value=value):
            return value is None or _names_only(value)
    return False


def _docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _open(statement: ast.stmt) -> bool:
    """pass, None and NotImplementedError say that something is to be written here."""
    if isinstance(statement, ast.Return) and statement.value is None:
        return True
    if isinstance(statement, ast.If):
        return any(_open(inner) for inner in (*statement.body, *statement.orelse) if not isinstance(inner, ast.Raise))
    nothing = any(isinstance(node, ast.Constant) and node.value is None for node in ast.walk(statement))
    return nothing or isinstance(statement, ast.Pass | ast.Raise)


def _names_only(value: ast.expr) -> bool:
    match value:
        case ast.Constant(constant):
            return constant is None or isinstance(constant, str)
        case ast.Name() | ast.Dict(keys=[]) | ast.Attribute(ast.Name(), "shape"):
            return True
        case ast.Tuple(parts):
            return all(map(_names_only, parts))
        case ast.Subscript(thing, ast.Constant(str())):
            return _names_only(thing)
        case ast.Call(ast.Attribute(thing, "get"), [ast.Constant(str()), *_]):
            return _names_only(thing)
        case ast.Call(ast.Attribute(thing, "astype")):
            return _names_only(thing)
    return False
