"""The layers that the oracle knows: one file per family, one LayerSpec per torch.nn module."""

from __future__ import annotations

import difflib

from oracle.layers import conv, linear, pooling
from oracle.layers.spec import LayerSpec

_FAMILIES = {"linear": linear, "conv": conv, "pooling": pooling}

SPECS: dict[str, LayerSpec] = {spec.name: spec for family in _FAMILIES.values() for spec in family.SPECS}
FAMILY: dict[str, str] = {spec.name: name for name, family in _FAMILIES.items() for spec in family.SPECS}


def find_spec(name: str) -> LayerSpec:
    """The layer of that name. Raises ValueError that lists what is near."""
    if name in SPECS:
        return SPECS[name]
    near = difflib.get_close_matches(name, SPECS, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(SPECS)}"
    raise ValueError(f"no layer is called {name!r}; {hint}")
