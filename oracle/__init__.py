"""oracle: judges any implementation of a layer against torch.nn with the same weights."""

from __future__ import annotations

import importlib
from typing import Any

# Where each public name lives. They are loaded when first asked for, so that `oracle --help` and the worker, which
# has no torch, need not import torch.
_HOME = {
    "check": "oracle.checking",
    "assert_matches": "oracle.python_api",
    "parametrize": "oracle.python_api",
    "check_relations": "oracle.python_api",
    "compare": "oracle.networks",
    "locate": "oracle.networks",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'oracle' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
