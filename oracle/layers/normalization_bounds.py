"""How far rounding may take a normalisation. x is looked at in a shape in which the axes of the statistics stand apart
(`View`), so that batch, layer, group and instance norm share one derivation, and RMS norm and running statistics are
variations of it.

Notation: m values share a mean mu and a variance var; A = mean|x|, d = x - mu, s = sqrt(var + eps), xh = d/s,
X = (|x| + |mu|)/s, g = w dout, P = mean(g), Q = mean(g xh), u the unit roundoff. To first order in u, except where
a relative error need not be small (the mean far from 0): there the exact inequality is used.

    mean     Em = gamma_{m+1} A
    d        Ed = Em + u(|x| + |mu|)                                  the mean's error moves all d alike
    var      Ev = gamma_{m+8} var + 2u mean|d| (A + |mu|) + Em^2      the shift Em adds its square, as mean(d) = 0
    1/s      rs = (1 - T)^(-1/2) - 1 + Ev/(2(var + eps)) + 2u         T = the two-sided part of Ev, over var + eps
    xh       Ex = (1 + rs) Ed/s + |xh| (rs + 2u)
    out      |w| Ex + 4u(|w xh| + |b|) + 4u |w| X                     the last where x*(w/s) + (b - mu w/s) is computed
    P        EP = gamma_{m+2} mean|g|
    Q        EQ = gamma_{m+9} mean(|g| Y) + mean(|g| Ex)
    dx       (1 + rs)/s (EP + |xh| EQ + Ex |Q| + Ex EQ + 4u(|g| + |P| + Y|Q|)) + |dx| (rs + 4u)
    dweight  gamma_{n+8} sum(|dout| Y) + sum(|dout| Ex)               over the n elements that share a weight
    dbias    gamma_n sum|dout|

with Y = |xh| where products are formed with centred values (batch and instance norm), and Y = X where sums of g x and
of g are formed first, and combined with the mean after (torch's layer and group norm).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from oracle.bounds import Arrays, gamma

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Named = dict[str, np.ndarray]
Bounds = Callable[["Case", "Call", Arrays, float, float], Named]


@dataclass(frozen=True)
class View:
    """x as `shape`, its statistics over `axes`, weight and bias as `affine` (1 where they are repeated)."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    affine: tuple[int, ...]

    @property
    def length(self) -> int:
        """m, the number of values that share a statistic."""
        return prod(self.shape[axis] for axis in self.axes)

    def mean(self, a: np.ndarray) -> np.ndarray:
        return a.sum(self.axes, keepdims=True) / max(self.length, 1)

    def affine_sum(self, a: np.ndarray) -> np.ndarray:
        return a.sum(tuple(axis for axis, size in enumerate(self.affine) if size == 1), keepdims=True)

    @property
    def affine_length(self) -> int:
        """n, the number of elements that share a weight."""
        return prod(self.shape) // max(prod(self.affine), 1)


@dataclass(frozen=True)
class _Operands:
    """The arrays of one call as its View shows them."""

    x: np.ndarray
    dout: np.ndarray
    w: np.ndarray
    b: np.ndarray

    @classmethod
    def of(cls, call: Call, view: View) -> _Operands:
        one, zero = np.ones(1), np.zeros(1)
        w, b = call.parameters.get("weight"), call.parameters.get("bias")
        return cls(
            call.inputs["x"].reshape(view.shape),
            call.upstream["dout"].reshape(view.shape),
            one if w is None else w.reshape(view.affine),
            zero if b is None else b.reshape(view.affine),
        )


