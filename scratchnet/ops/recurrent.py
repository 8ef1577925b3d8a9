"""Recurrent layers: one step of each kind, and the walk through time that they share.

Every kind takes what the input and the state before it say, as two sums of products,

    a[t] = x[t] w_ih^T + b_ih        r[t] = h[t-1] w_hh^T + b_hh

and makes the new state of them element by element; s is the sigmoid, * is per element:

    RNN    h = f(a + r)                                     f = tanh or relu
    GRU    R = s(a_r + r_r),  z = s(a_z + r_z)
           n = tanh(a_n + R * r_n)                          R after the matrix product, as torch has it
           h = (1 - z) * n + z * h[t-1]
    LSTM   i, f, o = s(a_i + r_i), s(a_f + r_f), s(a_o + r_o),   g = tanh(a_g + r_g)
           c = f * c[t-1] + i * g,   h = o * tanh(c)

Backward through time. h[t] is read twice: by whoever reads out[t], and by step t+1. So from the last step to the first

    dh[t] = dout[t] + dr[t+1] w_hh + (what step t+1 sends to h[t] directly, as GRU's z does)

and the step's own derivatives turn dh[t] (and dc[t], which reaches c[t-1] through f) into da[t] and dr[t]. Every step
has the same weights, so their gradients are sums over all steps:

    dx[t] = da[t] w_ih,   dw_ih = sum of da[t]^T x[t],   db_ih = sum of da[t]
                          dw_hh = sum of dr[t]^T h[t-1], db_hh = sum of dr[t]

Source: Elman 1990; Werbos 1990; Cho et al. 2014; Hochreiter and Schmidhuber 1997; Sak et al. 2014 (projection).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from scratchnet.ops.activation_smooth import sigmoid
from scratchnet.ops.linear import linear_backward, linear_forward

State = tuple[np.ndarray, ...]  # (h,), for LSTM (h, c)


class Weights(NamedTuple):
    """Of one layer in one direction: G gates of H features each, states of P features (P = H without projection)."""

    w_ih: np.ndarray  # (G*H, I)
    w_hh: np.ndarray  # (G*H, P)
    b_ih: np.ndarray | None = None  # (G*H,)
    b_hh: np.ndarray | None = None  # (G*H,)
    w_hr: np.ndarray | None = None  # (P, H): LSTM's projection, h = (o * tanh(c)) w_hr^T


def rnn_step_forward(a: np.ndarray, r: np.ndarray, state: State, nonlinearity: str) -> tuple[State, Any]:
    """a, r (N, H) -> the new state (h,), h = f(a + r), and the cache."""
    h = np.tanh(a + r) if nonlinearity == "tanh" else np.maximum(a + r, 0)
    return (h,), h


def rnn_step_backward(dstate: State, cache: Any, nonlinearity: str) -> tuple[np.ndarray, np.ndarray, tuple]:
    """da = dr = dh * f'(a + r), where tanh' = 1 - h^2 and relu' = 1 where h > 0; nothing goes to h[t-1] directly."""
    (dh,), h = dstate, cache
    da = dh * (1 - h * h) if nonlinearity == "tanh" else np.where(h > 0, dh, 0)
    return da, da, (0,)


def gru_step_forward(a: np.ndarray, r: np.ndarray, state: State) -> tuple[State, Any]:
    """a, r (N, 3H), the gates in the order r, z, n -> (h,), and the cache."""
    (before,), ((a_r, a_z, a_n), (r_r, r_z, r_n)) = state, (np.split(gates, 3, axis=1) for gates in (a, r))
    R, z = sigmoid(a_r + r_r), sigmoid(a_z + r_z)
    n = np.tanh(a_n + R * r_n)
    return ((1 - z) * n + z * before,), (R, z, n, r_n, before)


def gru_step_backward(dstate: State, cache: Any) -> tuple[np.ndarray, np.ndarray, tuple]:
    """dn = dh (1 - z), dz = dh (h[t-1] - n), and dh z goes to h[t-1] directly; with d' = dn (1 - n^2) behind the tanh,
    dR = d' r_n and r_n gets d' R, while a_n gets d'."""
    (dh,), (R, z, n, r_n, before) = dstate, cache
    d = dh * (1 - z) * (1 - n * n)
    da_r = d * r_n * R * (1 - R)
    da_z = dh * (before - n) * z * (1 - z)
    return np.concatenate([da_r, da_z, d], axis=1), np.concatenate([da_r, da_z, d * R], axis=1), (dh * z,)


