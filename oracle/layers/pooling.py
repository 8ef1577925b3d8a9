"""MaxPool1d to 3d and AvgPool1d to 3d as the oracle knows them."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.spec import (
    Args,
    Draw,
    Integers,
    LayerSpec,
    Setting,
    Shape,
    Shapes,
    Tensors,
    expect,
    per_axis,
    spread,
)

if TYPE_CHECKING:
    from oracle.cases import Case


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """(H + 2P - D*(F-1) - 1)/S + 1, rounded down; with ceil_mode up, but no window may start in the right padding."""
    steps = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return steps // stride + 1
    out = -(-steps // stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


def _axes(ndim: int, args: Args) -> tuple[Shape, Shape, Shape, Shape]:
    kernel = per_axis(args["kernel_size"], ndim)
    stride = kernel if args["stride"] is None else per_axis(args["stride"], ndim)
    return kernel, stride, per_axis(args["padding"], ndim), per_axis(args.get("dilation", 1), ndim)


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x = shapes["x"]
    kernel, stride, padding, dilation = _axes(ndim, args)
    expect(len(x) == ndim + 2, f"x has {len(x)} axes, {ndim + 2} expected: batch, channels and {ndim} of size")
    expect(min(*kernel, *stride, *dilation) >= 1 and min(padding) >= 0, "kernel_size, stride, dilation: at least 1")
    expect(all(2 * p <= f for p, f in zip(padding, kernel, strict=True)), "padding must be at most half of kernel_size")
    expect(min(x[1:]) >= 1, f"x has shape {x}: only the batch may be empty")
    axes = zip(x[2:], kernel, stride, padding, dilation, strict=True)
    sizes = tuple(pooled_size(*axis, args["ceil_mode"]) for axis in axes)
    expect(min(sizes) >= 1, "the output size would be 0: (H + 2P - D(F-1) - 1)/S + 1 must be at least 1")
    meets = map(_meets_input, x[2:], kernel, stride, padding, dilation, sizes)
    expect(all(meets), "a window would lie in the padding alone")
    out = (*x[:2], *sizes)
    return Tensors({"out": out, "indices": out} if args.get("return_indices") else {"out": out})


def _meets_input(size: int, kernel: int, stride: int, padding: int, dilation: int, out: int) -> bool:
    """Whether every window has a place inside of the input. Where one has none (a dilated window that steps over the
    image) torch 2.13 returns -inf and its backward writes outside of its memory: such a case must never reach it."""
    if (out - 1) * stride - padding >= size:
        return False
    before = range(min(out, -(-padding // stride)))  # windows that start in the padding, then go in steps of `dilation`
    return dilation <= size or all((y * stride - padding) % dilation < size for y in before)


def overlap(case: Case) -> int:
    """How many windows may share one input position."""
    ndim = int(case.spec.name[-2])
    kernel = per_axis(case.settings["kernel_size"], ndim)
    return math.prod(map(min, kernel, case.tensors.outputs["out"][-ndim:]))


def _max_lengths(case: Case) -> dict[str, int]:
    """out and indices are selected, nothing rounds; dx adds the gradients of the windows that share a maximum."""
    return {"out": 0, "indices": 0, "dx": overlap(case) - 1}


def _avg_lengths(case: Case) -> dict[str, int]:
    """out: a sum over the window, and the division (as one, or as a product with 1/divisor: two roundings);
    dx: the same over the windows that share a position."""
    taps = math.prod(per_axis(case.settings["kernel_size"], len(case.shapes["x"]) - 2))
    return {"out": taps + 1, "dx": overlap(case) + 1}


def _exact_average(args: Args) -> bool:
    """Dividing is exact only by powers of two, and only where every window has the same divisor."""
    if args.get("divisor_override") is not None:
        divisor = args["divisor_override"]
    elif isinstance(args["kernel_size"], tuple):
        divisor = math.prod(args["kernel_size"])
    else:
        return args["kernel_size"] in (1, 2, 4) and _one_divisor(args)
    return divisor & (divisor - 1) == 0 and (args.get("divisor_override") is not None or _one_divisor(args))


def _one_divisor(args: Args) -> bool:
    return not args["ceil_mode"] and (args["padding"] == 0 or args["count_include_pad"])


def distinct(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Maxima over integers from a wide range: equal values have a style of their own, `ties`. Indices have no
    gradient."""
    wide: dict[str, Draw] = {"x": Integers(-(2**20), 2**20)} if style in ("integer", "strided", "wide") else {}
    return wide | {"dindices": Integers(0, 0, index=True)}


def _build(ndim: int, options: tuple[str, ...], k: Any, s: Any, p: Any, size: Shape, c: int, n: int,
           **more: Any) -> Setting | None:  # fmt: skip
    args = {"kernel_size": k, "stride": s, "padding": p, **{name: more[name] for name in options if name in more}}
    setting = Setting(args, {"x": (n, c, *size)})
    if "divisor_override" in options and ndim == 3 and any(map(operator.lt, size, per_axis(k, 3))):
        return None  # torch's AvgPool3d refuses a kernel larger than the unpadded image
    defaults = {"ceil_mode": False, "dilation": 1, "count_include_pad": True, "divisor_override": None}
    try:
        _tensors(ndim, {**defaults, **args}, setting.shapes)
    except ValueError:
        return None
    return setting


