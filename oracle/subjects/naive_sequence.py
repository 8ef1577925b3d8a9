"""The loops of embedding, the recurrent layers and attention as subjects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from oracle.subjects import Call, naive_transformer
from scratchnet.naive import attention, dropout, embedding, linear, recurrent

Gradients = dict[str, Any]
Started = tuple[Any, Callable[[], Gradients]]
_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def _embedding(call: Call) -> Started:
    x, weight, settings = call.inputs["x"], call.parameters["weight"], call.settings
    letters = (settings["padding_idx"], settings["scale_grad_by_freq"])

    def gradients() -> Gradients:
        return {"dweight": embedding.embedding_gradient(call.upstream["dout"], x, weight, *letters)}

    return embedding.embedding(x, weight), gradients


def _steps(call: Call) -> tuple[Any, Any]:
    kind = call.spec.removesuffix("Cell").lower()
    step, gradients = getattr(recurrent, f"{kind}_step"), getattr(recurrent, f"{kind}_step_gradients")
    relu = {"relu": call.settings["nonlinearity"] == "relu"} if kind == "rnn" else {}
    return partial(step, **relu), partial(gradients, **relu)


def _cell(call: Call) -> Started:
    """One step of a recurrence."""
    step, step_gradients = _steps(call)
    x, hidden, lstm = call.inputs["x"], call.settings["hidden_size"], call.spec.startswith("LSTM")
    X = x.reshape(1, -1, x.shape[-1])
    zero = np.zeros((X.shape[1], hidden), x.dtype)
    H, C = (call.inputs[name].reshape(zero.shape) if name in call.inputs else zero for name in ("h0", "c0"))
    weights = tuple(call.parameters.get(name) for name in _WEIGHTS)
    _, after, c, tape = recurrent.recurrence(X, H, C, weights, step)
    shape = call.upstream["dout"].shape

    def gradients() -> Gradients:
        dH = call.upstream["dout"].reshape(zero.shape)
        dC = call.upstream["dc_1"].reshape(zero.shape) if lstm else zero
        dX, dH, dC, of_weights = recurrent.recurrence_gradients(
            np.zeros((1, *zero.shape), x.dtype), dH, dC, X, tape, weights, step, step_gradients
        )
        found = {"dx": dX.reshape(x.shape), "dh0": dH.reshape(shape), "dc0": dC.reshape(shape)}
        found = {name: gradient for name, gradient in found.items() if name[1:] in call.inputs}
        return found | {f"d{n}": d for n, d in zip(_WEIGHTS, of_weights) if n in call.parameters}

    return {"out": after.reshape(shape)} | ({"c_1": c.reshape(shape)} if lstm else {}), gradients


def _recurrent(call: Call) -> Started:
    """Layer on layer, each in one or two directions, dropout between them."""
    step, step_gradients = _steps(call)
    settings, x, lstm = call.settings, call.inputs["x"], call.spec == "LSTM"
    swapped, ways = settings["batch_first"] and x.ndim == 3, ("", "_reverse") if settings["bidirectional"] else ("",)
    hidden, places = settings["hidden_size"], settings["num_layers"] * len(ways)

    def by_step(array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, 0, 1) if swapped else array if array.ndim == 3 else array[:, None]

    def back(array: np.ndarray) -> np.ndarray:
        return np.swapaxes(array, 0, 1) if swapped else array if x.ndim == 3 else array[:, 0]

    X = by_step(x)
    N, sizes = X.shape[1], (settings.get("proj_size") or hidden, hidden)
    first = [call.inputs[name].reshape(places, N, -1) if name in call.inputs else np.zeros((places, N, size), x.dtype)
             for name, size in zip(("h0", "c0"), sizes)]  # fmt: skip
    masks = call.buffers.get("mask")
    runs: list[Any] = []
    last = []
    for layer in range(settings["num_layers"]):
        if layer and masks is not None and call.training:
            X = dropout.dropout(X, by_step(masks[layer - 1]), settings["dropout"])
        outs = []
        for way in ways:
            weights = tuple(call.parameters.get(f"{name}_l{layer}{way}") for name in _WEIGHTS)
            place = len(runs)
            O, H, C, tape = recurrent.recurrence(X, first[0][place], first[1][place], weights, step, bool(way))
            outs.append(O)
            last.append((H, C))
            runs.append((X, tape, weights))
        X = np.concatenate(outs, axis=2)
    shapes = [call.upstream[name].shape for name in ("dh_n", "dc_n") if name in call.upstream]
    out = {"out": back(X)} | {n: np.stack(parts).reshape(s) for n, parts, s in zip(("h_n", "c_n"), zip(*last), shapes)}
    if masks is not None:
        out["mask"] = masks if call.training else np.ones_like(masks)

    def gradients() -> Gradients:
        found: Gradients = {}
        before: list[Any] = [None] * places
        dO = by_step(call.upstream["dout"])
        dH = call.upstream["dh_n"].reshape(places, N, -1)
        dC = call.upstream["dc_n"].reshape(places, N, -1) if lstm else np.zeros((places, N, hidden), x.dtype)
        for layer in reversed(range(settings["num_layers"])):
            parts, dXs = np.split(dO, len(ways), axis=2), []
            for direction, way in enumerate(ways):
                place = layer * len(ways) + direction
                X, tape, weights = runs[place]
                dX, dh, dc, of_weights = recurrent.recurrence_gradients(
                    parts[direction], dH[place], dC[place], X, tape, weights, step, step_gradients
                )
                found |= {f"d{n}_l{layer}{way}": d for n, d in zip(_WEIGHTS, of_weights)}
                before[place] = (dh, dc)
                dXs.append(dX)
            dO = sum(dXs[1:], dXs[0])
            if layer and masks is not None and call.training:
                dO = dropout.dropout_gradient(dO, by_step(masks[layer - 1]), settings["dropout"])
        states = {name: np.stack(parts) for name, parts in zip(("h0", "c0"), zip(*before))}
        found |= {f"d{n}": array.reshape(call.inputs[n].shape) for n, array in states.items() if n in call.inputs}
        return {"dx": back(dO)} | {n: d for n, d in found.items() if n[1:] in {**call.inputs, **call.parameters}}

    return out, gradients


def _attention(call: Call) -> Started:
    """Three projections, the heads one by one, and the projection of their outputs side by side."""
    inputs, w, settings, buffers = call.inputs, call.parameters, call.settings, call.buffers
    batched, heads, E = inputs["query"].ndim == 3, settings["num_heads"], settings["embed_dim"]
    swapped = settings["batch_first"] and batched
    names = ("query", "key", "value")

    def rows(array: np.ndarray) -> np.ndarray:
        """(N, steps, features)"""
        return array if swapped else np.swapaxes(array, 0, 1) if batched else array[None]

    def back(array: np.ndarray) -> np.ndarray:
        return array if swapped else np.swapaxes(array, 0, 1) if batched else array[0]

    X = [rows(inputs[name]) for name in names]
    N, L, S, dtype = *X[0].shape[:2], X[1].shape[1], X[0].dtype
    packed = "in_proj_weight" in w
    W = np.split(w["in_proj_weight"], 3) if packed else [w[f"{letter}_proj_weight"] for letter in "qkv"]
    B = np.split(w["in_proj_bias"], 3) if "in_proj_bias" in w else [None] * 3
    projected = [linear.linear(x, weight, bias) for x, weight, bias in zip(X, W, B)]
    learned = [None, w.get("bias_k"), w.get("bias_v")]
    for k in (1, 2):
        more = [one for one in learned[k : k + 1] if one is not None]
        more += [np.zeros((1, 1, E), dtype)] if settings["add_zero_attn"] else []
        projected[k] = np.concatenate([projected[k], *(np.repeat(one, N, 0) for one in more)], axis=1)
    keys = projected[1].shape[1]
    M, D = np.zeros((N, heads, L, keys), dtype), np.ones((N, heads, L, keys), dtype)
    if "attn_mask" in inputs:
        mask = _added(inputs["attn_mask"], dtype)
        M[..., :S] += mask if mask.ndim == 2 else mask.reshape(N, heads, L, S)
    if "key_padding_mask" in inputs:
        M[..., :S] += _added(inputs["key_padding_mask"], dtype).reshape(N, 1, 1, S)
    if "mask" in buffers and call.training:
        D = dropout.dropout(D, buffers["mask"].reshape(D.shape), settings["dropout"])
    Q, K, V = projected
    O, P = attention.heads(Q, K, V, M, D, not settings["need_weights"])
    out = {"out": back(linear.linear(O, w["out_proj.weight"], w.get("out_proj.bias")))}
    averaged = settings["average_attn_weights"]
    if settings["need_weights"]:
        weights = (P * D).sum(axis=1) / heads if averaged else P * D
        out["weights"] = weights if batched else weights[0]
    if "mask" in buffers:
        out["mask"] = buffers["mask"] if call.training else np.ones_like(buffers["mask"])

    def gradients() -> Gradients:
        found: Gradients = {}
        dO, found["dout_proj.weight"], found["dout_proj.bias"] = linear.linear_gradients(
            rows(call.upstream["dout"]), O, w["out_proj.weight"]
        )
        dW = np.zeros_like(P)
        if settings["need_weights"]:
            given = call.upstream["dweights"] if batched else call.upstream["dweights"][None]
            dW += given[:, None] / heads if averaged else given
        *dheads, dM = attention.heads_gradients(dO, dW, P, Q, K, V, D)
        dw, db = [], []
        for k, name in enumerate(names):
            dhead = dheads[k]
            if learned[k] is not None:
                found["dbias_" + "qkv"[k]] = dhead[:, S].sum(axis=0).reshape(1, 1, E)
            dx, of_weight, of_bias = linear.linear_gradients(dhead[:, : X[k].shape[1]], X[k], W[k])
            found[f"d{name}"], found["d" + "qkv"[k] + "_proj_weight"] = back(dx), of_weight
            dw.append(of_weight)
            db.append(of_bias)
        found |= {"din_proj_weight": np.concatenate(dw) if packed else None, "din_proj_bias": np.concatenate(db)}
        dM = dM[..., :S]
        if "attn_mask" in inputs:
            shape = inputs["attn_mask"].shape
            found["dattn_mask"] = dM.sum(axis=(0, 1)) if len(shape) == 2 else dM.reshape(shape)
        if "key_padding_mask" in inputs:
            found["dkey_padding_mask"] = dM.sum(axis=(1, 2)).reshape(inputs["key_padding_mask"].shape)
        floats = {name for name, array in {**inputs, **w}.items() if array.dtype != bool}
        return {name: gradient for name, gradient in found.items() if name[1:] in floats}

    return out, gradients


def _added(mask: np.ndarray, dtype: Any) -> np.ndarray:
    """-inf where a boolean mask hides a key."""
    return np.where(mask, -np.inf, 0).astype(dtype) if mask.dtype == bool else mask


LOOPS: dict[str, tuple[str, Callable[[Call], Started]]] = {
    **naive_transformer.LOOPS,
    "Embedding": ("embedding, embedding_gradient", _embedding),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), ("recurrence, recurrence_gradients", _recurrent)),
    **dict.fromkeys(("RNNCell", "GRUCell", "LSTMCell"), ("recurrence, recurrence_gradients", _cell)),
    "MultiheadAttention": ("heads, heads_gradients", _attention),
}
