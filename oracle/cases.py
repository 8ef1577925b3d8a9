"""Case: one layer with one setting, a dtype, an input style and a seed. Its text form is its identity:

    Conv2d(in_channels=3,out_channels=4,kernel_size=3x2,stride=2,padding=1)[x=2x3x7x5]@float64,random#17

The constructor call by torch's names without its defaults (tuples as 3x2, of one entry as 3x, booleans as true/false,
words bare), the shapes of the inputs, dtype and style, flags, the seed. The values follow from the text alone, on every
machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from oracle.formats import FORMATS
from oracle.layers import find_spec
from oracle.layers.spec import LayerSpec, Setting, Shape, Tensors
from oracle.subjects import Call
from oracle.values import call_of, room

STYLES = ("random", "integer", "wide", "strided", "ties", "kinks", "offset", "large", "empty")
FLAGS = ("eval",)
LARGEST = 2**22  # numbers in one tensor: sums stay so short that the bounds and the exact integers of float32 hold
LONGEST = 1000  # characters of an id


class CaseError(ValueError):
    """A case id that cannot be read; the message says what was given, what was expected, and an example."""


@dataclass(frozen=True)
class Case:
    spec: LayerSpec
    args: Mapping[str, Any]  # only those that differ from torch's defaults, in torch's order
    shapes: Mapping[str, Shape]
    dtype: str = "float64"
    style: str = "random"
    seed: int = 0
    flags: tuple[str, ...] = ()

    @cached_property
    def id(self) -> str:
        args = ",".join(f"{name}={write(value)}" for name, value in self.args.items())
        shapes = ",".join(f"{name}={write_shape(shape)}" for name, shape in self.shapes.items())
        words = ",".join((self.dtype, self.style, *self.flags))
        return f"{self.spec.name}({args})[{shapes}]@{words}#{self.seed}"

    def __str__(self) -> str:
        return self.id

    @property
    def settings(self) -> dict[str, Any]:
        return self.spec.complete(self.args)

    @cached_property
    def tensors(self) -> Tensors:
        """The shapes of outputs, parameters and buffers. Raises ValueError where the setting makes none."""
        return self.spec.tensors(self.settings, self.shapes)

    @property
    def training(self) -> bool:
        return "eval" not in self.flags

    @property
    def bits(self) -> int:
        return FORMATS[self.dtype].bits

    @property
    def exact(self) -> bool:
        """Whether every order of operations must give the same bits."""
        whole = self.style in ("integer", "wide", "ties", "kinks", "strided") and self.spec.exact(self.settings)
        return whole and room(self) >= 1

    def with_(self, **changes: Any) -> Case:
        return replace(self, **changes)

    def call(self) -> Call:
        """The arrays, drawn from the id's own bits. Raises CaseError where the setting fits no arrays."""
        try:
            return call_of(self)
        except ValueError as error:
            raise CaseError(str(error)) from None


def make(spec: LayerSpec, setting: Setting, dtype: str = "float64", style: str = "random", seed: int = 0,
         flags: tuple[str, ...] = ()) -> Case:  # fmt: skip
    """A case with its arguments in torch's order and without its defaults."""
    names = (*spec.required, *spec.defaults)
    args = {
        name: setting.args[name]
        for name in names
        if name in setting.args and not (name in spec.defaults and _same(setting.args[name], spec.defaults[name]))
    }
    given = [name for name in spec.inputs if name in setting.shapes or name not in spec.optional]
    shapes = {name: tuple(setting.shapes[name]) for name in given}
    if style == "empty":
        shapes = {name: (0, *shape[1:]) for name, shape in shapes.items()}
    return Case(spec, args, shapes, dtype, style, seed, flags)


# ---- text

_ID = re.compile(
    r"(?P<name>\w+)\((?P<args>[^()]*)\)\[(?P<shapes>[^\[\]]*)\]@(?P<words>[\w,-]+)#(?P<seed>\d{1,18})", re.ASCII
)
_CONSTANTS = {"true": True, "false": False, "none": None}
_INT, _FLOAT = r"-?[0-9]{1,18}", r"-?(?:[0-9]+\.[0-9]*(?:e[+-]?[0-9]+)?|[0-9]+e[+-]?[0-9]+|inf)"
_ONE = rf"(?:{_INT}|{_FLOAT}|{'|'.join(_CONSTANTS)})"
_TUPLE = re.compile(rf"{_ONE}(?:x|(?:x{_ONE})+)")
_WORD = re.compile(r"[a-z][a-z0-9_-]*")
EXAMPLE = "Conv2d(in_channels=3,out_channels=4,kernel_size=3x2,stride=2,padding=1)[x=2x3x7x5]@float64,random#17"


