"""The submission inside of the worker: its file run as a module, its folder importable, its names listed."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from oracle.subjects.reading import definitions, statements
from oracle.worker import one_number, shims

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Submission:
    """One file.

    module    its dotted name, so that relative imports find its neighbours ("cs231n.layers")
    packages  dotted name -> folder of the packages around it; they are made without running their __init__
    roots     folders on the import path: after the standard library, so that a submission's random.py cannot hide it
    """

    def __init__(self, path: str, module: str, packages: Mapping[str, str], roots: Sequence[str]):
        self._path, self._folder = path, os.path.dirname(path)
        self._roots = [*roots]
        sys.path += roots
        shims.install()
        for name, folder in packages.items():
            sys.modules[name] = _Package(name, folder)
        self._module = ModuleType(module)
        self._module.__file__ = path
        self._module.__package__ = module.rpartition(".")[0]
        sys.modules[module] = self._module
        self.namespace.update(one_number.NAMES)

    @property
    def namespace(self) -> dict[str, Any]:
        return self._module.__dict__

    def run(self, text: str, only_definitions: bool) -> list[BaseException]:
        """All of its top-level statements, one at a time; what they raise. Scripts load data and train at import: what
        of it cannot be done here does not take the layers along."""
        linecache.cache[self._path] = (len(text), None, text.splitlines(keepends=True), self._path)
        body, _ = statements(text, self._path)
        raised = []
        for statement in definitions(body) if only_definitions else body:
            try:
                whole = ast.Module([one_number.rewritten(_without_cupy(statement))], [])
                exec(compile(whole, self._path, "exec"), self.namespace)
            except BaseException as error:  # SystemExit too
                raised.append(error)
        return raised

    def locate(self, path: str) -> str | None:
        """The name of one of the submission's files, from its folder or the import path; None for any other file."""
        if path.startswith(_OURS):
            return None
        for folder in (self._folder, *self._roots):
            if path.startswith(folder + os.sep):
                return path[len(folder) + 1 :]
        return None

    def defines(self) -> dict[str, Any]:
        """Its own functions and classes with the names of their arguments, imported ones of its folder included."""
        names = list(self.namespace.items())
        return {
            "functions": {
                name: arguments(value) for name, value in names if inspect.isfunction(value) and self._own(value)
            },
            "classes": {
                name: {method: arguments(function)[bound:] for method, function, bound in _methods(value)}
                for name, value in names
                if isinstance(value, type) and self._own_class(value)
            },
        }

    def _own(self, function: Callable) -> bool:
        return self.locate(function.__code__.co_filename) is not None

    def _own_class(self, cls: type) -> bool:
        return any(self._own(function) for _, function, _ in _methods(cls))


def _without_cupy(statement: ast.stmt) -> ast.stmt:
    """`import cupy as np`, where the file does not ask whether it is there, is NumPy: there is no GPU here."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.name == "cupy":
                alias.name, alias.asname = "numpy", alias.asname or "cupy"
    return statement


class _Package(ModuleType):
    """A package around the submission. Its __init__, which may import half a library, runs when something of it is
    asked for."""

    def __init__(self, name: str, folder: str):
        super().__init__(name)
        self.__path__ = [folder]
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        path = os.path.join(self.__path__[0], "__init__.py")
        if self._begun or (name.startswith("__") and name.endswith("__")) or not os.path.isfile(path):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self._begun = True
        self.__file__, self.__package__ = path, self.__name__
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec"), self.__dict__)
        return getattr(self, name)


def _methods(cls: type) -> Iterator[tuple[str, Callable, int]]:
    """(name, function, how many arguments the call fills in: self, or none of a static method)."""
    for name in dir(cls):
        function = inspect.getattr_static(cls, name)
        if inspect.isfunction(function):
            yield name, function, 1
        elif isinstance(function, staticmethod) and inspect.isfunction(function.__func__):
            yield name, function.__func__, 0


def arguments(function: Callable) -> list[tuple[str, bool]]:
    """(name, whether it must be given); "*" or "**" alone for those that take any."""
    code, defaults = function.__code__, len(function.__defaults__ or ())
    count = code.co_argcount
    found = [(name, place < count - defaults) for place, name in enumerate(code.co_varnames[:count])]
    required = function.__kwdefaults__ or {}
    keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
    found += [(name, name not in required) for name in keywords]
    found += [("*", False)] * bool(code.co_flags & inspect.CO_VARARGS)
    return found + [("**", False)] * bool(code.co_flags & inspect.CO_VARKEYWORDS)