_SIZES = {
    1: [(1,), (4,), (5,), (6,), (7,), (9,)],
    2: [(2, 2), (4, 4), (5, 5), (4, 5), (6, 4), (7, 5), (5, 8), (1, 6), (3, 3)],
    3: [(2, 2, 2), (3, 4, 2), (4, 3, 5), (3, 3, 3)],
}
_UNEVEN = {1: (3,), 2: (3, 2), 3: (1, 2, 3)}
_UNEVEN_STRIDE = {1: (2,), 2: (1, 2), 3: (2, 1, 1)}
_COUNT = {1: 150, 2: 500, 3: 100}


def _grid(ndim: int, options: tuple[str, ...]) -> Iterator[Setting]:
    """Three of the dozen return their indices; their like without comes next, for those who offer none."""
    make = partial(_build, ndim, options)
    big, odd, even = {1: ((7,), (6,), (7,)), 2: ((7, 5), (5, 6), (6, 4)), 3: ((4, 3, 5), (3, 4, 3), (4, 2, 4))}[ndim]
    first = [
        make(1, None, 0, even, 1, 1),
        make(2, None, 0, even, 1, 1),
        make(2, None, 0, even, 3, 2),
        make(2, 1, 0, odd, 2, 2, dilation=2),
        make(3, 2, 1, big, 2, 2, return_indices=True),
        make(2, 2, 0, odd, 2, 3),
        make(3, 1, 1, odd, 3, 2, return_indices=True),
        make(2, 2, 1, big, 2, 2, count_include_pad=False),
        make(_UNEVEN[ndim], 2, 0, big, 2, 2, return_indices=True),
        make(_UNEVEN[ndim], _UNEVEN_STRIDE[ndim], 0, big, 3, 1, dilation=2),
        make(3, 2, 1, odd, 2, 2, ceil_mode=True, count_include_pad=False),
        make(2, 3, 0, big, 2, 2, ceil_mode=True),
    ]
    without = [make(3, 2, 1, big, 2, 2), make(3, 1, 1, odd, 3, 2), make(_UNEVEN[ndim], 2, 0, big, 2, 2)]
    windows = [(2, 1, 0, odd), (3, 2, 1, odd), (_UNEVEN[ndim], _UNEVEN_STRIDE[ndim], 0, big), (1, None, 0, even)]
    others: list[dict[str, Any]] = [{}, {"ceil_mode": True}, {"dilation": 2}]
    indexed = [make(*window, 2, 2, return_indices=True, **more) for window in windows for more in others]
    indexed = indexed if "return_indices" in options else []
    cube = [(size,) * ndim for size in (3, 4, 5)]
    plain = [  # for those who offer a stride and nothing else, or square images alone
        make(2, 1, 0, odd, 2, 2),
        make(3, 2, 0, big, 2, 2) or make(3, 1, 0, big, 2, 2),
        make(3, 1, 0, odd, 1, 3),
        make(2, 2, 0, even, 3, 2),
        make(2, 3, 0, big, 2, 2),
        make(2, 1, 0, cube[0], 2, 2),
        make(3, 2, 1, cube[2], 2, 2),
        make(2, 2, 1, cube[1], 3, 2),
        make(3, 1, 1, cube[0], 2, 3),
        make(2, None, 1, cube[1], 2, 2),
        make(2, None, 0, cube[2], 2, 2),
        make(3, 2, 0, cube[2], 2, 2),
    ]
    axes: dict[str, Any] = {
        "k": [1, 2, 3, _UNEVEN[ndim], 4, (2,) * ndim],
        "s": [None, 1, 2, 3, _UNEVEN_STRIDE[ndim]],
        "p": [0, 1, 0, (1,) + (0,) * (ndim - 1), 2],
        "size": _SIZES[ndim],
        "c": [1, 2, 3],
        "n": [1, 2, 3],
        "ceil_mode": [False, True],
    }
    if "dilation" in options:
        axes["dilation"] = [1, 1, 2, (1,) * (ndim - 1) + (2,)]
    if "count_include_pad" in options:
        axes["count_include_pad"] = [True, False]
    if "divisor_override" in options:
        axes["divisor_override"] = [None, None, 3, 4]
    yield from spread(axes, _COUNT[ndim], make, [each for each in first + without + plain + indexed if each])


def _spec(name: str, ndim: int, defaults: dict[str, Any], **rest: Any) -> LayerSpec:
    options = tuple(name for name in defaults if name not in ("stride", "padding"))
    return LayerSpec(f"{name}{ndim}d", ("kernel_size",), defaults, partial(_tensors, ndim),
                     partial(_grid, ndim, options), **rest)  # fmt: skip


SPECS = (
    *(
        _spec("MaxPool", ndim,
              {"stride": None, "padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False},
              bound=SumsOfProducts(_max_lengths, keep=("x",)), styles=("ties", "strided", "empty"), draws=distinct)
        for ndim in (1, 2, 3)
    ),
    *(
        _spec("AvgPool", ndim, {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}
              | ({"divisor_override": None} if ndim > 1 else {}),
              bound=SumsOfProducts(_avg_lengths), styles=("strided", "empty"), exact=_exact_average)
        for ndim in (1, 2, 3)
    ),
)  # fmt: skip
