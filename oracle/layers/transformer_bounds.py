"""How far rounding may take a transformer: the error of each step where it is made, times what becomes of it.

The transformer is a chain of steps (x + attention, x + feed forward, each with its norm; then the same backward). To
first order in u, the error of any result is the sum over all steps of

    |d(result) / d(what the step gives)| * (the step's own error, with exact numbers put in)

which is the condition of the rest of the chain times a local error (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 1.6 and 3.8). The derivatives are exact (transformer_sensitivity.py), with their signs:
bounds of absolute values from step to step lose what cancels, a factor of 3 or so in every norm, forward and backward,
and said nothing of a whole Transformer in float32 (33 times the value in the median; this one 2e-4). What is left out,
u^2 times second derivatives, is smaller than the local errors by a factor of u once more; where the first order is 0 (a
gradient that is 0 in exact numbers, and what is multiplied by it), a step's own error is that of numbers as large as
the errors before it can make them. A gradient of parameters is computed at the end of its step: its own error, and what
arrives of all others.

The step's own error follows from the arithmetic of errors. A part of residual form adds the errors of x and of the
part. Beside attention (attention_bounds.py) and sums of products:

LayerNorm of x with errors e = E(x), over m features (notation of normalization_bounds.py, X = (|x| + |mu|)/s):
    d, var, s, xh by the arithmetic of errors: E(mu) = mean e + G_{m+4} mean|x|, E(d) = e + E(mu) + 4u|d|, ...
    out   |w| E(xh) + 4u|w xh| + 4u|b| + 4u |w| X            the last where x*(w/s) + (b - mu w/s) is computed
    Q     mean(|g| E(xh) + |xh| E(g)) + G_{m+9} mean(|g| X)     as sums of g x and of g may be formed first
    dx    by the arithmetic of errors, and 4u (|g| + |P| + X |Q|)/s
gelu(x) = x Phi(x): |gelu'| <= 1.13, |gelu''| <= 0.8; own rounding 8u F with the F of elementwise functions, |x| and
1 + |x| phi(x)(1 + x^2/2).   relu: where its argument is 0 but for all the errors that reach it, either derivative is
right.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import erfc, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, gamma
from oracle.layers.attention_bounds import Heads, added_mask
from oracle.layers.transformer_sensitivity import Chain, Plan, Step
from oracle.running_error import LIBRARY, ROUNDINGS, Running, step, total
from oracle.running_sums import alike, relu, sums

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Named = dict[str, np.ndarray]
Weights = Mapping[str, Running]
Gradients = dict[str, Running]
Errors = dict[tuple[str, int], np.ndarray]  # of what is made at a step: ("x", 2), ("d", 2), ("m", 2)


def below(w: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What stands in `w` under `name.`"""
    return {key.removeprefix(f"{name}."): value for key, value in w.items() if key.startswith(f"{name}.")}


def above(name: str, gradients: Gradients) -> Gradients:
    return {f"{name}.{key}": value for key, value in gradients.items()}


class Linear:
    def __init__(self, w: Weights):
        self.w = w

    def forward(self, x: Running) -> Running:
        self.x = x
        return sums([(x, alike(np.transpose, self.w["weight"]))], [self.w["bias"]] if "bias" in self.w else [])

    def backward(self, dout: Running) -> tuple[Running, Gradients]:
        rows, inputs = (alike(lambda a: a.reshape(-1, a.shape[-1]), each) for each in (dout, self.x))
        gradients = {"weight": sums([(alike(np.transpose, rows), inputs)]), "bias": total(rows, axis=0)}
        return sums([(dout, self.w["weight"])]), {name: gradients[name] for name in self.w}


