"""--map TEXT: what cannot be guessed of a class, said by the user.

    MyConv=Conv2d; k=kernel_size; rng=None; forward=run; backward=back; grad=dout; rate=lr; x=NHWC;
    weight=filters:HWIO; bias=none; dweight=grads[W]; lr=1

    class=layer                 which layer it is
    argument=setting or literal, or a method's argument: x, target, dout, lr, cache
    forward=, backward=         the names of the methods
    x=NCHW|NHWC|HWC|CHW|HW      how images are laid out
    weight=path:layout          where the weights are kept, and how; layout:flipped for a kernel stored rotated
    bias=path|none   dweight=path   dbias=path   lr=number
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oracle.layers import SPECS

_ROLES = ("x", "target", "dout", "lr", "cache")
_TORCHS = {"Linear": "OI", "Conv1d": "OIL", "Conv2d": "OIHW", "Conv3d": "OIDHW"}


class MapError(ValueError):
    """A --map that cannot be read."""


@dataclass(frozen=True)
class Map:
    """classes    class -> layer
    arguments  argument -> "@stride", "$dout" or a literal
    paths      tensor -> path
    """

    classes: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""
    backward: str = ""
    x: str = ""
    layout: str = ""
    flipped: bool = False
    lr: float = 0.0

    def weight_layout(self, spec: str) -> str:
        if not self.layout and not self.flipped:
            return ""
        torchs = _TORCHS.get(spec, "")
        own = self.layout or torchs
        return f"{torchs}->{''.join(a.lower() if self.flipped and a not in 'OI' else a for a in own)}"


def parse_map(text: str) -> Map:
    """Raises MapError for what is not understood, with what is known."""
    classes: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    paths: dict[str, str] = {}
    words: dict[str, Any] = {}
    settings = {name for spec in SPECS.values() for name in (*spec.required, *spec.defaults)}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise MapError(f"--map: {part!r} is not understood; name=value expected, as in {EXAMPLE}")
        if name in ("forward", "backward"):
            words[name] = value
        elif name == "x":
            if value not in ("NCHW", "NHWC", "HWC", "CHW", "HW"):
                raise MapError(f"--map: x={value}, one of NCHW, NHWC, HWC, CHW, HW expected")
            words["x"] = value
        elif name == "lr":
            words["lr"] = _number(value)
        elif name == "weight":
            path, _, layout = value.partition(":")
            layout, _, flipped = layout.partition(":")
            if layout == "flipped":
                layout, flipped = "", "flipped"
            paths["weight"] = path.removeprefix(".")
            words |= {"layout": layout, "flipped": flipped == "flipped"}
        elif name in ("bias", "dweight", "dbias", "dx"):
            paths[name] = value.removeprefix(".")
        elif value in SPECS:
            classes[name] = value
        elif value.partition("[")[0] in settings:
            arguments[name] = f"@{value}"
        elif value in _ROLES:
            arguments[name] = f"${value}"
        else:
            arguments[name] = _literal(name, value)
    return Map(classes, arguments, paths, **words)


EXAMPLE = '"MyConv=Conv2d; k=kernel_size; x=NHWC; weight=filters:HWIO"'


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise MapError(f"--map: lr={value}, a number expected") from None


def _literal(name: str, value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise MapError(f"--map: {name}={value}: layer, setting, {', '.join(_ROLES)} or literal expected") from None
