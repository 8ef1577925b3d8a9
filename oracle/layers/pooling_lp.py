"""LPPool1d to 3d as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from oracle.bounds import SumsOfProducts
from oracle.layers.pooling import overlap, pooled_size
from oracle.layers.spec import (
    Args,
    Choice,
    Draw,
    Integers,
    LayerSpec,
    Setting,
    Shape,
    Shapes,
    Tensors,
    Uniform,
    expect,
    per_axis,
    spread,
)

if TYPE_CHECKING:
    from oracle.cases import Case

POWER = 8  # roundoffs of x ** p, torch's or NumPy's


def _tensors(ndim: int, args: Args, shapes: Shapes) -> Tensors:
    x, p = shapes["x"], args["norm_type"]
    kernel = per_axis(args["kernel_size"], ndim)
    stride = kernel if args["stride"] is None else per_axis(args["stride"], ndim)
    expect(len(x) in (ndim + 1, ndim + 2), f"x has {len(x)} axes, {ndim + 1} or {ndim + 2} expected")
    expect(ndim > 1 or type(args["kernel_size"]) is int, "LPPool1d: torch takes one integer for kernel_size, no tuple")
    expect(p >= 1, f"norm_type={p}: at least 1 expected")
    expect(min(*kernel, *stride) >= 1, "kernel_size and stride: at least 1")
    expect(min(x[-ndim - 1 :]) >= 1, f"x has shape {x}: only the batch may be empty")
    expect(ndim < 3 or all(map(int.__le__, kernel, x[-ndim:])), "kernel_size must not be larger than x")
    sizes = tuple(
        pooled_size(h, f, s, 0, 1, args["ceil_mode"]) for h, f, s in zip(x[-ndim:], kernel, stride, strict=True)
    )
    expect(min(sizes) >= 1, "the output size would be 0: (H - F)/S + 1 must be at least 1")
    return Tensors({"out": (*x[:-ndim], *sizes)})


def _lengths(case: Case) -> dict[str, int]:
    """Relative errors in units of u, of sums whose terms have one sign (x^p, for p = 1 |x|).

    total: the powers, the sum, the mean's division and its product with the size of the window, m + POWER + 2 =: t
    out: total^(1/p) takes 1/p of that, its own POWER, and where 1/p is rounded |ln total|/p = |ln out|.
    dx: total^(1/p - 1) takes |1 - 1/p| t, POWER, and 2 |ln total| of the rounded exponent; x^(p-1) takes POWER; 6 more
    products and the sum over the windows that share a place. As dout (x/out)^(p-1) it takes p-1 times that of out.
    """
    p, ndim = case.settings["norm_type"], int(case.spec.name[-2])
    m = math.prod(per_axis(case.settings["kernel_size"], ndim))
    logarithm = 0 if _any_sign(p) else math.ceil(math.log(9) + math.log(m))  # x lies in 1/8 .. 9 there, or is 0
    if math.isinf(p):
        return {"out": 0, "dx": overlap(case)}
    t = m + POWER + 2
    out = math.ceil(t / p) + POWER + logarithm
    as_total = math.ceil(t * (1 - 1 / p)) + POWER + math.ceil(2 * p) * logarithm
    as_norm = math.ceil(p - 1) * (out + 1)
    return {"out": out, "dx": overlap(case) + max(as_total, as_norm) + POWER + 6}


def _any_sign(p: float) -> bool:
    """Whether x may have both signs (sums of even powers cannot cancel, sums of x are linear) and 1/p is exact."""
    return p in (1, 2, 4, math.inf)


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Other powers of negative numbers do not exist, or cancel; `kinks`: windows of nothing but 0."""
    if style == "kinks":
        return {"x": Choice((0.0, 0.0, 0.0, 1.0, -2.0 if _any_sign(args["norm_type"]) else 2.0))}
    if style in ("integer", "strided"):
        return {"x": Integers(-9, 9) if _any_sign(args["norm_type"]) else Integers(1, 9)}
    return {} if _any_sign(args["norm_type"]) else {"x": Uniform(0.125, 1.0)}


def _grid(ndim: int) -> Iterator[Setting]:
    def make(p: float, k: Any, s: Any, ceil_mode: bool, size: Shape, lead: Shape) -> Setting | None:
        args = {"norm_type": p, "kernel_size": k, "stride": s, "ceil_mode": ceil_mode}
        try:
            _tensors(ndim, args, {"x": (*lead, *size)})
        except ValueError:
            return None
        return Setting(args, {"x": (*lead, *size)})

    small, big = {1: ((5,), (8,)), 2: ((5, 4), (4, 6)), 3: ((3, 4, 2), (4, 3, 5))}[ndim]
    uneven: Any = {1: 3, 2: (3, 2), 3: (1, 2, 3)}[ndim]
    first = [
        make(2.0, 1, None, False, (2,) * ndim, (1, 1)), make(2.0, 2, None, False, (2,) * ndim, (1, 1)),
        make(2.0, 2, None, False, small, (2, 3)), make(1.0, 2, None, False, big, (2, 2)),
        make(3.0, 2, None, False, big, (2, 2)), make(2.0, 2, 1, False, small, (2, 2)),
        make(math.inf, 2, 1, False, big, (2, 1)), make(2.0, uneven, 2, False, big, (2, 2)),
        make(1.5, uneven, 2, False, big, (2, 2)), make(2.0, 2, 2, True, small, (2, 2)),
        make(math.inf, 2, 2, False, big, (2, 2)), make(1.0, 2, 3, True, big, (3,)),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "p": [2.0, 1.0, 3.0, 4.0, 1.5, math.inf],
        "k": [1, 2, 3, uneven],
        "s": [None, 1, 2, 3],
        "ceil_mode": [False, True],
        "size": [(3,) * ndim, (4,) * ndim, small, big],
        "lead": [(1, 1), (2, 3), (3, 2), (2,)],
    }
    yield from spread(axes, {1: 40, 2: 50, 3: 20}[ndim], make, [setting for setting in first if setting is not None])


SPECS = tuple(
    LayerSpec(f"LPPool{ndim}d", ("norm_type", "kernel_size"), {"stride": None, "ceil_mode": False},
              partial(_tensors, ndim), partial(_grid, ndim), SumsOfProducts(_lengths),
              styles=("kinks", "strided", "empty"), draws=_draws, exact=lambda args: False)
    for ndim in (1, 2, 3)
)  # fmt: skip
