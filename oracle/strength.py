"""How strong was the check? How many of the known mistakes would the cases that ran have caught.

Which setting shows which mistake is computed once, since that takes minutes, and kept in shown.npz:

    python -m oracle.strength       makes the table anew; needed after a change of a grid or of a mistake

A mistake counts as caught where each of its variants, in each tensor, is shown by a setting that ran: its numbers
differ from the right ones on whole numbers (or, where whole numbers hide it, on fractions). What shows only in
evaluation is caught by cases in evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from oracle.cases import Case, make
from oracle.layers import SPECS
from oracle.layers.spec import LayerSpec, Setting
from oracle.mistakes import by_layer
from oracle.mistakes.kernel import Edits, Family
from oracle.selection import grid

TABLE = Path(__file__).parent / "mistakes" / "shown.npz"

Row = tuple[str, str, int]  # mistake, tensor, number of the variant


def rows(family: Family) -> dict[Row, Edits]:
    """Every variant of every mistake of a family, in the table's order."""
    return {
        (mistake.id, tensor, number): edits
        for mistake in family.mistakes
        for tensor, variants in mistake.variants.items()
        for number, edits in enumerate(variants)
    }


def shown(spec: LayerSpec, family: Family, settings: Sequence[Setting]) -> np.ndarray:
    """(variants, settings in each mode of the layer, one mode after the other) of booleans: where the variant's numbers
    differ from the right ones on whole numbers; for a variant that whole numbers never show, on fractions, and then in
    the styles that its mistake names. Evaluation is asked where training never shows it."""
    variants = list(rows(family).items())
    named = {mistake.id: mistake.styles for mistake in family.mistakes}
    table = np.zeros((len(variants), len(settings) * len(modes(spec))), bool)
    styles = ("integer", "random", *sorted({style for styles in named.values() for style in styles}))
    for (turn, mode), style in product(enumerate(modes(spec)), styles):
        hidden = [
            row
            for row, ((mistake, _, _), _) in enumerate(variants)
            if not table[row].any() and (style in ("integer", "random") or style in named[mistake])
        ]
        for column, setting in enumerate(settings if hidden else (), turn * len(settings)):
            if mode not in (setting.modes or spec.modes):
                continue
            call = make(spec, setting, "float64", style, flags=() if mode == "train" else (mode,)).call()
            right = {tensor: family.compute(tensor, (), call) for tensor in family.kernels}
            for row in hidden:
                (_, tensor, _), edits = variants[row]
                table[row, column] = right[tensor] is not None and _differ(
                    family.compute(tensor, edits, call), right[tensor]
                )
    return table


def _differ(wrong: np.ndarray | None, right: np.ndarray | None) -> bool:
    """One that raises shows itself too."""
    return wrong is None or not np.array_equal(wrong, right, equal_nan=True)  # type: ignore[arg-type]


def modes(spec: LayerSpec) -> tuple[str, ...]:
    """Those that the layer's settings come in; some layers have one in evaluation for a few of them."""
    found = {mode for setting in grid(spec) for mode in setting.modes or spec.modes}
    return tuple(mode for mode in ("train", "eval") if mode in found)


def _text(row: Row) -> str:
    return "{} {} {}".format(*row)


@cache
def _table() -> dict[str, dict[Row, np.ndarray]]:
    """By layer: which settings of its grid show which variant. What none shows is no mistake of this layer (height for
    width, where there is no height)."""
    with np.load(TABLE) as stored:
        found = {}
        for name, family in by_layer().items():
            if name in stored and str(stored[f"{name}/grid"]) == _fingerprint(name):
                count = len(grid(SPECS[name])) * len(modes(SPECS[name]))
                bits = dict(zip(stored[f"{name}/rows"], np.unpackbits(stored[name], axis=1, count=count).astype(bool)))
                found[name] = {
                    row: bits[text] for row in rows(family) if (text := _text(row)) in bits and bits[text].any()
                }
        return found


def _fingerprint(name: str) -> str:
    """Of the grid that a table belongs to: after a change of it the old table says nothing."""
    return sha256("\n".join(_places(name)).encode()).hexdigest()


@cache
def _places(name: str) -> dict[str, int]:
    """Where a setting stands in its layer's grid."""
    return {_key(make(SPECS[name], setting)): place for place, setting in enumerate(grid(SPECS[name]))}


def _key(case: Case) -> str:
    return case.id.partition("@")[0]


def strength(layer: str, ran: Iterable[Case]) -> tuple[list[str], list[str]]:
    """(mistakes that the cases would have caught, mistakes that they would not)."""
    table = _table().get(layer, {})
    places = _places(layer)
    found = {(places[_key(case)], case.training) for case in ran if _key(case) in places}
    columns = [place if training else place + len(places) for place, training in sorted(found)]
    caught: dict[str, bool] = {}
    for (mistake, _, _), bits in table.items():
        caught[mistake] = caught.get(mistake, True) and bool(bits[columns].any())
    return [m for m, yes in caught.items() if yes], [m for m, yes in caught.items() if not yes]


def variants(layer: str) -> dict[Row, Edits]:
    """The wrong variants of a layer that differ from the right one in some setting."""
    return {row: edits for row, edits in rows(by_layer()[layer]).items() if row in _table().get(layer, {})}


def main() -> None:
    """Make the table, layer by layer."""
    from rich.progress import track

    packed: dict[str, Any] = {}
    for name, family in track(by_layer().items(), "which setting shows which mistake"):
        packed[name] = np.packbits(shown(SPECS[name], family, grid(SPECS[name])), axis=1)
        packed[f"{name}/grid"] = np.array(_fingerprint(name))
        packed[f"{name}/rows"] = np.array([_text(row) for row in rows(family)])
    np.savez_compressed(TABLE, **packed)
    print(f"{TABLE.name}: {len(packed) // 3} layers, {TABLE.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
