"""Dropout as the oracle knows it.

A random mask cannot be compared, so the case draws it: it is a buffer `mask` of the call (1 where kept, 0 where
dropped, in the shape in which torch draws its noise), applied by the subject and by the twin alike, and compared after
the step: in evaluation nothing is dropped, and the mask is all 1. The twin is the arithmetic of torch's own
dropout with the mask in the place of the noise that torch would draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
from oracle.layers.spec import Args, Draw, Integers, LayerSpec, Setting, Shape, Shapes, Tensors, expect, spread

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

SATURATION = 1.7580993408473766  # torch's `alpha`: scale * alpha of SELU

# layer -> axes of x: leading axes of the mask
_LEAD: dict[str, dict[int, int]] = {
    "Dropout1d": {3: 2, 2: 1},
    "Dropout2d": {4: 2, 3: 2},
    "Dropout3d": {5: 2, 4: 1},
    "FeatureAlphaDropout": {ndim: 2 for ndim in range(2, 6)},
}


@cache
def _twin_class(alpha: bool, torch: Any) -> type:
    class MaskedDropout(torch.nn.Module):
        mask: Any

        def __init__(self, p: float):
            super().__init__()
            self.p = p
            self.register_buffer("mask", torch.zeros(0, dtype=torch.int64))

        def forward(self, x: Any) -> Any:
            if not self.training:
                self.mask = torch.ones_like(self.mask)
                return x
            if self.p == 1:
                return x * 0
            noise = self.mask.to(x.dtype)
            if not alpha:
                return x * (noise / (1 - self.p))
            a = 1 / math.sqrt((SATURATION**2 * self.p + 1) * (1 - self.p))
            return x * (noise * a) + ((noise - 1) * (SATURATION * a) + SATURATION * a * self.p)

    return MaskedDropout


def _dropout(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """x mask / (1 - p): p may be rounded (u p, which is u p/(1-p) of 1-p), then the difference, the quotient or the
    reciprocal and its product, and the product with the mask's factor: 4 roundings."""
    p = call.settings["p"]
    exact = not call.training or p in (0, 1)
    relative = {"mask": 0.0} | dict.fromkeys(("out", "dx"), 0.0 if exact else gamma(4, u) + u * p / (1 - p))
    return {name: relative[name] * np.abs(array) for name, array in expected.items()}


def _alpha_dropout(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """a x mask + a t (1 - mask) - a t p. Under the root of a there are 1 - p, off by u p/(1-p) + u, and 1 + p t^2, off
    by 5u; their product, the root and the reciprocal: ra = (u p/(1-p) + gamma_7)/2 + gamma_2. Each of the three
    summands has at most 3 products more, and the sum 2 roundings."""
    p, mask = call.settings["p"], call.buffers["mask"]
    if not call.training or p in (0, 1):
        return {name: np.zeros(array.shape) for name, array in expected.items()}
    a = 1 / math.sqrt((SATURATION**2 * p + 1) * (1 - p))
    ra = (u * p / (1 - p) + gamma(7, u)) / 2 + gamma(2, u)
    kept = a * mask
    return {
        "out": (ra + gamma(5, u)) * (np.abs(call.inputs["x"]) * kept + a * SATURATION * (1 - mask + p)),
        "dx": (ra + gamma(2, u)) * np.abs(call.upstream["dout"]) * kept,
        "mask": np.zeros(mask.shape),
    }


def _tensors(name: str, args: Args, shapes: Shapes) -> Tensors:
    x = shapes["x"]
    expect(0 <= args["p"] <= 1, f"p={args['p']}: a probability from 0 to 1 expected")
    if name not in _LEAD:
        return Tensors({"out": x}, {}, {"mask": x})
    expect(len(x) in _LEAD[name], f"x has {len(x)} axes, {' or '.join(map(str, _LEAD[name]))} expected")
    lead = _LEAD[name][len(x)]
    return Tensors({"out": x}, {}, {"mask": (*x[:lead], *(1,) * (len(x) - lead))})


def _draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Kept and dropped equally often, whatever p: p is in the factor alone. With p = 0 or 1 there is no choice."""
    return {"mask": Integers(1 if args["p"] == 0 else 0, 0 if args["p"] == 1 else 1, index=True)}


def _exact(args: Args) -> bool:
    """1/(1 - p) is a power of two, or nothing is kept."""
    return args["p"] == 1 or math.frexp(1 - args["p"])[0] == 0.5


def _grid(name: str) -> Iterator[Setting]:
    def make(p: float, shape: Shape) -> Setting:
        return Setting({"p": p}, {"x": shape})

    if name in _LEAD:
        large, small = max(_LEAD[name]), min(_LEAD[name])
        shapes = [((2, 3, 2, 3, 2)[:large]), (1, 2, 1, 1, 2)[:large], (3, 4, 3, 2, 2)[:large], (4, 1, 2, 2, 3)[:large],
                  (3, 4, 2, 5)[:small], (5, 2, 1, 3)[:small]]  # fmt: skip
    else:
        shapes = [(2, 3), (1, 1), (3, 4), (5, 7), (2, 3, 4), (4,), (2, 3, 2, 3), (2, 2, 2, 2, 2), (33,), ()]
    big = shapes[2]
    first = [make(0.5, shapes[0]), make(0.5, shapes[2]), make(0.2, shapes[0]), make(0.8, big), make(0.25, shapes[3]),
             make(0.75, big), make(0.1, big), make(0.9, shapes[4]), make(0.3, shapes[4]), make(0.0, big),
             make(1.0, big), make(0.6, shapes[1])]  # fmt: skip
    axes: dict[str, list] = {"p": [0.5, 0.1, 0.2, 0.25, 0.75, 0.9, 0.0, 1.0, 0.99, 0.875], "shape": shapes}
    yield from spread(axes, 100, make, first)


def _spec(name: str, alpha: bool) -> LayerSpec:
    return LayerSpec(name, (), {"p": 0.5}, partial(_tensors, name), partial(_grid, name),
                     Formula(_alpha_dropout if alpha else _dropout), styles=("strided", "empty"), draws=_draws,
                     exact=(lambda args: False) if alpha else _exact, modes=("train", "eval"),
                     twin=partial(_twin_class, alpha))  # fmt: skip


SPECS = (
    *(_spec(name, alpha=False) for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d")),
    *(_spec(name, alpha=True) for name in ("AlphaDropout", "FeatureAlphaDropout")),
)
