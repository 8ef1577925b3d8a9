"""Which cases of a layer are run: the default hundred or so, in a fixed order, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle, product
from types import MappingProxyType
from typing import Any

from oracle.cases import Case, make
from oracle.formats import DTYPES, HALVES
from oracle.layers.spec import LayerSpec, Setting

DEFAULT_COUNT = 120
FIRST = 12  # the settings at the head of each grid that meet every known mistake

# dtype and style of one case after the other: integers show errors of structure, random the rounding, wide a lower
# precision
_ROUND = (
    ("float64", "random"), ("float64", "integer"), ("float32", "random"), ("float64", "wide"), ("float32", "integer"),
    ("float32", "offset"),
)  # fmt: skip
_OWN = ("offset", "large", "ties", "kinks")  # they show what neither integers nor random numbers do

Takes = Callable[[Setting], bool]  # whether a subject offers a setting at all


@cache
def grid(spec: LayerSpec) -> tuple[Setting, ...]:
    """The layer's settings, each once (a default that is written out is the setting without it)."""
    once: dict[str, Setting] = {}
    for setting in spec.grid():
        once.setdefault(make(spec, setting).id, setting)
    return tuple(once.values())


def _grid_with(spec: LayerSpec, fixed: Mapping[str, Any]) -> tuple[Setting, ...]:
    """The settings with the values that a subject has written in its code."""
    if not fixed:
        return grid(spec)
    once: dict[str, Setting] = {}
    for setting in grid(spec):
        setting = _with(setting, fixed)
        try:
            spec.tensors(spec.complete(setting.args), setting.shapes)
        except ValueError:
            continue  # no such case: the kernel that is written in the code is larger than the image
        once.setdefault(make(spec, setting).id, setting)
    return tuple(once.values())


def _with(setting: Setting, fixed: Mapping[str, Any]) -> Setting:
    """Arguments by name, sizes as "x[0]"."""
    args, shapes = dict(setting.args), {name: list(shape) for name, shape in setting.shapes.items()}
    for name, value in fixed.items():
        if name.endswith("]"):
            tensor, axis = name[:-1].split("[")
            shapes[tensor] = [value if place == int(axis) else size for place, size in enumerate(shapes[tensor])]
        else:
            args[name] = value
    return replace(setting, args=args, shapes={name: tuple(shape) for name, shape in shapes.items()})


def default_cases(
    spec: LayerSpec,
    takes: Takes = lambda setting: True,
    count: int = DEFAULT_COUNT,
    seed: int = 0,
    fixed: Mapping[str, Any] = MappingProxyType({}),
    dtype: str | None = None,
) -> tuple[list[Case], int]:
    """(cases, number of settings that the subject does not take). `fixed` are settings that it cannot choose, `dtype`
    the one of all cases, where they are not to take turns.

    The first dozen settings that the subject takes come in integers and at random, and where the layer has them in
    its own styles and in evaluation; the rest of `count` is spread over the grid, with dtype, style and mode taking
    turns.
    """
    settings = _grid_with(spec, fixed)
    taken = [setting for setting in settings if takes(setting)]
    head, rest = taken[:FIRST], taken[FIRST:]
    cases = [
        make(spec, setting, dtype or "float64", style, seed, flags)
        for setting in head
        for style, flags in _looks(spec, setting, dtype)
    ]
    room = count - len(cases)
    if room <= 0 or not rest:
        return cases[:count], len(settings) - len(taken)
    styles = _styles(spec, dtype)
    turns = cycle((dtype or turn[0], turn[1], mode) for turn in _ROUND if turn[1] in styles for mode in spec.modes)
    for place in range(room):
        its_dtype, style, mode = next(turns)
        setting = rest[place * len(rest) // room]
        flags = _flags(mode if mode in _modes(spec, setting) else _modes(spec, setting)[0])
        cases.append(make(spec, setting, its_dtype, style, seed + place * room // max(len(rest), room), flags))
    return cases, len(settings) - len(taken)


def all_cases(
    spec: LayerSpec,
    takes: Takes = lambda setting: True,
    seed: int = 0,
    fixed: Mapping[str, Any] = MappingProxyType({}),
    dtype: str | None = None,
) -> Iterator[Case]:
    """Every setting x dtype x style x mode that makes sense for the layer; `dtype` alone where it is given."""
    dtypes = DTYPES if dtype is None else (dtype,)
    return _cases(spec, filter(takes, _grid_with(spec, fixed)), _styles(spec, dtype)[2:], seed, dtypes)


def gate_cases(spec: LayerSpec) -> Iterator[Case]:
    """Every setting x dtype x mode, at random and in integers; what leaves the test suite short: the layer's other
    styles take turns over the settings, and after the first dozen integers are float32 in every fourth."""
    for place, setting in enumerate(grid(spec)):
        for case in _cases(spec, [setting], (spec.styles[place % len(spec.styles)],), 0):
            if place < FIRST or place % 4 == 0 or (case.dtype, case.style) != ("float32", "integer"):
                yield case


def _cases(
    spec: LayerSpec, settings: Iterable[Setting], others: Sequence[str], seed: int, dtypes: Sequence[str] = DTYPES
) -> Iterator[Case]:
    seen: set[str] = set()  # without a batch, settings that differ in its size are one
    for setting in settings:
        for dtype, style, mode in product(dtypes, ("random", "integer", *others), _modes(spec, setting)):
            case = make(spec, setting, dtype, style, seed, _flags(mode))
            if style == "empty" and (case.id in seen or not _can_be_empty(case)):
                continue
            seen.add(case.id)
            yield case


def _styles(spec: LayerSpec, dtype: str | None) -> tuple[str, ...]:
    """In half precision the other styles say nothing: `large` overflows, and nothing is `wide`."""
    return ("random", "integer") if dtype in HALVES else ("random", "integer", *spec.styles)


def _looks(spec: LayerSpec, setting: Setting, dtype: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(style, flags) in which a setting at the head of the grid comes."""
    for mode in _modes(spec, setting):
        for style in ("integer", "random"):
            yield style, _flags(mode)
    if "train" in _modes(spec, setting):
        for style in _OWN:
            if style in _styles(spec, dtype):
                yield style, ()


def _modes(spec: LayerSpec, setting: Setting) -> tuple[str, ...]:
    return setting.modes or spec.modes


def _flags(mode: str) -> tuple[str, ...]:
    return () if mode == "train" else (mode,)


def _can_be_empty(case: Case) -> bool:
    """Whether every input has a batch axis, and it may be 0."""
    if min(map(len, case.shapes.values())) < 2:
        return False
    try:
        case.tensors  # noqa: B018  raises where the numbers do not fit each other
    except ValueError:
        return False
    return True
