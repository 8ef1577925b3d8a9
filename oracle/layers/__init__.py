"""The layers that the oracle knows: one file per family, one LayerSpec per torch.nn module."""

from __future__ import annotations

import difflib
from importlib import import_module

from oracle.layers.spec import LayerSpec

# The same names as in scratchnet/ops, naive and nn; each file has its SPECS.
FAMILIES = (
    "linear",
    "conv",
    "pooling",
    "padding",
    "activation",
    "softmax",
    "normalization",
    "dropout",
    "shape",
    "upsampling",
    "distance",
    "loss",
    "embedding",
    "recurrent",
    "attention",
    "optim",
)

# A family of many layers fills more files than one.
FILES = {
    "attention": ("attention", "transformer"),
    "conv": ("conv", "conv_transpose", "conv_fold"),
    "loss": ("loss", "loss_distance", "loss_likelihood", "loss_margin", "loss_ctc"),
    "pooling": ("pooling", "pooling_adaptive", "pooling_unpool", "pooling_lp"),
}

FAMILY: dict[str, str] = {}  # layer -> family
SPECS: dict[str, LayerSpec] = {}
for _name in FAMILIES:
    for _file in FILES.get(_name, (_name,)):
        for _spec in import_module(f"oracle.layers.{_file}").SPECS:
            SPECS[_spec.name], FAMILY[_spec.name] = _spec, _name


def find_spec(name: str) -> LayerSpec:
    """The layer of that name. Raises ValueError that lists what is near."""
    if name in SPECS:
        return SPECS[name]
    near = difflib.get_close_matches(name, SPECS, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(SPECS)}"
    raise ValueError(f"no layer is called {name!r}; {hint}")
