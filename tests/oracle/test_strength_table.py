"""The table of which setting shows which mistake is the one that the grids and the mistakes of today give."""

import numpy as np
import pytest

from oracle.layers import SPECS
from oracle.mistakes import by_layer
from oracle.selection import default_cases, grid
from oracle.strength import _table, modes, rows, shown, strength

LAYERS = list(by_layer())


@pytest.mark.parametrize("layer", LAYERS)
def test_table_is_of_today(layer):
    """Where it fails: python -m oracle.strength"""
    family, spec = by_layer()[layer], SPECS[layer]
    assert layer in _table(), "the grid has changed"
    places = np.linspace(0, len(grid(spec)) - 1, 4).astype(int)
    fresh = shown(spec, family, [grid(spec)[place] for place in places])
    sample = np.concatenate([places + turn * len(grid(spec)) for turn in range(len(modes(spec)))])
    for row, bits in zip(rows(family), fresh):
        stored = _table()[layer].get(row)
        if stored is not None and stored[sample].any():
            assert (stored[sample] == bits).all() or not bits.any(), row


@pytest.mark.parametrize("layer", ["Conv2d", "MaxPool2d", "Linear"])
def test_default_cases_would_catch_every_known_mistake(layer):
    caught, missed = strength(layer, default_cases(SPECS[layer])[0])
    assert missed == [] and len(caught) == len({mistake.id for mistake in by_layer()[layer].mistakes})


def test_one_case_would_catch_few():
    caught, missed = strength("Conv2d", default_cases(SPECS["Conv2d"])[0][:1])
    assert "crop-with-zero-padding" in caught and "stride-ignored" in missed
