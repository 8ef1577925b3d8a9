"""The normalisations as the oracle knows them: batch, instance, layer, group, RMS and local response norm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from oracle.bounds import Formula
from oracle.formats import FORMATS
from oracle.layers.normalization_bounds import View, local_response, root_mean_square, standardized
from oracle.layers.spec import (
    Args,
    Draw,
    Integers,
    LayerSpec,
    Setting,
    Shape,
    Shapes,
    Tensors,
    Uniform,
    expect,
    spread,
)

if TYPE_CHECKING:
    from oracle.cases import Case

# (centre, half width) of the values in the style `offset`: the mean up to 1e6 standard deviations from 0
_OFFSETS = ((100.0, 1.0), (1e4, 1.0), (300.0, 0.02), (1e3, 17.0), (-1e4, 10.0))


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Running statistics that fit the values: the mean among them, the variance positive."""
    count: dict[str, Draw] = {"num_batches_tracked": Integers(0, 9, index=True)}
    if style == "offset":
        centre, half = _OFFSETS[sum(shapes["x"]) % len(_OFFSETS)]
        x = Uniform(centre - half, centre + half)
        return count | {"x": x, "running_mean": x, "running_var": Uniform(half**2 / 6, half**2)}
    if style in ("integer", "strided"):
        return count | {"running_var": Integers(1, 9)}
    return count | {"running_var": Uniform(0.25, 2)}


# ---- statistics per channel: batch and instance norm


def _channel_tensors(ndims: tuple[int, ...], per_image: bool, args: Args, shapes: Shapes) -> Tensors:
    x, channels = shapes["x"], args["num_features"]
    expect(len(x) in ndims, f"x has {len(x)} axes, {' or '.join(map(str, ndims))} expected")
    unbatched = per_image and len(x) == min(ndims)
    expect(channels >= 1 and x[0 if unbatched else 1] == channels, f"x has shape {x}, num_features={channels}")
    expect(args["eps"] > 0, "eps must be positive")
    tracked = args["track_running_stats"]
    if per_image:
        expect(tracked or math.prod(x[-(max(ndims) - 2) :]) != 1, "one value per channel and image has no variance")
        expect(x[0] > 0 or not (tracked or args["affine"]), "torch refuses an empty batch here")
    parameters = {"weight": (channels,), "bias": (channels,)} if args["affine"] else {}
    buffers = {"running_mean": (channels,), "running_var": (channels,), "num_batches_tracked": ()} if tracked else {}
    return Tensors({"out": x}, parameters, buffers)


def _batch_view(case: Case) -> View:
    x = case.shapes["x"]
    return View(x, (0, *range(2, len(x))), (1, x[1], *(1,) * (len(x) - 2)))


def _instance_view(ndims: tuple[int, ...], case: Case) -> View:
    x = case.shapes["x"]
    x = x if len(x) == max(ndims) else (1, *x)
    return View(x, tuple(range(2, len(x))), (1, x[1], *(1,) * (len(x) - 2)))


_SIZES: dict[int, list[Shape]] = {
    1: [(2,), (1,), (3,), (5,), (4,), (17,)],
    2: [(2, 2), (1, 1), (3, 2), (2, 5), (4, 4), (1, 7), (7, 5)],
    3: [(2, 2, 2), (1, 1, 1), (1, 2, 3), (3, 2, 2), (2, 1, 3)],
}


def _channel_setting(
    axes: int,
    per_image: bool,
    n: int | None,
    c: int,
    size: Shape | None,
    eps: float = 1e-5,
    momentum: float | None = 0.1,
    affine: bool | None = None,
    track: bool | None = None,
) -> Setting | None:
    """n None: unbatched (instance norm); size None: x (N, C). What has one value to take statistics from is for
    evaluation with running ones alone."""
    affine, track = (not per_image if value is None else value for value in (affine, track))
    args = {"num_features": c, "eps": eps, "momentum": momentum, "affine": affine, "track_running_stats": track}
    if (size is None and (axes != 1 or per_image)) or (n is None and not per_image):
        return None
    x = (*(() if n is None else (n,)), c, *(size or ()))
    if math.prod(size or ()) * (1 if per_image else n or 1) == 1:
        return Setting(args, {"x": x}, ("eval",)) if track else None
    return Setting(args, {"x": x})