class LayerNorm:
    def __init__(self, w: Weights, eps: float):
        self.w, self.eps = w, eps

    def forward(self, x: Running) -> Running:
        self.m = x.value.shape[-1]
        mu = self._mean(x)
        d = x - mu
        self.s = np.sqrt(self._mean(d * d) + self.eps)
        self.xh = d / self.s
        self.X = (np.abs(x.value) + np.abs(mu.value)) / self.s.value
        out = self.xh * self.w["weight"]
        out = out + self.w["bias"] if "bias" in self.w else out
        folded = ROUNDINGS * x.u * np.abs(self.w["weight"].value) * self.X
        return Running(out.value, x.u, x.tiny, out.error + folded)

    def backward(self, dout: Running) -> tuple[Running, Gradients]:
        g, u = dout * self.w["weight"], dout.u
        Q = self._mean(g * self.xh)
        absolute = (np.abs(g.value) * self.X).mean(-1, keepdims=True)
        Q = Running(Q.value, u, Q.tiny, Q.error + gamma(self.m + 9, u) * absolute)
        P = self._mean(g)
        dx = (g - P - self.xh * Q) / self.s
        parts = np.abs(g.value) + np.abs(P.value) + self.X * np.abs(Q.value)
        dx = Running(dx.value, u, dx.tiny, dx.error + ROUNDINGS * u * parts / self.s.value)
        each, rows = (alike(lambda a: a.reshape(-1, self.m), terms) for terms in (dout * self.xh, dout))
        n, terms = len(rows.value), np.abs(rows.value) * self.X.reshape(-1, self.m)
        dweight = total(each, axis=0)
        dweight = Running(dweight.value, u, dx.tiny, dweight.error + gamma(n + 8, u) * terms.sum(0))
        gradients = {"weight": dweight, "bias": total(rows, axis=0)}
        return dx, {name: gradients[name] for name in self.w}

    def _mean(self, x: Running) -> Running:
        mean = total(x, axis=-1, keepdims=True) * (1 / self.m)
        extra = gamma(ROUNDINGS, x.u) * np.abs(x.value).mean(-1, keepdims=True)
        return Running(mean.value, x.u, x.tiny, mean.error + extra)


def gelu(x: Running) -> Running:
    v = x.value
    return Running(v * _Phi(v), x.u, x.tiny, 1.13 * x.error + LIBRARY * x.u * np.abs(v) + 4 * x.tiny)


def gelu_slope(x: Running) -> Running:
    v = x.value
    phi = np.exp(-v * v / 2) / sqrt(2 * pi)
    own = LIBRARY * x.u * (1 + np.abs(v) * phi * (1 + v * v / 2))
    return Running(_Phi(v) + v * phi, x.u, x.tiny, 0.8 * x.error + own)


def _Phi(v: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda z: erfc(-z / sqrt(2)) / 2, otypes=[float])(v)


class FeedForward:
    """`reach` is how far its hidden numbers may be off by what went before: it decides where relu has either slope."""

    def __init__(self, w: Weights, activation: str):
        self.one, self.two, self.activation = Linear(below(w, "linear1")), Linear(below(w, "linear2")), activation
        self.reach: np.ndarray | float = 0.0

    def forward(self, x: Running) -> Running:
        self.hidden = self.one.forward(x)
        return self.two.forward(gelu(self.hidden) if self.activation == "gelu" else relu(self.hidden))

    def backward(self, dout: Running) -> tuple[Running, Gradients]:
        d, two = self.two.backward(dout)
        z = Running(self.hidden.value, self.hidden.u, self.hidden.tiny, np.maximum(self.hidden.error, self.reach))
        d, one = self.one.backward(d * (gelu_slope(self.hidden) if self.activation == "gelu" else step(z, 0)))
        return d, above("linear1", one) | above("linear2", two)


class Attention:
    """Self-attention, or with `memory` attention to it, whose gradient is then `dmemory`."""

    def __init__(self, name: str, w: Weights, settings: Mapping[str, Any], mask: Any, memory: Running | None = None):
        own = {"num_heads": settings["nhead"], "embed_dim": settings["d_model"], "add_zero_attn": False}
        one = next(iter(w.values()))
        self.name, self.memory, self.mask = name, memory, mask
        self.heads = Heads(own, below(w, name), one.u, one.tiny)

    def forward(self, x: Running) -> Running:
        other = x if self.memory is None else self.memory
        return self.heads.forward([x, other, other], self.mask, None)[0]

    def backward(self, dout: Running) -> tuple[Running, Gradients]:
        (dq, dk, dv), _, gradients = self.heads.backward(dout, None)
        if self.memory is not None:
            self.dmemory = dk + dv
            return dq, above(self.name, gradients)
        return dq + (dk + dv), above(self.name, gradients)


