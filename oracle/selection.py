"""Which cases of a layer are run: the default hundred or so, in a fixed order, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import cycle

from oracle.cases import DTYPES, Case, make
from oracle.layers.spec import LayerSpec, Setting

DEFAULT_COUNT = 120
FIRST = 12  # the settings at the head of each grid that meet every known mistake

# dtype and style of one case after the other: integers show errors of structure, random the rounding, wide a lower precision
_ROUND = (
    ("float64", "random"), ("float64", "integer"), ("float32", "random"), ("float64", "wide"), ("float32", "integer"),
)  # fmt: skip


Takes = Callable[[Setting], bool]  # whether a subject offers a setting at all


@lru_cache(maxsize=None)
def grid(spec: LayerSpec) -> tuple[Setting, ...]:
    return tuple(spec.grid())


def default_cases(
    spec: LayerSpec, takes: Takes = lambda setting: True, count: int = DEFAULT_COUNT, seed: int = 0
) -> tuple[list[Case], int]:
    """(cases, number of settings that the subject does not take).

    The first dozen settings that the subject takes come in integers and at random; the rest of `count` is spread over
    the grid, with dtype and style taking turns.
    """
    settings = grid(spec)
    taken = [setting for setting in settings if takes(setting)]
    head, rest = taken[:FIRST], taken[FIRST:]
    cases = [make(spec, setting, "float64", style, seed) for setting in head for style in ("integer", "random")]
    room = count - len(cases)
    if room <= 0 or not rest:
        return cases[:count], len(settings) - len(taken)
    turns = cycle(turn for turn in _ROUND if turn[1] in ("random", "integer", *spec.styles))
    for place in range(room):
        dtype, style = next(turns)
        setting = rest[place * len(rest) // room]
        cases.append(make(spec, setting, dtype, style, seed + place * room // max(len(rest), room)))
    return cases, len(settings) - len(taken)


def all_cases(spec: LayerSpec, takes: Takes = lambda setting: True, seed: int = 0) -> Iterator[Case]:
    """Every setting x dtype x style that makes sense for the layer."""
    for setting in filter(takes, grid(spec)):
        for dtype in DTYPES:
            for style in ("random", "integer", *spec.styles):
                if style != "empty" or min(map(len, setting.shapes.values())) > 1:  # a batch axis that can be empty
                    yield make(spec, setting, dtype, style, seed)