def _channel_grid(axes: int, per_image: bool) -> Iterator[Setting]:
    """Small settings first; then every argument away from its default, with more than one image, channel and place."""
    make = partial(_channel_setting, axes, per_image)
    small, odd, wide = {1: ((3,), (4,), (5,)), 2: ((2, 3), (3, 2), (3, 4)), 3: ((1, 2, 3), (2, 2, 3), (3, 1, 2))}[axes]
    if per_image:
        first = [make(1, 1, small), make(2, 1, odd), make(1, 2, small), make(3, 2, odd), make(2, 3, wide),
                 make(2, 3, small, affine=True), make(3, 2, wide, affine=True), make(2, 2, odd, eps=0.1, affine=True),
                 make(2, 3, odd, affine=True, track=True), make(3, 3, wide, 1e-3, 0.3, affine=True, track=True),
                 make(2, 2, small, track=True), make(None, 3, odd, affine=True)]  # fmt: skip
    else:
        flat = None if axes == 1 else (1,) * axes
        first = [make(2, 1, flat), make(3, 2, flat), make(2, 2, small), make(4, 3, flat), make(2, 3, odd),
                 make(3, 2, wide), make(1, 3, small), make(3, 4, odd, eps=0.1), make(2, 3, wide, 1e-3, momentum=0.3),
                 make(2, 2, odd, momentum=None), make(3, 3, small, affine=False),
                 make(2, 3, odd, track=False)]  # fmt: skip
    values: dict[str, Any] = {
        "n": [2, 1, 3, 5, 4, None] if per_image else [2, 1, 3, 8, 4, 33],
        "c": [1, 2, 3, 5, 4],
        "size": [*_SIZES[axes], None],
        "eps": [1e-5, 1e-3, 0.1, 1.0],
        "momentum": [0.1, 0.9, None, 0.5, 0.0, 1.0],
        "affine": [True, False, True],
        "track": [True, True, False],
    }
    yield from spread(values, {1: 140, 2: 160, 3: 80}[axes], make, [setting for setting in first if setting])


def _channel_spec(name: str, axes: int, per_image: bool) -> LayerSpec:
    ndims = (axes + 1, axes + 2) if per_image else (2, 3) if axes == 1 else (axes + 2,)
    return LayerSpec(
        f"{name}{axes}d",
        ("num_features",),
        {"eps": 1e-5, "momentum": 0.1, "affine": not per_image, "track_running_stats": not per_image},
        partial(_channel_tensors, ndims, per_image),
        partial(_channel_grid, axes, per_image),
        Formula(standardized(partial(_instance_view, ndims) if per_image else _batch_view, centred=True)),
        styles=("offset", "strided", "empty"),
        draws=_draws,
        exact=lambda args: False,
        modes=("train", "eval"),
    )


# ---- statistics per sample: layer, group and RMS norm


def _normalized(args: Args) -> Shape:
    shape = args["normalized_shape"]
    return shape if isinstance(shape, tuple) else (shape,)


def _layer_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, last = shapes["x"], _normalized(args)
    expect(x[-len(last) :] == last, f"x has shape {x}, its last sizes must be normalized_shape={last}")
    weight = {"weight": last} if args["elementwise_affine"] else {}
    return Tensors({"out": x}, weight | ({"bias": last} if weight and args.get("bias") else {}))


def _layer_view(case: Case) -> View:
    x, last = case.shapes["x"], _normalized(case.settings)
    lead = len(x) - len(last)
    return View(x, tuple(range(lead, len(x))), (*(1,) * lead, *last))


def _layer_grid(defaults: Args) -> Iterator[Setting]:
    def make(lead: Shape, last: Any, **args: Any) -> Setting | None:
        args = {name: value for name, value in args.items() if name in defaults}
        if defaults["eps"] is None and args.get("eps") == 1e-5:
            args["eps"] = None
        sizes = last if isinstance(last, tuple) else (last,)
        return Setting({"normalized_shape": last, **args}, {"x": (*lead, *sizes)})

    first = [make((1,), 2), make((2,), 3), make((3,), 4), make((2,), 5, eps=0.1), make((4,), 3, eps=1e-3),
             make((2,), (2, 3)), make((3,), (3, 2)), make((2, 3), 4), make((2, 2), (2, 3)), make((2,), (2, 2, 3)),
             make((3,), 4, bias=False), make((3,), 5, elementwise_affine=False)]  # fmt: skip
    values: dict[str, Any] = {
        "lead": [(2,), (1,), (3,), (), (2, 3), (7,), (3, 1, 2), (17,)],
        "last": [1, 2, 3, 5, (2, 3), (3, 1), (4, 3, 2), 33, (1, 2), 8, 100],
        "eps": [1e-5, 1e-3, 0.1, 1.0],
        "elementwise_affine": [True, True, False],
        "bias": [True, False],
    }
    yield from spread(values, 150, make, [setting for setting in first if setting])