class Block:
    """One step of the chain: norm(x + part(x)), with norm_first x + part(norm(x)), or the norm alone."""

    def __init__(self, of: Step, plan: Plan, w: Weights, memory: Running | None):
        self.first, own = plan.settings["norm_first"], below(w, of.at.removesuffix(".")) if of.at else dict(w)
        self.norm = LayerNorm(below(own, of.norm), plan.settings["layer_norm_eps"])
        self.part: Any = None
        if of.part == "feed_forward":
            self.part = FeedForward(own, plan.settings["activation"])
        elif of.part:
            self.part = Attention(of.part, own, plan.settings, plan.masks[of.mask], memory)

    def forward(self, x: Running) -> Running:
        if self.part is None:
            return self.norm.forward(x)
        if self.first:
            return x + self.part.forward(self.norm.forward(x))
        return self.norm.forward(x + self.part.forward(x))

    def backward(self, d: Running) -> tuple[Running, Gradients, Gradients]:
        """-> the gradient of x, of the part's parameters, and of the norm's"""
        if self.part is None:
            d, of_norm = self.norm.backward(d)
            return d, {}, of_norm
        if self.first:
            inner, of_part = self.part.backward(d)
            inner, of_norm = self.norm.backward(inner)
        else:
            d, of_norm = self.norm.backward(d)
            inner, of_part = self.part.backward(d)
        return d + inner, of_part, of_norm


class _View:
    """The arrays of a call, steps first."""

    def __init__(self, call: Call):
        self.call = call
        first = next(iter(call.inputs.values()))
        self.batched = first.ndim == 3
        self.swapped = self.batched and call.settings["batch_first"]

    def steps_first(self, array: np.ndarray) -> np.ndarray:
        array = array.astype(np.float64)
        return array[:, None] if not self.batched else np.swapaxes(array, 0, 1) if self.swapped else array

    def as_given(self, array: np.ndarray) -> np.ndarray:
        return array[:, 0] if not self.batched else np.swapaxes(array, 0, 1) if self.swapped else array

    def mask(self, name: str, queries: np.ndarray, keys: np.ndarray) -> np.ndarray | None:
        inputs = self.call.inputs
        attn, padding = inputs.get(f"{name}_mask"), inputs.get(f"{name}_key_padding_mask")
        (L, N), S = queries.shape[:2], len(keys)
        return added_mask(attn, padding, (N, self.call.settings["nhead"], L, S), 0)


_latest: list[tuple[Call, Chain]] = []  # the subject's bound and the reference's are asked for one after the other


def _chain(call: Call, view: _View) -> Chain:
    if not _latest or _latest[0][0] is not call:
        inputs = {name: view.steps_first(call.inputs[name]) for name in ("src", "tgt", "memory") if name in call.inputs}
        read = {
            "src": ("src", "src"),
            "tgt": ("tgt", "tgt"),
            "memory": ("tgt", "memory" if "memory" in inputs else "src"),
        }
        masks = {
            name: view.mask(name, inputs[queries], inputs[keys])
            for name, (queries, keys) in read.items()
            if queries in inputs and keys in inputs
        }
        plan = Plan(*_steps(call), call.settings, masks)
        _latest[:] = [(call, Chain(plan, inputs, call.parameters, view.steps_first(call.upstream["dout"])))]
    return _latest[0][1]


