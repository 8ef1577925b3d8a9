# ruff: noqa: B007  what a step has kept and only a mistake reads
"""The recurrent layers' kernels, in the letters of scratchnet.naive.recurrent: X input, O output, H and C the state
before a step, W, U the weights of input and state, B, V their biases, P LSTM's projection.

A kind says its step forward and its step backward; layers, directions, dropout and batch_first are the same for all,
and stand in `through_layers`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from oracle.layers.recurrent_bounds import GATES
from oracle.mistakes.kernel import _compile
from oracle.subjects import Call

Kernel = Callable[..., Any]

# ---- the kinds. k: what `prepare` makes


def rnn(k):
    """h = tanh(A + R), or max(A + R, 0)"""

    def forward(X, H, C, w, steps):
        O, tape = np.zeros((*X.shape[:2], H.shape[1])), []
        for t in steps:
            A, R = X[t] @ w.W.T + w.B, H @ w.U.T + w.V
            h = np.maximum(A + R, 0) if k.relu else np.tanh(A + R)
            tape.append((t, H, A + R, h))
            H = O[t] = h
        return O, H, C, tape

    def backward(dO, dH, dC, X, w, tape):
        dX, g = np.zeros_like(X), zeros(w)
        for t, H, x, h in reversed(tape):
            dH = dO[t] + dH
            dA = dR = dH * (h > 0 if k.relu else 1 - h * h)
            dX[t] = dA @ w.W
            g.W += dA.T @ X[t]
            g.U += dR.T @ H
            g.B += dA.sum(axis=0)
            g.V += dR.sum(axis=0)
            dH = dR @ w.U
        return dX, dH, dC, g

    return k.walk(forward, backward, k)


def gru(k):
    """r = s(A0 + R0), z = s(A1 + R1), n = tanh(A2 + r * R2), h = (1 - z) * n + z * H"""

    def forward(X, H, C, w, steps):
        O, tape = np.zeros((*X.shape[:2], H.shape[1])), []
        for t in steps:
            A, R = gates(X[t] @ w.W.T + w.B, 3), gates(H @ w.U.T + w.V, 3)
            r, z = s(A[0] + R[0]), s(A[1] + R[1])
            n = np.tanh(A[2] + r * R[2])
            h = (1 - z) * n + z * H
            tape.append((t, H, r, z, n, R[2], A[2] + r * R[2], h))
            H = O[t] = h
        return O, H, C, tape

    def backward(dO, dH, dC, X, w, tape):
        dX, g = np.zeros_like(X), zeros(w)
        for t, H, r, z, n, R2, x, h in reversed(tape):
            dH = dO[t] + dH
            dn = dH * (1 - z) * (1 - n * n)
            dz = dH * (H - n) * z * (1 - z)
            dr = dn * R2 * r * (1 - r)
            dA, dR = rows(dr, dz, dn), rows(dr, dz, dn * r)
            dX[t] = dA @ w.W
            g.W += dA.T @ X[t]
            g.U += dR.T @ H
            g.B += dA.sum(axis=0)
            g.V += dR.sum(axis=0)
            dH = dR @ w.U + dH * z
        return dX, dH, dC, g

    return k.walk(forward, backward, k)


def lstm(k):
    """i = s(x0), f = s(x1), g = tanh(x2), o = s(x3) of x = A + R;  c = f * C + i * g, h = o * tanh(c)"""

    def forward(X, H, C, w, steps):
        O, tape = np.zeros((*X.shape[:2], H.shape[1])), []
        for t in steps:
            A, R = X[t] @ w.W.T + w.B, H @ w.U.T + w.V
            x = gates(A + R, 4)
            i, f, g, o = s(x[0]), s(x[1]), np.tanh(x[2]), s(x[3])
            c = f * C + i * g
            m = o * np.tanh(c)
            h = m if w.P is None else m @ w.P.T
            tape.append((t, H, C, i, f, g, o, c, m, h))
            H, C = h, c
            O[t] = h
        return O, H, C, tape

    def backward(dO, dH, dC, X, w, tape):
        dX, g = np.zeros_like(X), zeros(w)
        for t, H, C, i, f, G, o, c, m, h in reversed(tape):
            dH = dO[t] + dH
            if w.P is not None:
                g.P += dH.T @ m
                dH = dH @ w.P
            tanh_c = np.tanh(c)
            dC = dC + dH * o * (1 - tanh_c * tanh_c)
            di, df = dC * G * i * (1 - i), dC * C * f * (1 - f)
            dg, do = dC * i * (1 - G * G), dH * tanh_c * o * (1 - o)
            dA = dR = rows(di, df, dg, do)
            dX[t] = dA @ w.W
            g.W += dA.T @ X[t]
            g.U += dR.T @ H
            g.B += dA.sum(axis=0)
            g.V += dR.sum(axis=0)
            dC = dC * f
            dH = dR @ w.U
        return dX, dH, dC, g

    return k.walk(forward, backward, k)


def s(x):
    return 1 / (1 + np.exp(-x))


def gates(a, count):
    """(N, count * features) -> (count, N, features)"""
    return a.reshape(len(a), count, -1).swapaxes(0, 1)


def rows(*gates):
    """The gates side by side again, (N, count * features)"""
    return np.concatenate(gates, axis=1)


def zeros(w):
    """Where the gradients of the weights are added up."""
    return SimpleNamespace(**{name: None if a is None else np.zeros_like(a) for name, a in vars(w).items()})


# ---- layers


def through_layers(forward, backward, k):
    """Layer on layer, each in one or two directions, with dropout between them; then backward, the last one first."""
    X = steps_first(k.x, k.swapped)
    runs: list[tuple] = []
    last: list[tuple] = []
    for layer in range(k.layers):
        if layer and k.training:
            X = X * steps_first(k.kept[layer - 1], k.swapped)
        outs = []
        for way in k.ways:
            w, place = k.w[layer, way], len(runs)
            steps = range(len(X))[::-1] if way else range(len(X))
            O, H, C, tape = forward(X, k.h0[place], k.c0[place], w, steps)
            outs.append(O)
            last.append((H, C))
            runs.append((X, w, tape))
        X = np.concatenate(outs, axis=2)
    found = {"out": steps_first(X, k.swapped)} | dict(zip(("h_n", "c_n"), map(np.stack, zip(*last))))
    dO, first = steps_first(k.dout, k.swapped), {}
    for layer in reversed(range(k.layers)):
        parts, dXs = np.split(dO, len(k.ways), axis=2), []
        for direction, way in enumerate(k.ways):
            place = layer * len(k.ways) + direction
            dX, dH, dC, g = backward(parts[direction], k.dh_n[place], k.dc_n[place], *runs[place])
            dXs.append(dX)
            first[place] = dH, dC
            found |= {f"d{name}{k.suffix(layer, way)}": getattr(g, letter) for name, letter in WEIGHTS.items()}
        dO = sum(dXs)
        if layer and k.training:
            dO = dO * steps_first(k.kept[layer - 1], k.swapped)
    states = (np.stack(part) for part in zip(*(first[place] for place in range(len(runs)))))
    return found | {"dx": steps_first(dO, k.swapped)} | dict(zip(("dh0", "dc0"), states))


def steps_first(a, swapped):
    """(T, N, ...) of what batch_first has as (N, T, ...), and back again."""
    return np.swapaxes(a, 0, 1) if swapped else a


WEIGHTS = {"weight_ih": "W", "weight_hh": "U", "bias_ih": "B", "bias_hh": "V", "weight_hr": "P"}


def in_the_call_s_shapes(walk: Kernel) -> Kernel:
    """A cell is a layer of one step, and without a batch there is one sequence."""

    def walked(forward: Kernel, backward: Kernel, k: SimpleNamespace) -> dict[str, np.ndarray]:
        found = walk(forward, backward, k)
        if k.cell:
            found |= {"out": found["h_n"], "c_1": found["c_n"]}
        if k.cell or not k.batched:
            found |= {name: found[name].reshape(shape) for name, shape in k.shapes.items() if name in found}
        return {name: array for name, array in found.items() if array is not None}

    return walked


@lru_cache(maxsize=256)
def walking(*edits: tuple[str, str]) -> Kernel:
    """The walk through the layers with its text edited: for the mistakes that are the same in every kind."""
    return in_the_call_s_shapes(_compile(through_layers, edits)[0])


def prepare(call: Call) -> SimpleNamespace:
    """Everything in float64, (T, N, features) or (N, T, features), states (layers * directions, N, features)."""
    settings, cell = call.settings, call.spec.endswith("Cell")
    arrays = {name: a if a.dtype.kind == "i" else a.astype(np.float64) for name, a in call.arrays().items()}
    x, hidden, layers = arrays["x"], settings["hidden_size"], settings.get("num_layers", 1)
    batched = x.ndim == (2 if cell else 3)
    ways = ("", "_reverse") if settings.get("bidirectional") else ("",)
    x = x.reshape(1, -1, x.shape[-1]) if cell else x if batched else x[:, None]
    swapped = bool(settings.get("batch_first")) and batched
    N, places = len(x) if swapped else x.shape[1], layers * len(ways)
    sizes = {"h": settings.get("proj_size") or hidden, "c": hidden}

    def state(name: str, letter: str) -> np.ndarray:
        shape = (places, N, sizes[letter])
        return arrays[name].reshape(shape) if name in arrays else np.zeros(shape)

    def suffix(layer: int, way: str) -> str:
        return "" if cell else f"_l{layer}{way}"

    def weights(layer: int, way: str) -> SimpleNamespace:
        found = {letter: arrays.get(name + suffix(layer, way)) for name, letter in WEIGHTS.items()}
        none = np.zeros(GATES[call.spec.removesuffix("Cell")] * hidden)
        return SimpleNamespace(**found | {letter: none for letter in "BV" if found[letter] is None})

    mask, p = arrays.get("mask", np.zeros(0)), settings.get("dropout", 0)
    mask = mask if batched else mask[..., None, :]
    ends = ("dout", "dc_1") if cell else ("dh_n", "dc_n")
    return SimpleNamespace(
        cell=cell, batched=batched, layers=layers, ways=ways, swapped=swapped, suffix=suffix, x=x,
        h0=state("h0", "h"), c0=state("c0", "c"), dh_n=state(ends[0], "h"), dc_n=state(ends[1], "c"),
        dout=np.zeros((1, N, hidden)) if cell else arrays["dout"] if batched else arrays["dout"][:, None],
        w={(layer, way): weights(layer, way) for layer in range(layers) for way in ways}, walk=walking(),
        relu=settings.get("nonlinearity") == "relu", training=call.training and "mask" in arrays,
        mask=mask, kept=mask / (1 - p) if p < 1 else 0 * mask,
        shapes={f"d{name}": a.shape for name, a in call.inputs.items()}
        | {name.removeprefix("d"): a.shape for name, a in call.upstream.items()},
    )  # fmt: skip
