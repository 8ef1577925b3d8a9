"""--map TEXT: what cannot be guessed of a class, said by the user.

    MyConv=Conv2d; k=kernel_size; rng=None; forward=run; backward=back; grad=dout; rate=lr; x=NHWC;
    weight=filters:HWIO; bias=none; dweight=grads[W]; return[0]=dx; grad_scale=1/N; lr=1

    class=layer                 which layer it is
    argument=setting or literal, or a method's argument: x, target, dout, lr, cache, or an input: x2, h0
    forward=, backward=         the names of the methods
    x=NCHW|NHWC|HWC|CHW|HW      how images are laid out
    weight=path:layout          where the weights are kept, and how; layout:flipped for a kernel stored rotated
    bias=path|none   dx=path   dweight=path   dbias=path   lr=number
    weight_ih=path   bias_hh_l0=path   dweight_ih=path   in_proj_weight=path     by torch's names, of recurrent layers
                                and of attention
    return[0]=dx, return[dW]=dweight     which entry of what backward returns is which gradient
    grad_scale=1/N|N            gradients of weight and bias (of a loss: dx) are torch's divided by, or times, the size
                                of the batch
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from oracle.layers import SPECS
from oracle.subjects.names import RECURRENT

_ROLES = ("x", "target", "dout", "lr", "cache")
_INPUTS = {name for spec in SPECS.values() for name in spec.inputs}
_TORCHS = {"Linear": "OI", "Conv1d": "OIL", "Conv2d": "OIHW", "Conv3d": "OIDHW"}
_IMAGES = ("NCHW", "NHWC", "HWC", "CHW", "HW")
_RECURRENT = tuple(f"{name}{layer}" for name in RECURRENT for layer in ("", "_l0"))
_ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
_GRADIENTS = ("dx", "dweight", "dbias")
_ALL_GRADIENTS = {f"d{name}" for name in ("weight", "bias", *_INPUTS, *_RECURRENT, *_ATTENTION)}
_SCALES = {"1/N": "gradient-is-mean", "N": "gradient-times-batch"}
_PATH = re.compile(r"\.?(\w+(\.\w+|\[\w+\])*)")
_LAYOUT = re.compile(r"(\w|\(\w+\))+")
_RETURNED = re.compile(r"return(\[\w+\])+")


class MapError(ValueError):
    """A --map that cannot be read, or that does not fit to what is judged."""


@dataclass(frozen=True)
class Map:
    """classes    class -> layer
    arguments  argument -> "@stride", "$dout" or a literal
    paths      tensor -> path; "return[0]" is one in what backward returns
    grad_scale "1/N" or "N": the factor that its gradients have beside torch's
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
    grad_scale: str = ""

    def weight_layout(self, spec: str) -> str:
        """Raises MapError for letters that are not the layer's."""
        if not self.layout and not self.flipped:
            return ""
        torchs = _TORCHS.get(spec, "")
        own = self.layout or torchs
        letters = sorted(re.sub(r"[()1]", "", own))
        if not torchs:
            raise MapError(f"--map: weight=...:{own}: no layout of the weight of {spec} can be said")
        if letters not in (sorted(torchs), sorted(torchs.replace("I", ""))) or not _LAYOUT.fullmatch(own):
            raise MapError(
                f"--map: weight=...:{own}: the letters {', '.join(torchs)} of {spec} expected, each once, as in "
                f"{torchs[::-1]}; brackets make one axis of several, 1 is an axis that torch does not have"
            )
        return f"{torchs}->{''.join(a.lower() if self.flipped and a not in 'OI' else a for a in own)}"

    def gradients(self) -> dict[str, str]:
        """gradient -> where the object keeps it."""
        return {name: path for name, path in self.paths.items()
                if name in _ALL_GRADIENTS and not _RETURNED.fullmatch(path)}  # fmt: skip

    def returned(self) -> dict[str, str]:
        """gradient -> its place in what backward returns: "[0]", "[dW]"."""
        return {name: path.removeprefix("return") for name, path in self.paths.items()
                if name in _ALL_GRADIENTS and _RETURNED.fullmatch(path)}  # fmt: skip

    def scale(self, spec: str) -> tuple[str, ...]:
        """The ids of the difference from torch that grad_scale is."""
        if not self.grad_scale:
            return ()
        return (("loss-" if "target" in SPECS[spec].inputs else "") + _SCALES[self.grad_scale],)

    def unused(self, classes: Iterable[str], arguments: Iterable[str]) -> str | None:
        """What is wrong with it where these are all the classes and arguments that there are."""
        for names, there, kind in ((self.classes, {*classes}, "class"), (self.arguments, {*arguments}, "argument")):
            for name in names:
                if name not in there:
                    known = ", ".join(sorted(there)) or "none"
                    return f"--map: {name}=...: there is no {kind} {name}{_meant(name, there)}; there are {known}"
        return None


