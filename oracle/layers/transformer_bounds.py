"""How far rounding may take a transformer: the parts one after the other, each with the errors of those before it.

A part of residual form adds the errors of x and of the part. Beside attention (attention_bounds.py) and sums of
products:

LayerNorm of x with errors e = E(x), over m features (notation of normalization_bounds.py, X = (|x| + |mu|)/s):
    d, var, s, xh by the arithmetic of errors: E(mu) = mean e + G_{m+4} mean|x|, E(d) = e + E(mu) + 4u|d|, ...
    out   |w| E(xh) + 4u|w xh| + 4u|b| + 4u |w| X            the last where x*(w/s) + (b - mu w/s) is computed
    Q     mean(|g| E(xh) + |xh| E(g)) + G_{m+9} mean(|g| X)     as sums of g x and of g may be formed first
    dx    by the arithmetic of errors, and 4u (|g| + |P| + X |Q|)/s
gelu(x) = x Phi(x): |gelu'| <= 1.13, |gelu''| <= 0.8; own rounding 8u F with the F of elementwise functions, |x| and
1 + |x| phi(x)(1 + x^2/2).   relu: at 0 but for rounding either derivative is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erfc, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, gamma
from oracle.layers.attention_bounds import Heads, added_mask
from oracle.running_error import LIBRARY, ROUNDINGS, Running, step, total
from oracle.running_sums import alike, relu, sums

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Named = dict[str, np.ndarray]
Weights = Mapping[str, Running]
Gradients = dict[str, Running]


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
    def __init__(self, w: Weights, activation: str):
        self.one, self.two, self.activation = Linear(below(w, "linear1")), Linear(below(w, "linear2")), activation

    def forward(self, x: Running) -> Running:
        self.hidden = self.one.forward(x)
        return self.two.forward(gelu(self.hidden) if self.activation == "gelu" else relu(self.hidden))

    def backward(self, dout: Running) -> tuple[Running, Gradients]:
        d, two = self.two.backward(dout)
        slope = gelu_slope(self.hidden) if self.activation == "gelu" else step(self.hidden, 0)
        d, one = self.one.backward(d * slope)
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


class Layer:
    """Parts of residual form: x + part(norm(x)) with norm_first, else norm(x + part(x))."""

    def __init__(self, parts: list[Any], w: Weights, settings: Mapping[str, Any]):
        self.parts, self.first = parts, settings["norm_first"]
        eps = settings["layer_norm_eps"]
        self.norms = [LayerNorm(below(w, f"norm{number}"), eps) for number in range(1, len(parts) + 1)]

    def forward(self, x: Running) -> Running:
        for part, norm in zip(self.parts, self.norms):
            x = x + part.forward(norm.forward(x)) if self.first else norm.forward(x + part.forward(x))
        return x

    def backward(self, d: Running) -> tuple[Running, Gradients]:
        gradients: Gradients = {}
        for number in range(len(self.parts), 0, -1):
            part, norm = self.parts[number - 1], self.norms[number - 1]
            if self.first:
                inner, of_part = part.backward(d)
                inner, of_norm = norm.backward(inner)
                d = d + inner
            else:
                d, of_norm = norm.backward(d)
                inner, of_part = part.backward(d)
                d = d + inner
            gradients |= of_part | above(f"norm{number}", of_norm)
        return d, gradients


def encoder_layer(w: Weights, settings: Mapping[str, Any], mask: Any) -> Layer:
    return Layer([Attention("self_attn", w, settings, mask), FeedForward(w, settings["activation"])], w, settings)


def decoder_layer(w: Weights, settings: Mapping[str, Any], masks: tuple, memory: Running) -> Layer:
    parts = [Attention("self_attn", w, settings, masks[0]), Attention("multihead_attn", w, settings, masks[1], memory),
             FeedForward(w, settings["activation"])]  # fmt: skip
    return Layer(parts, w, settings)


class _View:
    """The arrays of a call, steps first."""

    def __init__(self, call: Call, u: float, tiny: float):
        self.call, self.u, self.tiny = call, u, tiny
        first = next(iter(call.inputs.values()))
        self.batched = first.ndim == 3
        self.swapped = self.batched and call.settings["batch_first"]
        self.w = {name: Running(array, u, tiny) for name, array in call.parameters.items()}

    def steps_first(self, array: np.ndarray) -> Running:
        array = array[:, None] if not self.batched else np.swapaxes(array, 0, 1) if self.swapped else array
        return Running(array, self.u, self.tiny)

    def mask(self, name: str, queries: Running, keys: Running) -> np.ndarray | None:
        inputs = self.call.inputs
        attn, padding = inputs.get(f"{name}_mask"), inputs.get(f"{name}_key_padding_mask")
        (L, N), S = queries.value.shape[:2], len(keys.value)
        return added_mask(attn, padding, (N, self.call.settings["nhead"], L, S), 0)

    def fit(self, found: Mapping[str, Running], expected: Arrays) -> Named:
        errors = {}
        for name, array in expected.items():
            error = found[name].error
            if name not in {f"d{key}" for key in self.w}:
                error = error[:, 0] if not self.batched else np.swapaxes(error, 0, 1) if self.swapped else error
            errors[name] = error.reshape(array.shape)
        return errors


def encoder(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    view = _View(call, u, tiny)
    src = view.steps_first(call.inputs["src"])
    layer = encoder_layer(view.w, call.settings, view.mask("src", src, src))
    out = layer.forward(src)
    dsrc, gradients = layer.backward(view.steps_first(call.upstream["dout"]))
    return view.fit({"out": out, "dsrc": dsrc} | _d(gradients), expected)


def decoder(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    view = _View(call, u, tiny)
    tgt, memory = (view.steps_first(call.inputs[name]) for name in ("tgt", "memory"))
    masks = (view.mask("tgt", tgt, tgt), view.mask("memory", tgt, memory))
    layer = decoder_layer(view.w, call.settings, masks, memory)
    out = layer.forward(tgt)
    dtgt, gradients = layer.backward(view.steps_first(call.upstream["dout"]))
    return view.fit({"out": out, "dtgt": dtgt, "dmemory": layer.parts[1].dmemory} | _d(gradients), expected)


def transformer(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    view, settings = _View(call, u, tiny), call.settings
    src, tgt = (view.steps_first(call.inputs[name]) for name in ("src", "tgt"))

    def stack(side: str, count: int, make: Callable[[Weights], Layer]) -> tuple[list[Layer], LayerNorm]:
        w = below(view.w, side)
        layers = [make(below(w, f"layers.{number}")) for number in range(count)]
        return layers, LayerNorm(below(w, "norm"), settings["layer_norm_eps"])

    def run(x: Running, layers: list[Layer], norm: LayerNorm) -> Running:
        for layer in layers:
            x = layer.forward(x)
        return norm.forward(x)

    def back(side: str, d: Running, layers: list[Layer], norm: LayerNorm) -> tuple[Running, Gradients]:
        d, of_norm = norm.backward(d)
        gradients = above("norm", of_norm)
        for number in reversed(range(len(layers))):
            d, of_layer = layers[number].backward(d)
            gradients |= above(f"layers.{number}", of_layer)
        return d, above(side, gradients)

    encoder_mask = view.mask("src", src, src)
    encoders = stack("encoder", settings["num_encoder_layers"], lambda w: encoder_layer(w, settings, encoder_mask))
    memory = run(src, *encoders)
    masks = (view.mask("tgt", tgt, tgt), view.mask("memory", tgt, memory))
    decoders = stack("decoder", settings["num_decoder_layers"], lambda w: decoder_layer(w, settings, masks, memory))
    out = run(tgt, *decoders)
    dtgt, of_decoder = back("decoder", view.steps_first(call.upstream["dout"]), *decoders)
    dmemories = [layer.parts[1].dmemory for layer in decoders[0]]
    dsrc, of_encoder = back("encoder", sum(dmemories[1:], dmemories[0]), *encoders)
    return view.fit({"out": out, "dsrc": dsrc, "dtgt": dtgt} | _d(of_decoder | of_encoder), expected)


def _d(gradients: Gradients) -> Gradients:
    return {f"d{name}": gradient for name, gradient in gradients.items()}