def lstm_step_forward(a: np.ndarray, r: np.ndarray, state: State) -> tuple[State, Any]:
    """a, r (N, 4H), the gates in the order i, f, g, o -> (h, c), and the cache."""
    a_i, a_f, a_g, a_o = np.split(a + r, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    before = state[1]
    c = f * before + i * g
    tanh_c = np.tanh(c)
    return (o * tanh_c, c), (i, f, g, o, before, tanh_c)


def lstm_step_backward(dstate: State, cache: Any) -> tuple[np.ndarray, np.ndarray, tuple]:
    """dc gets dh o (1 - tanh(c)^2) beside what step t+1 sent; do = dh tanh(c), di = dc g, dg = dc i, df = dc c[t-1],
    each times its own derivative; dc f goes to c[t-1], nothing to h[t-1] directly."""
    (dh, dc), (i, f, g, o, before, tanh_c) = dstate, cache
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    gates = [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * tanh_c * o * (1 - o)]
    da = np.concatenate(gates, axis=1)
    return da, da, (0, dc * f)


class Kind(NamedTuple):
    gates: int
    states: int
    forward: Callable[..., tuple[State, Any]]
    backward: Callable[..., tuple[np.ndarray, np.ndarray, tuple]]


KINDS = {
    "tanh": Kind(1, 1, partial(rnn_step_forward, nonlinearity="tanh"), partial(rnn_step_backward, nonlinearity="tanh")),
    "relu": Kind(1, 1, partial(rnn_step_forward, nonlinearity="relu"), partial(rnn_step_backward, nonlinearity="relu")),
    "gru": Kind(3, 1, gru_step_forward, gru_step_backward),
    "lstm": Kind(4, 2, lstm_step_forward, lstm_step_backward),
}


def recurrence_forward(
    x: np.ndarray, state: State, weights: Weights, kind: Kind, reverse: bool = False
) -> tuple[np.ndarray, State, Any]:
    """x (T, N, I), state (h (N, P), for LSTM also c (N, H)) -> out (T, N, P), the state after all steps, the cache.

    `reverse` begins at the last step: out[t] then knows x[t], x[t+1], ...
    """
    a, _ = linear_forward(x, weights.w_ih, weights.b_ih)  # of all steps at once
    steps = range(len(x))[::-1] if reverse else range(len(x))
    out = np.empty((*x.shape[:2], weights.w_hh.shape[1]), x.dtype)
    before, caches, unprojected = np.empty_like(out), {}, {}
    for t in steps:
        before[t] = state[0]
        r, _ = linear_forward(state[0], weights.w_hh, weights.b_hh)
        state, caches[t] = kind.forward(a[t], r, state)
        if weights.w_hr is not None:
            unprojected[t] = state[0]
            state = (state[0] @ weights.w_hr.T, *state[1:])
        out[t] = state[0]
    return out, state, (x, before, caches, unprojected, weights, kind, steps)


def recurrence_backward(dout: np.ndarray, dstate: State, cache: Any) -> tuple[np.ndarray, State, Weights]:
    """dout (T, N, P), dstate of the last state -> dx, dstate of the first one, and the gradients of the weights."""
    x, before, caches, unprojected, weights, kind, steps = cache
    da = np.empty((*x.shape[:2], len(weights.w_ih)), x.dtype)
    dr = np.empty_like(da)
    dw_hr = None if weights.w_hr is None else np.zeros_like(weights.w_hr)
    for t in reversed(steps):
        dh = dout[t] + dstate[0]
        if weights.w_hr is not None:
            dw_hr += dh.T @ unprojected[t]
            dh = dh @ weights.w_hr
        da[t], dr[t], direct = kind.backward((dh, *dstate[1:]), caches[t])
        dstate = (dr[t] @ weights.w_hh + direct[0], *direct[1:])
    dx, dw_ih, db_ih = linear_backward(da, (x, weights.w_ih))
    _, dw_hh, db_hh = linear_backward(dr, (before, weights.w_hh))
    return dx, dstate, Weights(dw_ih, dw_hh, db_ih, db_hh, dw_hr)
