"""LayerSpec: one torch.nn module as the oracle knows it, declared as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.bounds import Bound

Args = Mapping[str, Any]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True)
class Setting:
    """One point of a layer's grid: constructor arguments that differ from the defaults, and the inputs' shapes;
    `modes` where it makes sense in some of the layer's modes only."""

    args: Args
    shapes: Shapes
    modes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Tensors:
    """The shapes that follow from a setting."""

    outputs: Shapes
    parameters: Shapes = field(default_factory=dict)
    buffers: Shapes = field(default_factory=dict)


@dataclass(frozen=True)
class Uniform:
    """Floats, uniform in [lo, hi)."""

    lo: float = -1.0
    hi: float = 1.0


@dataclass(frozen=True)
class Integers:
    """Whole numbers lo..hi, both included; times `scale`. `index` makes them int64 (class labels, indices)."""

    lo: int
    hi: int
    scale: float = 1.0
    index: bool = False


@dataclass(frozen=True)
class Flags:
    """True for one in `of`, about, else False."""

    of: int = 2


@dataclass(frozen=True)
class Choice:
    """One of a few values. `index` makes them int64 (labels)."""

    values: tuple[float, ...]
    index: bool = False


@dataclass(frozen=True)
class Places:
    """Whole numbers below `count` (int64), all different within the last `axes` axes: places that values are put to."""

    count: int
    axes: int


Draw = Uniform | Integers | Choice | Places | Flags

UPSTREAM_OF_A_LOSS = Choice((2.0, -4.0, 0.5))  # never 1, which would hide a forgotten upstream gradient


@dataclass(frozen=True, eq=False)  # there is one of each: compared and hashed by identity
class LayerSpec:
    """One layer.

    name       torch.nn's name
    required   constructor arguments without a default, in torch's order
    defaults   the other arguments and torch's defaults, in torch's order
    tensors    (args, input shapes) -> Tensors; raises ValueError where they do not fit each other
    grid       the finite list of settings, in a fixed order whose first dozen show every known mistake
    bound      how far rounding alone may take each tensor from the reference
    inputs     names in forward's order
    optional   those of them that may be absent (a first hidden state, a mask)
    of_forward settings that are arguments of forward, not of the constructor
    arguments  (inputs, settings of forward) -> (positional, named) arguments of forward, where they are not the inputs
    styles     input styles beside "random" and "integer" that make sense for it
    draws      (args, shapes, style, dtype bits) -> Draw by tensor name, where the style's own range does not do
    exact      whether integer inputs give integer results whatever the order of the operations
    modes      "train", and "eval" for a layer that does something else in evaluation
    twin       torch module -> class of the torch twin, where it is not torch.nn.<name>
    twin_settings  (settings, dtype of the inputs) -> the twin's own, where a default depends on the dtype
    """

    name: str
    required: tuple[str, ...]
    defaults: Args
    tensors: Callable[[Args, Shapes], Tensors]
    grid: Callable[[], Iterable[Setting]]
    bound: Bound
    inputs: tuple[str, ...] = ("x",)
    optional: tuple[str, ...] = ()
    of_forward: tuple[str, ...] = ()
    arguments: Callable[[Mapping[str, Any], Args], tuple[tuple, dict[str, Any]]] = lambda inputs, settings: (
        tuple(inputs.values()),
        dict(settings),
    )
    styles: tuple[str, ...] = ("strided",)
    draws: Callable[[Args, Shapes, str, int], Mapping[str, Draw]] = lambda args, shapes, style, bits: {}
    exact: Callable[[Args], bool] = lambda args: True
    modes: tuple[str, ...] = ("train",)
    twin: Callable[[Any], type] | None = None
    twin_settings: Callable[[Args, str], Args] = lambda settings, dtype: settings

    def split(self, settings: Args) -> tuple[dict[str, Any], dict[str, Any]]:
        """(settings of the constructor, settings of forward)"""
        ours = {name: value for name, value in settings.items() if name not in self.of_forward}
        return ours, {name: value for name, value in settings.items() if name in self.of_forward}

    def complete(self, args: Args) -> dict[str, Any]:
        """All arguments in torch's order, defaults filled in."""
        return {name: args[name] for name in self.required} | {
            name: args.get(name, default) for name, default in self.defaults.items()
        }


def per_axis(value: Any, ndim: int) -> tuple[int, ...]:
    """An int stands for every axis. Raises ValueError for what is no integer."""
    values = tuple(value) if isinstance(value, tuple) else (value,) * ndim
    expect(all(type(entry) is int for entry in values), f"{value!r}: an integer or {ndim} of them expected")
    expect(len(values) == ndim, f"{value!r}: one integer or {ndim} of them expected")
    return values


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def spread(
    axes: Mapping[str, Sequence[Any]], count: int, build: Callable[..., Setting | None], skip: Iterable[Setting] = ()
) -> Iterator[Setting]:
    """The settings in `skip` (the hand-made ones) first, then `count` different ones spread evenly over the product
    of `axes`: the product is walked with a step near its golden section, so that any run of it meets every value of
    every axis. `build` turns one point into a Setting, or None where the point makes none."""
    seen = set()
    for setting in skip:
        seen.add(_key(setting))
        yield setting
    total = math.prod(len(values) for values in axes.values())
    step = int(total * (math.sqrt(5) - 1) / 2) | 1
    while math.gcd(step, total) != 1:
        step += 2
    found, place = 0, 0
    for _ in range(total):
        place = (place + step) % total
        rest, point = place, {}
        for name, values in axes.items():
            rest, digit = divmod(rest, len(values))
            point[name] = values[digit]
        built = build(**point)
        if built is not None and (key := _key(built)) not in seen:
            seen.add(key)
            yield built
            found += 1
            if found == count:
                return


def _key(setting: Setting) -> tuple:
    return tuple(sorted(setting.args.items(), key=str)), tuple(setting.shapes.items())
