"""CosineSimilarity and PairwiseDistance as the oracle knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, Formula, gamma
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
    expect,
    spread,
)

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

POWER = 8  # roundoffs of x ** p, torch's or NumPy's


def _vectors(shapes: Shapes, dim: int) -> Shape:
    x1, x2 = shapes["x1"], shapes["x2"]
    expect(x1 == x2, f"x1 has shape {x1}, x2 {x2}: one shape expected")
    expect(type(dim) is int and -len(x1) <= dim < len(x1) and x1[dim] >= 1, f"x1 {x1} has no vectors along dim={dim}")
    return x1


# ---- CosineSimilarity


def _cosine_tensors(args: Args, shapes: Shapes) -> Tensors:
    x = _vectors(shapes, args["dim"])
    expect(args["eps"] > 0, f"eps={args['eps']}: a small positive number expected")
    dim = args["dim"] % len(x)
    return Tensors({"out": (*x[:dim], *x[dim + 1 :])})


def _cosine(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """A norm of D squares is off by gamma_{D+2}: 2 norms, a product and a quotient (or two quotients), and the sum, are
    gamma_{3D+8} of A = sum |x1 x2| / (m1 m2). dx1 has the same norms in both of its terms, m1 m2 and |x1| m1, out with
    its own bound, 5 operations more, and where the second term is summed anew D: gamma_{3D+14} of the terms."""
    dim, eps = case.settings["dim"], case.settings["eps"]
    x1, x2 = np.abs(call.inputs["x1"]), np.abs(call.inputs["x2"])
    dout = np.expand_dims(np.abs(call.upstream["dout"]), dim)
    n1, n2 = (np.sqrt(np.sum(x * x, axis=dim, keepdims=True)) for x in (x1, x2))
    m1, m2 = np.maximum(n1, eps), np.maximum(n2, eps)
    total, d = np.sum(x1 * x2 / (m1 * m2), axis=dim, keepdims=True), x1.shape[dim]
    off = gamma(3 * d + 8, u) * total

    def gradient(x: np.ndarray, n: np.ndarray, m: np.ndarray, other: np.ndarray, m_other: np.ndarray) -> np.ndarray:
        direction = np.where(n > 0, x / np.where(n > 0, n, 1), 0)
        return dout / m * (gamma(3 * d + 14, u) * (other / m_other + total * direction) + off * direction)

    return {"out": np.squeeze(off, dim), "dx1": gradient(x1, n1, m1, x2, m2), "dx2": gradient(x2, n2, m2, x1, m1)}


def _cosine_draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """`kinks`: vectors of nothing but 0 among them, whose norm eps takes the place of."""
    return {"x1": Choice((0.0, 0.0, 1.0, -2.0)), "x2": Choice((0.0, 0.0, 3.0, -1.0))} if style == "kinks" else {}


def _cosine_grid() -> Iterator[Setting]:
    def make(x: Shape, dim: int, eps: float = 1e-8) -> Setting | None:
        args, shapes = {"dim": dim, "eps": eps}, {"x1": x, "x2": x}
        try:
            _cosine_tensors(args, shapes)
        except ValueError:
            return None
        return Setting(args, shapes)

    first = [
        make((1, 2), 1), make((2, 3), 1), make((3, 2), 0), make((2, 3, 4), 1), make((2, 3, 4), -1), make((5, 4), 1),
        make((3, 3), 0), make((2, 4), 1, 1.5), make((4, 5), -1, 2.0), make((7,), 0), make((2, 3, 2, 2), 1),
        make((2, 1), 1),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "x": [(3, 4), (2, 5, 3), (6,), (1, 9), (4, 33), (2, 2, 2, 3), (5, 1)],
        "dim": [1, 0, -1, 2],
        "eps": [1e-8, 1e-6, 0.5, 4.0],
    }
    yield from spread(axes, 50, make, [setting for setting in first if setting is not None])


# ---- PairwiseDistance


def _pairwise_tensors(args: Args, shapes: Shapes) -> Tensors:
    x, p = _vectors(shapes, -1), args["p"]
    expect(p >= 1, f"p={p}: at least 1 expected")
    expect(args["eps"] >= 0, f"eps={args['eps']}: a small positive number expected")
    return Tensors({"out": (*x[:-1], 1) if args["keepdim"] else x[:-1]})


def _pairwise(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> dict[str, np.ndarray]:
    """d = x1 - x2 + eps: eps is rounded, the difference and the sum, e = u eps + 2u (|x1 - x2| + eps) + u |d|.

    out: the norm moves by at most the norm of e; the powers, the sum of D of them and the root are gamma_{D+POWER}/p +
    POWER u, and 1/p is rounded: u |ln out|.
    dx = dout (|d|/out)^(p-1) with relative errors e/|d| of d and r of out: (p-1)(e/|d| + r) and POWER for each of up to
    three powers, their logarithms u (p-1) |ln| of |d| and of out, and 6 products more. Where e is as large as
    |d|/2 the sign and all of it may be different.
    """
    p, eps = case.settings["p"], case.settings["eps"]
    x1, x2 = call.inputs["x1"], call.inputs["x2"]
    d = np.abs(x1 - x2 + eps)
    e = u * eps + 2 * u * (np.abs(x1 - x2) + eps) + u * d
    norm = np.expand_dims(np.abs(expected["out"]), -1) if not case.settings["keepdim"] else np.abs(expected["out"])
    dout = np.abs(call.upstream["dout"]).reshape(norm.shape)
    if math.isinf(p):
        off = np.max(e, axis=-1, keepdims=True)
        return _both(case, off, 2 * u * np.abs(expected["dx1"]))
    moved = np.sum(e**p, axis=-1, keepdims=True) ** (1 / p)
    logarithm = np.abs(np.log(np.where(norm > 0, norm, 1)))
    off = moved + (gamma(d.shape[-1] + POWER, u) / p + u * (POWER + logarithm)) * norm
    one, all_ = (np.divide(a, b, out=np.ones_like(a), where=b > 0) for a, b in ((e, d), (off, norm)))
    logarithms = np.abs(np.log(np.where(d > 0, d, 1))) + logarithm
    relative = (p - 1) * (one + all_) + u * (3 * POWER + 6 + abs(p - 1) * logarithms)
    unsure = one >= 0.5
    share = np.divide(d, norm, out=np.zeros_like(d), where=norm > 0) ** (p - 1)
    return _both(case, off, dout * np.where(unsure, 2.0, relative * np.minimum(share, 1)))


def _both(case: Case, off: np.ndarray, dx: np.ndarray) -> dict[str, np.ndarray]:
    return {"out": off if case.settings["keepdim"] else off[..., 0], "dx1": dx, "dx2": dx}


def _pairwise_draws(args: Args, shapes: Shapes, style: str, bits: int) -> Mapping[str, Draw]:
    """Differences are at least 1 apart from 0 where they are whole numbers: x1 even, x2 odd."""
    if style in ("integer", "strided"):
        return {"x1": Integers(-4, 4, 2.0), "x2": Choice((-5.0, -3.0, -1.0, 1.0, 3.0, 5.0))}
    return {}


def _pairwise_grid() -> Iterator[Setting]:
    def make(x: Shape, p: float = 2.0, keepdim: bool = False, eps: float = 1e-6) -> Setting:
        return Setting({"p": p, "eps": eps, "keepdim": keepdim}, {"x1": x, "x2": x})

    first = [
        make((1, 1)), make((2, 3)), make((3, 2)), make((2, 3), 1.0), make((3, 4), 3.0), make((3, 4), math.inf),
        make((4, 3), 2.0, True), make((2, 3), 2.0, False, 0.5), make((4, 5), 1.5), make((5,), math.inf),
        make((2, 3, 4)), make((2, 2, 3), 1.0, True, 1.0),
    ]  # fmt: skip
    axes: dict[str, Any] = {
        "x": [(2, 4), (3, 1), (5, 6), (7,), (2, 3, 2), (1, 33), (4, 2)],
        "p": [2.0, 1.0, 3.0, math.inf, 1.5, 4.0],
        "keepdim": [False, True],
        "eps": [1e-6, 1e-6, 0.25, 1e-3],
    }
    yield from spread(axes, 60, make, first)


SPECS = (
    LayerSpec("CosineSimilarity", (), {"dim": 1, "eps": 1e-8}, _cosine_tensors, _cosine_grid, Formula(_cosine),
              inputs=("x1", "x2"), styles=("kinks", "strided", "empty"), draws=_cosine_draws, exact=lambda args: False),
    LayerSpec("PairwiseDistance", (), {"p": 2.0, "eps": 1e-6, "keepdim": False}, _pairwise_tensors, _pairwise_grid,
              Formula(_pairwise), inputs=("x1", "x2"), styles=("strided", "empty"), draws=_pairwise_draws,
              exact=lambda args: False),
)  # fmt: skip
