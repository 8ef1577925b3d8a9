"""How far rounding may take attention: sums of products, a softmax whose scores have errors already, sums again.

Notation as in scratchnet/ops/attention.py; E(v) is the error of v, G_m = gamma_m, every sum of products as in
oracle/running_sums.py. With scores s off by e = E(s), p = softmax(s) has the relative error

    exp(e + log sum p exp(e)) - 1  +  rho          rho of the softmax itself (layers/softmax.py)

since exp(d_i) / sum p exp(d) with all |d| <= e is at most that: by Jensen log sum p exp(d) >= -sum p e; and no p is off
by more than 1. Backward, with
D = |dout| |v|^T + |dweights| (what dp is a sum of, in absolute values; times the dropout's factor), t = sum dp p:

    E(t)  = sum (p E(dp) + |dp| E(p)) + G_{S+d+4} sum p D      t may be summed over the keys, or as dout . out over d
    E(ds) = p (E(dp) + E(t)) + |dp - t| E(p) + (4u + G_{S+4}) p (D + sum p D)         or over the softmax's Jacobian

and then the sums of products for dq, dk, dv, the projections and their weights. A masked key has p = 0 exactly; a query
without any key is NaN in all implementations, or exactly 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, gamma
from oracle.layers.softmax import Rounding
from oracle.running_error import ROUNDINGS, Running, total
from oracle.running_sums import alike, sums

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Named = dict[str, np.ndarray]


def softmax(x: Running, hidden: np.ndarray) -> Running:
    """Along the last axis; p is 0 where `hidden`."""
    shown = np.where(hidden, np.min(x.value, initial=0) - 800, x.value)  # exp(-800) is 0 in float64
    shown = np.where(hidden.all(-1, keepdims=True), 0, shown)
    r, e = Rounding.of(shown, -1, x.u), np.where(hidden, 0, x.error)
    p = np.where(hidden, 0, r.p)
    with np.errstate(all="ignore"):
        carried = np.expm1(e + np.log((r.p * np.exp(e)).sum(-1, keepdims=True)))
        error = np.nan_to_num(p * (carried + r.rho) + 4 * x.tiny, nan=1.0, posinf=1.0)
    return Running(p, x.u, x.tiny, np.where(hidden, 0, np.minimum(error, 1)))


class Heads:
    """Multi-head attention of Running numbers, (steps, batch, features) each; parameters by torch's names."""

    def __init__(self, settings: Mapping[str, Any], w: Mapping[str, Running], u: float, tiny: float):
        self.settings, self.w, self.u, self.tiny = settings, w, u, tiny
        self.heads = settings["num_heads"]

    def forward(
        self, inputs: list[Running], added: np.ndarray | None, factor: Running | None
    ) -> tuple[Running, Running]:
        """`added` (N, heads, L, S + extra) or less, -inf where a key is hidden -> out (L, N, E), weights."""
        self.inputs, self.factor = inputs, factor
        projected = [self._project(x, k) for k, x in enumerate(inputs)]
        for k, learned in ((1, "bias_k"), (2, "bias_v")):
            if learned in self.w:
                projected[k] = self._append(projected[k], self.w[learned])
            if self.settings["add_zero_attn"]:
                projected[k] = self._append(projected[k], Running(np.zeros((1, 1, 1)), self.u, self.tiny))
        self.q, self.k, self.v = (self._split(x) for x in projected)
        scale = 1 / sqrt(self.q.value.shape[-1])
        self.scale = Running(scale, self.u, self.tiny, ROUNDINGS * self.u * scale)
        N, _, L, S = (*self.q.value.shape[:3], self.k.value.shape[2])
        mask = np.zeros((N, self.heads, L, S)) if added is None else np.broadcast_to(added, (N, self.heads, L, S))
        hidden = np.isneginf(mask)
        finite = Running(np.where(hidden, 0, mask), self.u, self.tiny)
        scores = sums([(self.q * self.scale, alike(_swap, self.k))], [] if added is None else [finite])
        self.p = softmax(scores, hidden)
        self.weights = self.p if factor is None else self.p * factor
        self.context = sums([(self.weights, self.v)])
        out = self._linear(self._join(self.context), self.w["out_proj.weight"], self.w.get("out_proj.bias"))
        return out, self.weights

    def backward(self, dout: Running, dweights: Running | None) -> tuple[list[Running], Running, dict[str, Running]]:
        """-> gradients of the three inputs, of the scores, and of the parameters."""
        dcontext, found = self._linear_back(dout, self._join(self.context), self.w["out_proj.weight"])
        gradients = {"out_proj.weight": found[0], "out_proj.bias": found[1]}
        dcontext = self._split(dcontext)
        dv = sums([(alike(_swap, self.weights), dcontext)])
        dp = sums([(dcontext, alike(_swap, self.v))], [] if dweights is None else [dweights])
        D = (np.abs(dcontext.value) + dcontext.error) @ (np.abs(_swap(self.v.value)) + _swap(self.v.error))
        D = D + (0 if dweights is None else np.abs(dweights.value))
        if self.factor is not None:
            dp, D = dp * self.factor, D * np.abs(self.factor.value)
        t = total(self.p * dp, axis=-1, keepdims=True)
        S, d = self.k.value.shape[2], self.q.value.shape[3]
        sum_D = (self.p.value * D).sum(-1, keepdims=True)
        t = Running(t.value, self.u, self.tiny, t.error + gamma(S + d + ROUNDINGS, self.u) * sum_D)
        ds = self.p * (dp - t)
        ds = Running(ds.value, self.u, self.tiny, ds.error + gamma(S + ROUNDINGS, self.u) * self.p.value * (D + sum_D))
        dq, dk = sums([(ds, self.k)]) * self.scale, sums([(alike(_swap, ds), self.q)]) * self.scale
        dinputs, dweight, dbias = [], [], []
        for k, dhead in enumerate((dq, dk, dv)):
            joined, steps = self._join(dhead), len(self.inputs[k].value)
            if k and ("bias_k", "bias_v")[k - 1] in self.w:
                learned = alike(lambda a, steps=steps: a[steps : steps + 1], joined)
                gradients[("bias_k", "bias_v")[k - 1]] = total(learned, axis=1, keepdims=True)
            joined = alike(lambda a, steps=steps: a[:steps], joined)
            dx, (dw, db) = self._linear_back(joined, self.inputs[k], self._projection(k)[0])
            dinputs.append(dx)
            dweight.append(dw)
            dbias.append(db)
        gradients |= {"in_proj_bias": alike(_concatenate, *dbias)}
        if "in_proj_weight" in self.w:
            gradients["in_proj_weight"] = alike(_concatenate, *dweight)
        else:
            gradients |= dict(zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), dweight))
        return dinputs, ds, {name: gradients[name] for name in self.w}

    def _projection(self, k: int) -> tuple[Running, Running | None]:
        E = self.settings["embed_dim"]
        rows = slice(k * E, (k + 1) * E)
        one = self.w.get(("q_proj_weight", "k_proj_weight", "v_proj_weight")[k])
        weight = alike(lambda a: a[rows], self.w["in_proj_weight"]) if one is None else one
        return weight, alike(lambda a: a[rows], self.w["in_proj_bias"]) if "in_proj_bias" in self.w else None

    def _project(self, x: Running, k: int) -> Running:
        return self._linear(x, *self._projection(k))

    def _linear(self, x: Running, weight: Running, bias: Running | None) -> Running:
        return sums([(x, alike(np.transpose, weight))], [] if bias is None else [bias])

    def _linear_back(self, dout: Running, x: Running, weight: Running) -> tuple[Running, tuple[Running, Running]]:
        rows, inputs = (alike(lambda a: a.reshape(-1, a.shape[-1]), each) for each in (dout, x))
        return sums([(dout, weight)]), (sums([(alike(np.transpose, rows), inputs)]), total(rows, axis=0))

    def _append(self, x: Running, row: Running) -> Running:
        return alike(lambda a, r: np.concatenate([a, np.broadcast_to(r, (1, *a.shape[1:]))]), x, row)

    def _split(self, x: Running) -> Running:
        return alike(lambda a: a.reshape(*a.shape[:2], self.heads, -1).transpose(1, 2, 0, 3), x)

    def _join(self, x: Running) -> Running:
        return alike(lambda a: a.transpose(2, 0, 1, 3).reshape(a.shape[2], a.shape[0], -1), x)