class _Walk:
    """The chain once more in Running numbers, every step with exact numbers put in: the errors that each one makes."""

    def __init__(self, chain: Chain, parameters: Arrays, u: float, tiny: float):
        self.chain, self.u, self.tiny = chain, u, tiny
        self.w = {name: Running(array, u, tiny) for name, array in parameters.items()}
        self.blocks = [self._block(number) for number in range(len(chain.steps))]

    def _block(self, number: int) -> Block:
        chain = self.chain
        memory = self._put_in(chain.looked[number]) if number in chain.looked else None
        return Block(chain.steps[number], chain.plan, self.w, memory)

    def _put_in(self, tensor: Any, error: np.ndarray | float = 0.0) -> Running:
        return Running(self.chain.value(tensor), self.u, self.tiny, error)

    def forward(self) -> Errors:
        reads = enumerate(self.chain.read)
        return {("x", number): self.blocks[number].forward(self._put_in(x)).error for number, x in reads}

    def reach(self, number: int, error: np.ndarray) -> None:
        """`error` of what a step reads: how far its hidden numbers may be off."""
        if isinstance(self.blocks[number].part, FeedForward):
            again = self._block(number)
            again.forward(self._put_in(self.chain.read[number], error))
            self.blocks[number].part.reach = again.part.hidden.error

    def backward(self, number: int, error: np.ndarray | float) -> tuple[Errors, Named]:
        """The errors of the step's gradients, where the gradient that comes to it is as large as `error` may make it:
        one that is 0 in exact numbers rounds too."""
        of, own, d = self.chain.steps[number], self.blocks[number], self.chain.value(self.chain.upstream[number])
        dx, of_part, of_norm = own.backward(Running(d + np.copysign(error, d), self.u, self.tiny))
        made = {("d", number): dx.error}
        if number in self.chain.looked:
            dmemory, added = own.part.dmemory, gamma(len(self.chain.looked), self.u)
            made["m", number] = dmemory.error + added * np.abs(dmemory.value)
        gradients = of_part | above(of.norm, of_norm)
        return made, {f"d{of.at}{name}": gradient.error for name, gradient in gradients.items()}


def bounds(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    """The errors of every step where it is made, and what of them arrives in every result."""
    view = _View(call)
    chain = _chain(call, view)
    walk, numbers = _Walk(chain, call.parameters, u, tiny), range(len(chain.steps))
    everything = {name: chain.results[name] for name in expected}
    everything |= {f"read by {number}": chain.read[number] for number in numbers}
    everything |= {f"upstream of {number}": chain.upstream[number] for number in numbers}
    made = {site: np.zeros(tuple(place.shape)) for site, place in chain.made.items()} | walk.forward()
    arriving = chain.carried(everything, made)
    for number in numbers:
        walk.reach(number, arriving[f"read by {number}"])
        made |= walk.backward(number, 0.0)[0]
    arriving = chain.carried(everything, made)
    local: Named = {}
    for number in numbers:
        at_step, of_parameters = walk.backward(number, arriving[f"upstream of {number}"])
        made |= at_step
        local |= of_parameters
    arriving = chain.carried(everything, made)
    found = {}
    for name, array in expected.items():
        error = arriving[name] + local.get(name, 0)
        found[name] = (error if name in local else view.as_given(error)).reshape(array.shape)
    return found


def _steps(call: Call) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    def encoder(at: str) -> list[Step]:
        return [Step("self_attn", at, "norm1", "src"), Step("feed_forward", at, "norm2")]

    def decoder(at: str) -> list[Step]:
        return [Step("self_attn", at, "norm1", "tgt"), Step("multihead_attn", at, "norm2", "memory"),
                Step("feed_forward", at, "norm3")]  # fmt: skip

    if call.spec != "Transformer":
        return (tuple(encoder("")), ()) if "Encoder" in call.spec else ((), tuple(decoder("")))
    return tuple(
        (*(step for number in range(call.settings[f"num_{side}_layers"]) for step in make(f"{side}.layers.{number}.")),
         Step("", f"{side}.", "norm"))
        for side, make in (("encoder", encoder), ("decoder", decoder))
    )  # type: ignore[return-value]  # fmt: skip
