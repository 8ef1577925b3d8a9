"""Activations as the oracle knows them: one row each, because most of them are dx = dout * f'(x)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Bound, Formula, Selection, SumsOfProducts
from oracle.layers import activation_bounds as bounds
from oracle.layers.activation_bounds import elementwise, moved
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, Uniform, expect

if TYPE_CHECKING:
    from oracle.cases import Case

FIRST: list[Shape] = [(1,), (1, 1), (2, 3), (4, 1), (3, 4), (2, 3, 4), (2, 3, 4, 5), (7,), (5, 5), (1, 2, 1, 2),
                      (3, 2, 2), (6, 2)]  # fmt: skip
MORE: list[Shape] = [(), (17,), (2, 1), (9, 3), (64,), (3, 33), (2, 2, 2, 2, 2), (1, 7, 1), (8, 8), (2, 5, 3, 1)]


def _tensors(args: Args, shapes: Shapes) -> Tensors:
    return Tensors({"out": shapes["x"]})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """x where the function bends; `large` beyond the range of exp in both precisions; `kinks` in steps of 1/2."""
    match style:
        case "random" | "empty":
            return {"x": Uniform(-8, 8)}
        case "large":
            return {"x": Uniform(-1000, 1000)}
        case "kinks":
            return {"x": Integers(-14, 14, 0.5)}
    return {}


def shapes_grid() -> Iterator[Setting]:
    """Every number of axes, with sizes of 1 among them; nothing else can matter to a function of one number."""
    for shape in FIRST + MORE:
        yield Setting({}, {"x": shape})


def settings_grid(*settings: Args) -> Callable[[], Iterator[Setting]]:
    """Every shape, the settings taking turns; then each setting with a few shapes more."""

    def grid() -> Iterator[Setting]:
        for shape, args in zip(FIRST + MORE, cycle(settings)):
            yield Setting(args, {"x": shape})
        for args in settings:
            for shape in ((3, 7), (2, 5, 2)):
                yield Setting(args, {"x": shape})

    return grid


def _row(name: str, bound: Bound, styles: tuple[str, ...], *settings: Args, defaults: Args | None = None,
         required: tuple[str, ...] = (), exact: Callable[[Args], bool] = lambda args: False) -> LayerSpec:  # fmt: skip
    """A function of one number; `settings` are the points of its grid, without any: its shapes alone."""
    grid = settings_grid(*settings) if settings else shapes_grid
    return LayerSpec(name, required, defaults or {}, _tensors, grid, bound, styles=(*styles, "strided", "empty"),
                     draws=_draws, exact=exact)  # fmt: skip


def _short(args: Args) -> bool:
    """Whether the settings have so few digits that products with small integers are exact."""
    return all(value * 8 == int(value * 8) and abs(value) < 64 for value in args.values())


# ---- what is more than a function of one number


def _prelu_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, count = shapes["x"], args["num_parameters"]
    expect(type(count) is int and count >= 1, f"num_parameters={count}: 1 or the number of channels expected")
    expect(count == 1 or (len(x) >= 2 and x[1] == count), f"x has shape {x}, num_parameters={count}")
    return Tensors({"out": x}, {"weight": (count,)})


def _prelu_lengths(case: Case) -> Mapping[str, int]:
    m = math.prod(case.shapes["x"]) // case.settings["num_parameters"]
    return {"out": 1, "dx": 1, "dweight": max(m, 1)}


def _prelu_grid() -> Iterator[Setting]:
    for shape in FIRST:
        yield Setting({"num_parameters": shape[1] if len(shape) > 1 else 1}, {"x": shape})
    for shape in MORE:
        yield Setting({}, {"x": shape})
    for shape in ((2, 3), (3, 4, 2), (2, 2, 3, 2), (1, 5), (8, 3)):
        for init in (0.25, 0.5):
            yield Setting({"num_parameters": shape[1], "init": init}, {"x": shape})
            yield Setting({"init": init}, {"x": shape})


def _rrelu_tensors(args: Args, shapes: Shapes) -> Tensors:
    """The slopes are drawn by the case, for the subject and the twin alike, and compared after the step."""
    expect(args["lower"] <= args["upper"], f"lower={args['lower']}, upper={args['upper']}: lower <= upper expected")
    return Tensors({"out": shapes["x"]}, {}, {"slopes": shapes["x"]})


def _rrelu_draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    return {**_draws(args, shapes, style, bits), "slopes": Uniform(args["lower"], args["upper"])}


@cache
def _rrelu_twin(torch: Any) -> type:
    """torch's arithmetic, with the slopes of the case in the place of those that torch would draw."""

    class RReLU(torch.nn.RReLU):
        slopes: Any

        def __init__(self, lower: float, upper: float):
            super().__init__(lower, upper)
            self.register_buffer("slopes", torch.zeros(()))

        def forward(self, x: Any) -> Any:
            if self.training:
                return torch.where(x > 0, x, self.slopes * x)
            self.slopes = torch.full_like(x, (self.lower + self.upper) / 2, requires_grad=False)
            return super().forward(x)

    return RReLU


