"""What a submission imports beside NumPy.

Some of it is small and given for real: tqdm, past.builtins, the decorators of numba, erf and expit of scipy.special,
the names that NumPy has given up. The rest lets the file load (plotting, image and data libraries) and raises an error
that names it where a layer uses it. Libraries that people ask for with try (cupy) are not among them.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib.abc
import importlib.machinery
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

STUBS = (
    "cv2", "matplotlib", "pandas", "h5py", "PIL", "sklearn", "tensorflow", "keras", "numba", "scipy", "seaborn",
    "IPython", "torchvision", "skimage", "imageio", "requests", "plotly", "mnist", "idx2numpy",
    "public_tests", "test_utils", "testCases", "testCases_v2", "dnn_utils", "dnn_utils_v2", "opt_utils",
    "opt_utils_v1a", "outputs", "past", "tqdm", "google", "wandb", "nltk", "gym", "pygame", "termcolor", "tabulate",
    "colorama", "joblib",
)  # fmt: skip


class Unavailable(ImportError):
    """A layer uses a library that code under test does not have."""


class _Stub:
    """Whatever is taken from a library that is not there; it can be handed around and not used."""

    def __init__(self, name: str):
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _Stub(f"{self.__name__}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise Unavailable(
            f"{self.__name__} was called: code under test has NumPy and the standard library, not "
            f"{self.__name__.partition('.')[0]}"
        )

    __getitem__ = __setitem__ = __iter__ = __len__ = __add__ = __mul__ = __enter__ = __call__

    def __mro_entries__(self, bases: tuple) -> tuple:
        return ()


class _StubModule(ModuleType):
    __path__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _Stub(f"{self.__name__}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last: what the submission brings itself, or the standard library has, is found before."""

    def __init__(self, names: Sequence[str]):
        self._names = names

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self._names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = _StubModule(spec.name)
        vars(module).update(_REAL.get(spec.name, {}))
        if spec.name in _REAL:
            vars(module)["__all__"] = list(_REAL[spec.name])
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def _progress(steps: Iterable = (), *args: Any, **kwargs: Any) -> Iterable:
    return steps


def _decorator(*args: Any, **kwargs: Any) -> Any:
    """@jit and @jit(nopython=True) alike: the function as it is."""
    if len(args) == 1 and callable(args[0]) and not kwargs:
        return args[0]
    return lambda function: function


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.result_type(x, np.float32)])(x)


def _expit(x: Any) -> Any:
    return np.where(np.asarray(x) >= 0, 1, np.exp(np.minimum(x, 0))) / (1 + np.exp(-np.abs(x)))


_REAL: dict[str, dict[str, Any]] = {
    "tqdm": {"tqdm": _progress, "trange": range},
    "tqdm.auto": {"tqdm": _progress, "trange": range},
    "tqdm.notebook": {"tqdm": _progress, "trange": range},
    "past": {},
    "past.builtins": {"xrange": range, "basestring": str, "unicode": str, "raw_input": input},
    "numba": {"jit": _decorator, "njit": _decorator, "vectorize": _decorator, "prange": range},
    "scipy.special": {"erf": _erf, "expit": _expit},
}

_NUMPY: dict[str, Any] = {
    "int": int, "float": float, "object": object, "str": str, "complex": complex, "long": int, "unicode": str,
    "NaN": np.nan, "NAN": np.nan, "Inf": np.inf, "Infinity": np.inf, "infty": np.inf, "float_": np.float64,
    "complex_": np.complex128, "product": np.prod, "cumproduct": np.cumprod, "sometrue": np.any, "alltrue": np.all,
    "row_stack": np.vstack, "in1d": np.isin, "round_": np.round,
}  # fmt: skip


@contextmanager
def standing_in(names: Sequence[str]) -> Iterator[None]:
    """Stubs for `names` while a file is loaded in a process that is not its own; none of them stays."""
    finder = _Finder(names)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StubModule)]:
            if name.partition(".")[0] in names:
                del sys.modules[name]


def install() -> None:
    """Once in a worker, before the submission is loaded."""
    sys.meta_path.append(_Finder(STUBS))
    for name in ("Callable", "Hashable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence"):
        if not hasattr(collections, name):  # moved to collections.abc, and gone from here since Python 3.10
            setattr(collections, name, getattr(collections.abc, name))
    known: Callable[[str], bool] = vars(np).__contains__
    for name, value in _NUMPY.items():
        if not known(name):
            setattr(np, name, value)
