"""What people get wrong, as data: one file per family, beside the layers'."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec as find_module

from oracle.layers import FAMILIES
from oracle.mistakes.kernel import Family


@lru_cache(maxsize=None)
def by_layer() -> dict[str, Family]:
    """The family of mistakes of each layer that has one."""
    families = [
        import_module(f"oracle.mistakes.{name}").FAMILY
        for name in FAMILIES
        if find_module(f"oracle.mistakes.{name}") is not None
    ]
    return {spec: family for family in families for spec in family.specs}