def write(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(write, value)) + ("x" if len(value) == 1 else "")
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)


def write_shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def read(text: str) -> Any:
    """The value of an argument. Raises ValueError for what is none."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if re.fullmatch(_INT, text):
        return int(text)
    if re.fullmatch(_FLOAT, text):
        return float(text)
    if _TUPLE.fullmatch(text):
        return tuple(read(part) for part in text.removesuffix("x").split("x"))
    if _WORD.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is no value: a number, a tuple such as 3x2, true, false, none or a word expected")


def parse(text: str) -> Case:
    """The case that prints as `text`. Raises CaseError where there is none."""
    text = text.strip()
    match = _ID.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        shown = text if len(text) <= LONGEST else f"{text[:40]}..."
        raise CaseError(f"case id {shown!r} cannot be read; one looks like\n  {EXAMPLE}")
    try:
        spec = find_spec(match["name"])
        args = {
            name: _read_argument(spec, name, value)
            for name, value in _pairs(match["args"], (*spec.required, *spec.defaults)).items()
        }
        missing = [name for name in spec.required if name not in args]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        shapes = {name: _read_shape(name, value) for name, value in _pairs(match["shapes"], spec.inputs).items()}
        absent = [name for name in spec.inputs if name not in shapes and name not in spec.optional]
        if absent:
            raise ValueError(f"the shape of {', '.join(absent)} is missing")
        dtype, style, *flags = match["words"].split(",") if "," in match["words"] else (match["words"], "")
        styles = [known for known in STYLES if known in ("random", "integer", *spec.styles)]
        words = (("dtype", dtype, tuple(FORMATS)), ("style", style, styles), *(("flag", flag, FLAGS) for flag in flags))
        for what, word, known in words:
            if word not in known:
                raise ValueError(f"{what} {word!r}, one of {', '.join(known)} expected")
        case = make(spec, Setting(args, shapes), dtype, style, int(match["seed"]), tuple(dict.fromkeys(flags)))
        _check_sizes(case.shapes)
        tensors = case.tensors  # raises where the numbers do not fit each other
        _check_sizes({**tensors.outputs, **tensors.parameters, **tensors.buffers})
    except (ValueError, TypeError, ArithmeticError) as error:
        raise CaseError(f"case id {text!r}: {error}") from None
    return case


def _pairs(text: str, known: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or name not in known:
            raise ValueError(f"{part!r} is not understood; known are {', '.join(known)}")
        if name in pairs:
            raise ValueError(f"{name} is given twice")
        pairs[name] = value
    return pairs


def _read_argument(spec: LayerSpec, name: str, text: str) -> Any:
    """The value as the layer takes it: `none` is a word to an argument that is one (reduction=none)."""
    default = spec.defaults.get(name, 0)
    if isinstance(default, str) and _WORD.fullmatch(text):
        return text
    value = read(text)
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ValueError(f"{name}={text}, true or false expected")
    if isinstance(value, bool) and not isinstance(default, bool | None):
        raise ValueError(f"{name}={text}, a number expected")
    return value


def _check_sizes(shapes: Mapping[str, Shape]) -> None:
    for name, shape in shapes.items():
        if not all(type(size) is int for size in shape):
            raise ValueError(f"{name} would have shape {write_shape(shape)}: whole numbers expected")
        if math.prod(max(size, 1) for size in shape) > LARGEST:  # NumPy refuses huge sizes beside a 0 as well
            raise ValueError(f"{name} would have shape {write_shape(shape)}: at most {LARGEST} numbers expected")


def _read_shape(name: str, text: str) -> Shape:
    if text == "scalar":
        return ()
    if not re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", text):
        raise ValueError(f"shape {name}={text!r}, sizes such as 2x3x7x5 expected")
    return tuple(map(int, text.split("x")))


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and value == default