def _group_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, groups, channels = shapes["x"], args["num_groups"], args["num_channels"]
    expect(groups >= 1 and channels >= 1 and channels % groups == 0, f"num_groups={groups} must divide {channels}")
    expect(len(x) >= 2 and x[1] == channels, f"x has shape {x}, num_channels={channels}")
    expect(min(x[1:]) >= 1 and math.prod(x) // groups != 1, f"x has shape {x}: one value per group")
    return Tensors({"out": x}, {"weight": (channels,), "bias": (channels,)} if args["affine"] else {})


def _group_view(case: Case) -> View:
    x, groups = case.shapes["x"], case.settings["num_groups"]
    block, sizes = x[1] // groups, x[2:]
    return View((x[0], groups, block, *sizes), tuple(range(2, 3 + len(sizes))), (1, groups, block, *(1,) * len(sizes)))


def _group_grid() -> Iterator[Setting]:
    def make(channels: tuple[int, int], n: int, size: Shape, eps: float = 1e-5, affine: bool = True) -> Setting | None:
        groups, c = channels
        if n == 1 and c // groups * math.prod(size) == 1:
            return None
        return Setting({"num_groups": groups, "num_channels": c, "eps": eps, "affine": affine}, {"x": (n, c, *size)})

    first = [make((1, 1), 1, (2,)), make((1, 2), 2, ()), make((2, 4), 2, ()), make((1, 2), 2, (2, 3)),
             make((2, 2), 2, (3, 2)), make((2, 4), 3, (2, 3)), make((3, 6), 2, (3, 4)), make((2, 6), 2, (2, 2), 0.1),
             make((3, 3), 3, (4, 3)), make((2, 6), 1, (5, 4)), make((4, 8), 2, (3, 2), 1e-3),
             make((2, 4), 2, (2, 3), affine=False)]  # fmt: skip
    values: dict[str, Any] = {
        "channels": [(1, 1), (1, 2), (2, 2), (2, 4), (1, 3), (3, 3), (2, 6), (3, 6), (4, 8), (1, 5)],
        "n": [2, 1, 3, 7],
        "size": [(), (1,), (4,), (2, 2), (3, 5), (2, 1, 3), (1, 1), (7, 6), (2, 2, 1, 2)],
        "eps": [1e-5, 1e-3, 0.1, 1.0],
        "affine": [True, True, False],
    }
    yield from spread(values, 160, make, [setting for setting in first if setting])


# ---- local response norm


def _local_tensors(args: Args, shapes: Shapes) -> Tensors:
    expect(len(shapes["x"]) >= 3 and args["size"] >= 1, "x of 3 axes or more and size of at least 1 expected")
    expect(args["k"] > 0, "k must be positive, or x = 0 divides by 0")
    return Tensors({"out": shapes["x"]})


def _local_grid() -> Iterator[Setting]:
    def make(
        size: int, n: int, c: int, sizes: Shape, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> Setting:
        return Setting({"size": size, "alpha": alpha, "beta": beta, "k": k}, {"x": (n, c, *sizes)})

    first = [make(1, 1, 1, (1,)), make(2, 1, 2, (2,)), make(2, 2, 3, (2, 3)), make(3, 2, 4, (3, 2)),
             make(5, 2, 7, (2, 3)), make(3, 2, 5, (2, 2), 0.5), make(4, 2, 5, (3, 2), 1.0),
             make(3, 3, 4, (2, 3), 1.0, 0.5, 2.0), make(5, 2, 3, (2, 2), 1.0, 1.0), make(2, 2, 4, (3,), 0.5, 2.0, 0.5),
             make(5, 2, 6, (2, 3), 1.0, 0.75, 2.0),
             make(3, 2, 3, (2, 1, 2), 1.0)]  # fmt: skip
    values: dict[str, Any] = {
        "size": [1, 2, 3, 4, 5, 8],
        "n": [1, 2, 3],
        "c": [1, 2, 3, 5, 7],
        "sizes": [(1,), (3,), (2, 2), (1, 4), (2, 1, 2), (5, 3)],
        "alpha": [1e-4, 1.0, 0.1],
        "beta": [0.75, 0.5, 1.0, 2.0],
        "k": [1.0, 2.0, 0.5],
    }
    yield from spread(values, 100, make, first)


def _spec(name: str, required: tuple[str, ...], defaults: Args, **rest: Any) -> LayerSpec:
    return LayerSpec(name, required, defaults, styles=("offset", "strided", "empty"), draws=_draws,
                     exact=lambda args: False, **rest)  # fmt: skip


_LAYER: Args = {"eps": 1e-5, "elementwise_affine": True, "bias": True}
_RMS: Args = {"eps": None, "elementwise_affine": True}

SPECS = (
    *(_channel_spec("BatchNorm", axes, per_image=False) for axes in (1, 2, 3)),
    *(_channel_spec("InstanceNorm", axes, per_image=True) for axes in (1, 2, 3)),
    _spec("LayerNorm", ("normalized_shape",), _LAYER, tensors=_layer_tensors, grid=partial(_layer_grid, _LAYER),
          bound=Formula(standardized(_layer_view, centred=False))),
    _spec("GroupNorm", ("num_groups", "num_channels"), {"eps": 1e-5, "affine": True}, tensors=_group_tensors,
          grid=_group_grid, bound=Formula(standardized(_group_view, centred=False))),
    _spec("RMSNorm", ("normalized_shape",), _RMS, tensors=_layer_tensors, grid=partial(_layer_grid, _RMS),
          bound=Formula(root_mean_square(_layer_view)),
          twin_settings=lambda settings, dtype: settings | (
              {"eps": 2 * FORMATS[dtype].u} if settings["eps"] is None else {})),
    _spec("LocalResponseNorm", ("size",), {"alpha": 1e-4, "beta": 0.75, "k": 1.0}, tensors=_local_tensors,
          grid=_local_grid, bound=Formula(local_response)),
)  # fmt: skip