def multihead(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    settings, inputs = call.settings, call.inputs
    batched, heads = inputs["query"].ndim == 3, settings["num_heads"]

    def steps_first(array: np.ndarray) -> Running:
        array = array[:, None] if not batched else np.swapaxes(array, 0, 1) if settings["batch_first"] else array
        return Running(array, u, tiny)

    def as_given(x: Running) -> Running:
        return alike(lambda a: a[:, 0] if not batched else np.swapaxes(a, 0, 1) if settings["batch_first"] else a, x)

    given = [steps_first(inputs[name]) for name in ("query", "key", "value")]
    (L, N), S = given[0].value.shape[:2], len(given[1].value)
    extra = ("bias_k" in call.parameters) + settings["add_zero_attn"]
    walk = Heads(settings, {name: Running(array, u, tiny) for name, array in call.parameters.items()}, u, tiny)
    added = added_mask(inputs.get("attn_mask"), inputs.get("key_padding_mask"), (N, heads, L, S), extra)
    out, weights = walk.forward(given, added, _factor(call, (N, heads, L, S + extra), u, tiny))
    found = {"out": as_given(out)}
    dweights = None
    if settings["need_weights"]:
        averaged, upstream = settings["average_attn_weights"], Running(call.upstream["dweights"], u, tiny)
        upstream = upstream if batched else alike(lambda a: a[None], upstream)
        dweights = alike(lambda a: a[:, None], upstream) * (1 / heads) if averaged else upstream
        shown = total(weights, axis=1) * (1 / heads) if averaged else weights
        found["weights"] = shown if batched else alike(lambda a: a[0], shown)
    dinputs, ds, gradients = walk.backward(steps_first(call.upstream["dout"]), dweights)
    found |= {f"d{name}": as_given(d) for name, d in zip(("query", "key", "value"), dinputs)}
    found |= {f"d{name}": d for name, d in gradients.items()}
    ds = alike(lambda a: a[..., :S], ds)
    if "attn_mask" in inputs:
        found["dattn_mask"] = ds if inputs["attn_mask"].ndim == 3 else total(total(ds, axis=0), axis=0)
    if "key_padding_mask" in inputs:
        found["dkey_padding_mask"] = total(total(ds, axis=2), axis=1)
    errors = {name: running.error for name, running in found.items()}
    return {name: errors.get(name, np.zeros(a.shape)).reshape(a.shape) for name, a in expected.items()}


def added_mask(attn: Any, padding: Any, shape: tuple[int, ...], extra: int) -> np.ndarray | None:
    """Both masks as numbers to be added, 0 for the keys that were appended."""
    N, S = shape[0], shape[-1]
    parts = []
    if attn is not None:
        parts.append(_numbers(attn).reshape((1, 1, *attn.shape) if attn.ndim == 2 else shape))
    if padding is not None:
        parts.append(_numbers(padding).reshape(N, 1, 1, S))
    return np.pad(sum(parts), [*[(0, 0)] * 3, (0, extra)]) if parts else None


def _numbers(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, -np.inf, 0.0) if mask.dtype == bool else mask


def _factor(call: Call, shape: tuple[int, ...], u: float, tiny: float) -> Running | None:
    """mask / (1 - p), off by u p / (1 - p) + 4u; None where nothing is dropped."""
    if "mask" not in call.buffers or not call.training:
        return None
    p, mask = call.settings["dropout"], call.buffers["mask"].reshape(shape)
    value = mask / (1 - p) if p < 1 else np.zeros(shape)
    return Running(value, u, tiny, (u * p / (1 - p) + ROUNDINGS * u if p < 1 else 0) * value)


def _swap(a: np.ndarray) -> np.ndarray:
    return np.swapaxes(a, -1, -2)


def _concatenate(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)
