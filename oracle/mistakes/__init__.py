"""What people get wrong, as data: in files of the same names as the layers'."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec as find_module

from oracle.layers import FAMILIES, FILES
from oracle.mistakes.kernel import Family


@cache
def by_layer() -> dict[str, Family]:
    """The mistakes of each layer that has some. A file has one Family for each set of kernels: maximum and average."""
    families = [
        found
        for family in FAMILIES
        for name in FILES.get(family, (family,))
        if find_module(f"oracle.mistakes.{name}") is not None
        for found in import_module(f"oracle.mistakes.{name}").FAMILIES
    ]
    return {spec: family for family in families for spec in family.specs}