def parse_map(text: str) -> Map:
    """Raises MapError for what is not understood, with what is known."""
    classes: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    paths: dict[str, str] = {}
    words: dict[str, Any] = {}
    seen: set[str] = set()
    settings = {name for spec in SPECS.values() for name in (*spec.required, *spec.defaults)}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise MapError(f"--map: {part!r} is not understood; name=value expected, as in {EXAMPLE}")
        if name.startswith("return"):  # return[0]=dx is dx=return[0]
            name, value = value, name
            if name not in _ALL_GRADIENTS:
                _one_of(name, _GRADIENTS, f"{value}={name}")
        if name in seen:
            raise MapError(f"--map: {name} is said twice, with {value!r} the second time; it can be one thing only")
        seen.add(name)
        if name in ("forward", "backward"):
            words[name] = value
        elif name == "x":
            words["x"] = _one_of(value, _IMAGES, part)
        elif name == "lr":
            words["lr"] = _number(value)
        elif name == "grad_scale":
            words[name] = _one_of(value.replace(" ", ""), _SCALES, part)
        elif name == "weight":
            path, _, layout = value.partition(":")
            layout, _, flipped = layout.partition(":")
            if layout == "flipped":
                layout, flipped = "", "flipped"
            if flipped not in ("", "flipped"):
                raise MapError(f"--map: {part}: after the layout only :flipped expected, as in weight=W:HWIO:flipped")
            paths["weight"] = _path(path, part)
            words |= {"layout": layout, "flipped": flipped == "flipped"}
        elif name in ("bias", *_RECURRENT, *_ATTENTION, *_ALL_GRADIENTS):
            paths[name] = _path(value, part)
        elif value in SPECS:
            classes[name] = value
        elif value.partition("[")[0] in settings:
            arguments[name] = f"@{value}"
        elif value in _ROLES or value in _INPUTS:
            arguments[name] = f"${value}"
        else:
            arguments[name] = _literal(name, value, settings)
    return Map(classes, arguments, paths, **words)


EXAMPLE = '"MyConv=Conv2d; k=kernel_size; x=NHWC; weight=filters:HWIO"'


def _one_of(value: str, known: Iterable[str], part: str) -> str:
    if value not in known:
        raise MapError(f"--map: {part}: one of {', '.join(known)} expected{_meant(value, known)}")
    return value


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise MapError(f"--map: lr={value}: a number expected, as in lr=0.5") from None


def _path(value: str, part: str) -> str:
    match = _PATH.fullmatch(value)
    if match is None:
        raise MapError(f"--map: {part}: a path expected, as in W, params[W] or conv.weight")
    return match[1]


def _literal(name: str, value: str, settings: Iterable[str]) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        known = [*SPECS, *settings, *_ROLES]
        raise MapError(
            f"--map: {name}={value}: {value} is no layer (Conv2d), no setting (kernel_size), none of "
            f"{', '.join(_ROLES)}, and no literal (3, None, 'text'){_meant(value, known)}"
        ) from None


def _meant(name: str, known: Iterable[str]) -> str:
    """ "; did you mean kernel_size?" """
    lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), lower, 1)
    return f"; did you mean {lower[close[0]]}?" if close else ""
