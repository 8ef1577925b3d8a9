"""The calls of trial runs: settings that a class can be given, and sizes that tell the axes apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from oracle.cases import make
from oracle.layers.spec import LayerSpec, Setting
from oracle.selection import grid
from oracle.subjects import Call
from oracle.subjects.binding import Binding

# One call per layer whose sizes are all different, so that a shape tells which axis is which. What is not here is
# taken from the layer's own grid.
TRIALS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "Conv1d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8)),
    "Conv2d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8, 9)),
    "Conv3d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 4, 6, 7)),
    "ConvTranspose1d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8)),
    "ConvTranspose2d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 8, 9)),
    "ConvTranspose3d": ({"in_channels": 3, "out_channels": 4, "kernel_size": 2}, (5, 3, 4, 6, 7)),
    "Linear": ({"in_features": 3, "out_features": 4}, (5, 3)),
    "MaxPool2d": ({"kernel_size": 2, "stride": 2}, (5, 3, 8, 6)),
    "AvgPool2d": ({"kernel_size": 2, "stride": 2}, (5, 3, 8, 6)),
    "BatchNorm1d": ({"num_features": 3}, (5, 3)),
    "BatchNorm2d": ({"num_features": 3}, (5, 3, 4, 2)),
    "BatchNorm3d": ({"num_features": 3}, (5, 3, 4, 2, 6)),
    "LayerNorm": ({"normalized_shape": 3}, (5, 3)),
    "Softmax": ({"dim": 1}, (5, 3)),
    "CrossEntropyLoss": ({}, (5, 3)),
}


def trial(spec: LayerSpec, x: tuple[int, ...] | None = None, binding: Binding | None = None,
          **changes: Any) -> Call:  # fmt: skip
    """One call that the binding takes, with `changes` of its settings, or with x of that shape. Raises ValueError where
    the layer has none."""
    fixed = dict(binding.fixed) if binding else {}
    shapes: dict[str, tuple[int, ...]]
    if spec.name in TRIALS:
        args, shape = TRIALS[spec.name]
        shapes = dict.fromkeys(spec.inputs, shape)
        if spec.name == "CrossEntropyLoss":
            shapes["target"] = shape[:1]
    else:
        setting = telling(spec, binding)
        args, shapes = dict(setting.args), dict(setting.shapes)
    if x:
        shapes = {name: x if shape == shapes["x"] else shape for name, shape in shapes.items()}
    for name, value in fixed.items():
        if name.startswith("x["):
            shapes["x"] = tuple(value if place == int(name[2]) else size for place, size in enumerate(shapes["x"]))
    args = args | {name: value for name, value in fixed.items() if name not in changes} | changes
    args = {name: value for name, value in args.items() if name in spec.required or name in spec.defaults}
    return make(spec, Setting(args, shapes)).call()


def telling(spec: LayerSpec, binding: Binding | None) -> Setting:
    """Of the settings in the grid that the binding takes, the one nearest to torch's defaults, and of several the one
    whose sizes differ most: only then a shape tells which axis is which."""
    taken = list(taken_settings(spec, binding))
    if not taken:
        raise ValueError(f"{spec.name} has no setting that it could be given")
    axes = max(2, len(next(iter(grid(spec)[0].shapes.values()))))  # as most cases have it, with a batch
    return max(taken, key=lambda setting: (len(_first(setting)) == axes, -_unusual(spec, setting),
                                           _different(spec, setting)))  # fmt: skip


def taken_settings(spec: LayerSpec, binding: Binding | None) -> Iterator[Setting]:
    """Of the grid, with what is written in the code."""
    fixed = {name: value for name, value in (binding.fixed if binding else {}).items() if "[" not in name}
    for setting in grid(spec):
        setting = replace(setting, args={**setting.args, **fixed})
        fits = binding is None or binding.takes(spec.complete(setting.args), setting.shapes)
        if fits and "train" in (setting.modes or spec.modes) and _is_case(spec, setting):
            yield setting


def _is_case(spec: LayerSpec, setting: Setting) -> bool:
    try:
        spec.tensors(spec.complete(setting.args), setting.shapes)
    except ValueError:  # with the number that is written in the code there is no such case
        return False
    return True


def _first(setting: Setting) -> tuple[int, ...]:
    return next(iter(setting.shapes.values()))


def _unusual(spec: LayerSpec, setting: Setting) -> int:
    return sum(setting.args.get(name, default) != default for name, default in spec.defaults.items())


def _different(spec: LayerSpec, setting: Setting) -> int:
    tensors = spec.tensors(spec.complete(setting.args), setting.shapes)
    shapes = [*setting.shapes.values(), *tensors.outputs.values(), *tensors.parameters.values()]
    return sum(len({*shape} - {1}) for shape in shapes)