def standardized(view_of: Callable[[Case], View], centred: bool) -> Bounds:
    """The bounds of (x - mean)/sqrt(var + eps) with x's own statistics, or in evaluation with running ones."""

    def bounds(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
        view = view_of(case)
        given = _Operands.of(call, view)
        if not call.training and "running_mean" in call.buffers:
            found = _with_running(view, given, call, u)
        else:
            found = _with_own(view, given, call, u, centred)
        found |= _running(view, given, call, u) if call.training else {}
        return _fit(found, expected)

    return bounds


@dataclass(frozen=True)
class _Moments:
    """Mean and variance, and what rounding does to them."""

    mu: np.ndarray
    var: np.ndarray
    Em: np.ndarray
    Ev: np.ndarray
    two_sided: np.ndarray  # the part of Ev that may make var smaller

    @classmethod
    def of(cls, view: View, x: np.ndarray, u: float) -> _Moments:
        mu, A, m = view.mean(x), view.mean(np.abs(x)), view.length
        d = x - mu
        var = view.mean(d * d)
        Em = gamma(m + 1, u) * A
        two_sided = gamma(m + 8, u) * var + 2 * u * view.mean(np.abs(d)) * (A + np.abs(mu))
        return cls(mu, var, Em, two_sided + Em * Em, two_sided)


def _with_own(view: View, given: _Operands, call: Call, u: float, centred: bool) -> Named:
    m, eps = view.length, call.settings["eps"]
    x, dout, w, b = given.x, given.dout, given.w, given.b
    stats = _Moments.of(view, x, u)
    s = np.sqrt(stats.var + eps)
    xh, X = (x - stats.mu) / s, (np.abs(x) + np.abs(stats.mu)) / s
    T = np.minimum(stats.two_sided / (stats.var + eps), 1 - u)
    rs = (1 - T) ** -0.5 - 1 + stats.Ev / (2 * (stats.var + eps)) + 2 * u
    Ex = (1 + rs) * (stats.Em / s + u * X) + np.abs(xh) * (rs + 2 * u)
    Y = np.abs(xh) if centred else X

    g = w * dout
    P, Q = np.abs(view.mean(g)), np.abs(view.mean(g * xh))
    EP = gamma(m + 2, u) * view.mean(np.abs(g))
    EQ = gamma(m + 9, u) * view.mean(np.abs(g) * Y) + view.mean(np.abs(g) * Ex)
    parts = EP + np.abs(xh) * EQ + Ex * (Q + EQ) + 4 * u * (np.abs(g) + P + Y * Q)
    dx = np.abs(g - view.mean(g) - xh * view.mean(g * xh)) / s
    n = view.affine_length
    return {
        "out": np.abs(w) * Ex + 4 * u * (np.abs(w * xh) + np.abs(b)) + 4 * u * np.abs(w) * X,
        "dx": (1 + rs) / s * parts + dx * (rs + 4 * u),
        "dweight": gamma(n + 8, u) * view.affine_sum(np.abs(dout) * Y) + view.affine_sum(np.abs(dout) * Ex),
        "dbias": gamma(n, u) * view.affine_sum(np.abs(dout)),
    }


def _with_running(view: View, given: _Operands, call: Call, u: float) -> Named:
    """Evaluation: mean and var are given, so out is a linear function of x. Its factor w/s takes 4 roundings (eps and
    the sum under the root, the root, the quotient), x*(w/s) + (b - mu*w/s) 4 more."""
    x, dout, w, b, n = given.x, given.dout, given.w, given.b, view.affine_length
    mean, var = (call.buffers[name].reshape(_per_channel(view)) for name in ("running_mean", "running_var"))
    s = np.sqrt(var + call.settings["eps"])
    X = (np.abs(x) + np.abs(mean)) / s
    return {
        "out": gamma(8, u) * (np.abs(w) * X + np.abs(b)),
        "dx": gamma(6, u) * np.abs(w * dout) / s,
        "dweight": gamma(n + 8, u) * view.affine_sum(np.abs(dout) * X),
        "dbias": gamma(n, u) * view.affine_sum(np.abs(dout)),
    }


def _running(view: View, given: _Operands, call: Call, u: float) -> Named:
    """running = (1 - f) running + f new: f times the error of the new statistic, and 6 roundings of each summand (f
    itself and 1 - f, the products, the sum). Instance norm takes the mean over the batch as well: gamma_N more."""
    if "running_mean" not in call.buffers or not given.x.size:
        return {}
    m, stats = view.length, _Moments.of(view, given.x, u)
    f = call.settings["momentum"]
    if f is None:  # the mean of all batches; instance norm takes None as 0
        f = 0.0 if 0 not in view.axes else 1 / (int(call.buffers["num_batches_tracked"]) + 1)
    unbiased, each = m / max(m - 1, 1), gamma(view.shape[0] + 6, u)
    found = {}
    for name, new, error in (("running_mean", np.abs(stats.mu), stats.Em),
                             ("running_var", unbiased * stats.var, unbiased * stats.Ev)):  # fmt: skip
        old = np.abs(call.buffers[name])
        new, error = (a.mean(0).reshape(old.shape) for a in (new, error))
        found[name] = f * error + each * (old + f * (old + new))
    return found


def _per_channel(view: View) -> tuple[int, ...]:
    return (1, view.shape[1], *(1,) * (len(view.shape) - 2))


def root_mean_square(view_of: Callable[[Case], View]) -> Bounds:
    """w x / s, s = sqrt(mean(x^2) + eps): nothing cancels, so 1/s has the relative error rs = gamma_{m+8}/2 (the sum,
    the quotient, eps, half of it through the root, then the root and the quotient), and with xh = x/s

        out      |w xh| (rs + 4u)
        Q        EQ = (gamma_{m+4} + rs) mean|g xh|
        dx       (|xh| EQ + |xh Q| (rs + 4u) + 4u|g|)/s + |dx| (rs + 4u)
        dweight  (gamma_{n+4} + rs) sum|dout xh|
    """

    def bounds(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
        view = view_of(case)
        given = _Operands.of(call, view)
        m, n, eps = view.length, view.affine_length, call.settings["eps"]
        s = np.sqrt(view.mean(given.x**2) + (np.finfo(case.dtype).eps if eps is None else eps))
        xh, g, rs = given.x / s, given.w * given.dout, gamma(m + 8, u) / 2
        Q = view.mean(g * xh)
        EQ = (gamma(m + 4, u) + rs) * view.mean(np.abs(g * xh))
        found = {
            "out": np.abs(given.w * xh) * (rs + 4 * u),
            "dx": (np.abs(xh) * EQ + (np.abs(xh * Q) + np.abs(g - xh * Q)) * (rs + 4 * u) + 4 * u * np.abs(g)) / s,
            "dweight": (gamma(n + 4, u) + rs) * view.affine_sum(np.abs(given.dout * xh)),
        }
        return _fit(found, expected)

    return bounds


def local_response(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    """x S^-beta, S = k + alpha/size sum of x^2. All terms of S are positive: relative error e = gamma_{size+4}. A power
    S^p multiplies it by |p|, and has 8u of its own (the elementwise functions' factor). dx takes at most the powers
    S^beta twice and S^(beta-1) (a quotient's derivative): relative errors r2 = (3 beta + 1) e + 24u, on the absolute
    values of its two sums; the second one runs over `size` channels.

        out  |out| (beta e + 8u + 2u)
        dx   |dout| S^-beta (beta e + 10u)  +  2 alpha beta/size |x| sum|dout x S^(-beta-1)| (r2 + gamma_{size+12})
    """
    settings, x, dout = call.settings, call.inputs["x"], np.abs(call.upstream["dout"])
    size, alpha, beta = settings["size"], abs(settings["alpha"]), abs(settings["beta"])
    S = settings["k"] + settings["alpha"] / size * _window(x * x, size // 2, (size - 1) // 2)
    e = gamma(size + 4, u)
    own = dout * S ** -settings["beta"]
    seen = _window(own * np.abs(x) / S, (size - 1) // 2, size // 2)
    others = 2 * alpha * beta / size * np.abs(x) * seen
    rest = (3 * beta + 1) * e + 24 * u + gamma(size + 12, u)
    return {"out": np.abs(expected["out"]) * (beta * e + 10 * u), "dx": own * (beta * e + 10 * u) + others * rest}


def _window(a: np.ndarray, before: int, after: int) -> np.ndarray:
    """The sum over the channels c - before to c + after."""
    width = [(0, 0), (before, after), *[(0, 0)] * (a.ndim - 2)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(a, width), before + after + 1, axis=1)
    return windows.sum(-1)


def _fit(found: Named, expected: Arrays) -> Named:
    """In the shapes of the expected tensors; what is not in it (state that the step leaves alone) is exact."""
    return {name: found[name].reshape(a.shape) if name in found else np.zeros(a.shape) for name, a in expected.items()}