def _glu_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, dim = shapes["x"], args["dim"]
    expect(type(dim) is int and -len(x) <= dim < len(x), f"dim={dim}: x of shape {x} has no such axis")
    dim %= len(x)
    expect(x[dim] % 2 == 0, f"dim={dim} of x {x} is halved: an even size expected")
    return Tensors({"out": (*x[:dim], x[dim] // 2, *x[dim + 1 :])})


def _glu_grid() -> Iterator[Setting]:
    for shape, dim in [((2,), -1), ((1, 2), -1), ((2, 1), 0), ((2, 4), 1), ((4, 2), 0), ((3, 6), -1), ((4, 4), 0),
                       ((2, 4, 3), 1), ((2, 3, 4), -1), ((2, 2, 3), 0), ((2, 4, 3, 2), 1), ((5, 8), 1),
                       ((2, 4, 3, 2), -3), ((2, 4, 3, 2), -1), ((2, 4, 3, 6), 3), ((16,), 0), ((33, 2), 1),
                       ((2, 2, 2, 2, 2), 2), ((1, 64), 1), ((6, 1, 1), -3), ((7, 10), -1)]:  # fmt: skip
        yield Setting({} if dim == -1 else {"dim": dim}, {"x": shape})


KINKS, SMOOTH = ("kinks", "wide"), ("large",)
_SLOPES = [{"negative_slope": slope} for slope in (0.01, -0.5, 2.0, 0.2, 0.5, 0.0, 1.0)]
_BOUNDS = [{"min_val": low, "max_val": high} for low, high in
           ((-1.0, 1.0), (-2.0, 3.0), (0.0, 6.0), (-0.3, 0.7), (1.0, 2.0), (-3.0, -0.5))]  # fmt: skip
_RANGES = [{}, {"lower": 0.0, "upper": 0.5}, {"lower": -0.3, "upper": 0.2}, {"lower": 0.25, "upper": 0.25}]
_LAMBDAS = [{"lambd": lambd} for lambd in (0.5, 2.0, 0.0, 0.3, 5.0)]
_LIMITS = [{"threshold": limit, "value": value} for limit, value in
           ((0.0, 0.0), (0.5, 2.0), (1.0, -3.0), (-1.0, 0.1), (0.3, 20.0), (2.0, 2.0))]  # fmt: skip
_ALPHAS = [{"alpha": alpha} for alpha in (1.0, 2.0, 0.5, 0.1, 3.0)]
_SOFTPLUS = [{"beta": beta, "threshold": threshold} for beta, threshold in
             ((1.0, 20.0), (2.0, 20.0), (0.5, 20.0), (1.0, 2.0), (0.5, 1.0), (3.0, 5.0), (0.1, 20.0),
              (-1.0, 3.0))]  # fmt: skip

SPECS = (
    _row("ReLU", Selection(), KINKS, exact=lambda args: True),
    _row("Sigmoid", elementwise(bounds.sigmoid, bounds.sigmoid), SMOOTH),  # not s(1-s): 1-s cancels
    _row("Tanh", elementwise(bounds.one, bounds.one), SMOOTH),
    _row("LeakyReLU", elementwise(bounds.leaky, bounds.leaky_slope), ("kinks", "large"), *_SLOPES,
         defaults={"negative_slope": 0.01}, exact=_short),
    _row("ELU", elementwise(bounds.elu, bounds.elu), ("kinks", "large"), *_ALPHAS, {"alpha": -1.0},
         defaults={"alpha": 1.0}),
    _row("GELU", elementwise(bounds.gelu, bounds.gelu_slope), SMOOTH, {}, {"approximate": "tanh"},
         defaults={"approximate": "none"}),
    _row("SiLU", elementwise(bounds.silu, bounds.silu_slope), SMOOTH),
    _row("Softplus", Formula(bounds.softplus), ("kinks", "large"), *_SOFTPLUS,
         defaults={"beta": 1.0, "threshold": 20.0}),
    _row("ReLU6", Selection(), KINKS, exact=lambda args: True),
    _row("Hardtanh", moved(lambda min_val, max_val: (min_val, max_val), lambda min_val, max_val: (min_val, max_val)),
         KINKS, *_BOUNDS, defaults={"min_val": -1.0, "max_val": 1.0}),
    _row("Hardsigmoid", Formula(bounds.hardsigmoid), ("kinks", "large")),
    _row("Hardswish", elementwise(bounds.hardswish, bounds.hardswish_slope), ("kinks", "large")),
    _row("Hardshrink", moved(lambda lambd: (-lambd, lambd), lambda lambd: (0.0,)), KINKS, *_LAMBDAS,
         defaults={"lambd": 0.5}),
    _row("Softshrink", Formula(bounds.softshrink), KINKS, *_LAMBDAS, defaults={"lambd": 0.5}),
    _row("Threshold", moved(lambda threshold, value: (threshold,), lambda threshold, value: (value,)), KINKS, *_LIMITS,
         required=("threshold", "value")),
    _row("Tanhshrink", elementwise(bounds.size, bounds.one), SMOOTH),
    # torch's gradient is 1/(1+|x|) - |x|/(1+|x|)^2, whose difference cancels
    _row("Softsign", elementwise(lambda x: np.abs(x) / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x))), SMOOTH),
    _row("CELU", Formula(bounds.celu), ("kinks", "large"), *_ALPHAS, defaults={"alpha": 1.0}),
    _row("SELU", elementwise(bounds.selu, bounds.selu_slope), ("kinks", "large")),
    _row("LogSigmoid", elementwise(bounds.logsigmoid, bounds.one), SMOOTH),
    _row("Mish", elementwise(bounds.size, bounds.mish_slope), SMOOTH),
    LayerSpec("PReLU", (), {"num_parameters": 1, "init": 0.25}, _prelu_tensors, _prelu_grid,
              SumsOfProducts(_prelu_lengths, keep=("x",)), styles=("kinks", "wide", "strided", "empty"),
              draws=lambda args, shapes, style, bits: {} if style == "kinks" else _draws(args, shapes, style, bits)),
    LayerSpec("RReLU", (), {"lower": 1 / 8, "upper": 1 / 3}, _rrelu_tensors, settings_grid(*_RANGES),
              Formula(bounds.rrelu), styles=("kinks", "large", "strided", "empty"), draws=_rrelu_draws,
              exact=lambda args: False, modes=("train", "eval"), twin=_rrelu_twin),
    LayerSpec("GLU", (), {"dim": -1}, _glu_tensors, _glu_grid, Formula(bounds.glu),
              styles=("large", "strided", "empty"), draws=_draws, exact=lambda args: False),
)  # fmt: skip
