"""Mistakes in recurrent layers, attention and transformers as people write them: one number after the other, classes of
a course's assignment, matrices of all heads at once. The diagnosis gives the name; and what is right in another form is
right.
"""

import math

import numpy as np
import pytest

from oracle.diagnosis import diagnose
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.selection import default_cases
from tests.oracle.test_mistakes_in_other_forms import Wrong


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


# ---- recurrent layers: one layer, one direction, a sequence at a time


def sequences(call):
    """(x, h0, dout, dh_n) of each sequence, features last"""
    x, dout = call.inputs["x"], call.upstream["dout"]
    H = call.settings["hidden_size"]
    h0 = call.inputs.get("h0", np.zeros((1, x.shape[1], H)))
    return [(x[:, n], h0[0, n], dout[:, n], call.upstream["dh_n"][0, n]) for n in range(x.shape[1])]


def parameters(call):
    w = call.parameters
    zeros = np.zeros(len(w["weight_ih_l0"]))
    return (w["weight_ih_l0"], w["weight_hh_l0"], w.get("bias_ih_l0", zeros), w.get("bias_hh_l0", zeros))


def rnn_states(call, x, h0):
    """h[0] = h0, h[1], ... of one sequence, number by number"""
    W, U, b, c = parameters(call)
    states = [h0]
    for row in x:
        sums = [sum(w * v for w, v in zip(W[j], row)) + sum(u * v for u, v in zip(U[j], states[-1])) + b[j] + c[j]
                for j in range(len(W))]  # fmt: skip
        states.append(np.array([math.tanh(s) for s in sums]))
    return states


def truncated(call):
    """The gradient of each step's own output only; the last step has h_n's as well, and keeps it for itself."""
    W = parameters(call)[0]
    dx = np.zeros_like(call.inputs["x"])
    for n, (x, h0, dout, dlast) in enumerate(sequences(call)):
        states = rnn_states(call, x, h0)
        for t in range(len(x)):
            upstream = dout[t] + (dlast if t == len(x) - 1 else 0)
            dx[t, n] = [sum(upstream[j] * (1 - states[t + 1][j] ** 2) * W[j, i] for j in range(len(W)))
                        for i in range(x.shape[1])]  # fmt: skip
    return dx


def state_after_the_step(call):
    U = parameters(call)[1]
    dU = np.zeros_like(U)
    for x, h0, dout, dh in sequences(call):
        states = rnn_states(call, x, h0)
        for t in reversed(range(len(x))):
            dz = (dh + dout[t]) * (1 - states[t + 1] ** 2)
            dU += np.outer(dz, states[t + 1])
            dh = U.T @ dz
    return dU


def lstm(call, order="ifgo", forget=True, squash=np.tanh):
    """A cell's step on concatenated input and state, as many courses have it."""
    W, U, b, c = parameters(call)
    K, H = np.hstack([W, U]), call.settings["hidden_size"]
    x = call.inputs["x"]
    h = call.inputs.get("h0", np.zeros((1, x.shape[1], H)))[0]
    s = call.inputs.get("c0", np.zeros((1, x.shape[1], H)))[0]
    out = []
    for row in x:
        z = np.hstack([row, h]) @ K.T + b + c
        gate = {letter: z[:, place * H : (place + 1) * H] for place, letter in enumerate(order)}
        write = sigmoid(gate["i"]) * np.tanh(gate["g"])
        s = (sigmoid(gate["f"]) * s if forget else s) + write
        h = sigmoid(gate["o"]) * squash(s)
        out.append(h)
    return np.stack(out).astype(x.dtype)


def gates_of_cs231n(call):
    return lstm(call, order="ifog")


def nothing_is_forgotten(call):
    return lstm(call, forget=False)


def cell_shown_as_it_is(call):
    return lstm(call, squash=lambda s: s)


def gru(call, before=False, inverted=False):
    W, U, b, c = parameters(call)
    H, x = call.settings["hidden_size"], call.inputs["x"]
    (Wr, Wz, Wn), (Ur, Uz, Un) = (np.split(m, 3) for m in (W, U))
    (br, bz, bn), (cr, cz, cn) = (np.split(m, 3) for m in (b, c))
    out = np.zeros((*x.shape[:2], H))
    for n in range(x.shape[1]):
        h = call.inputs["h0"][0, n] if "h0" in call.inputs else np.zeros(H)
        for t, row in enumerate(x[:, n]):
            r, z = sigmoid(Wr @ row + br + Ur @ h + cr), sigmoid(Wz @ row + bz + Uz @ h + cz)
            new = np.tanh(Wn @ row + bn + (Un @ (r * h) + cn if before else r * (Un @ h + cn)))
            h = h + z * (new - h) if inverted else new + z * (h - new)
            out[t, n] = h
    return out.astype(x.dtype)


def paper_of_2014(call):
    return gru(call, before=True)


def z_is_how_much_is_new(call):
    return gru(call, inverted=True)


def plain(settings):
    """One layer, one direction, steps first; the forms above are of no more."""
    return settings["num_layers"] == 1 and not settings["bidirectional"] and not settings["batch_first"]


def no_more(settings):
    return plain(settings) and settings.get("nonlinearity", "tanh") == "tanh" and not settings.get("proj_size")


# ---- attention, one image, head and query after the other


def attended(call, root=math.sqrt, axis=0, hide=True):
    """out as nested loops; `axis` of what a softmax is taken over: 0 the keys of a query"""
    w, heads = call.parameters, call.settings["num_heads"]
    q, k, v = (call.inputs[name] for name in ("query", "key", "value"))
    E = q.shape[2]
    weights, biases = np.split(w["in_proj_weight"], 3), np.split(w.get("in_proj_bias", np.zeros(3 * E)), 3)
    q, k, v = (x @ m.T + b for x, m, b in zip((q, k, v), weights, biases))
    d, out = E // heads, np.zeros_like(q)
    for n, h in np.ndindex(q.shape[1], heads):
        own = slice(h * d, (h + 1) * d)
        z = np.array([[query @ key / root(d) for key in k[:, n, own]] for query in q[:, n, own]])
        if hide and "attn_mask" in call.inputs:
            mask = call.inputs["attn_mask"]
            z = z + (np.where(mask, -np.inf, 0) if mask.dtype == bool else mask)
        with np.errstate(all="ignore"):
            e = np.exp(z)
            p = e / (e.sum(axis=1, keepdims=True) if axis == 0 else e.sum(axis=0, keepdims=True))
        out[:, n, own] = p @ v[:, n, own]
    return (out @ w["out_proj.weight"].T + w.get("out_proj.bias", 0)).astype(q.dtype)


def scores_as_they_are(call):
    return attended(call, root=lambda d: 1)


def weights_of_a_key(call):
    return attended(call, axis=1)


def mask_left_in_the_drawer(call):
    return attended(call, hide=False)


def jacobian_of_one_weight(call):
    """dquery with p (1 - p) for the softmax's derivative"""
    w, heads, E = call.parameters, call.settings["num_heads"], call.settings["embed_dim"]
    read = [call.inputs[name] for name in ("query", "key", "value")]
    weights, biases = np.split(w["in_proj_weight"], 3), np.split(w.get("in_proj_bias", np.zeros(3 * E)), 3)
    q, k, v = (x @ m.T + b for x, m, b in zip(read, weights, biases))
    d, dq = E // heads, np.zeros_like(q)
    dcontext = call.upstream["dout"] @ w["out_proj.weight"]
    for n, h in np.ndindex(q.shape[1], heads):
        own = slice(h * d, (h + 1) * d)
        e = np.exp(q[:, n, own] @ k[:, n, own].T / math.sqrt(d))
        p = e / e.sum(axis=1, keepdims=True)
        dp = dcontext[:, n, own] @ v[:, n, own].T
        if call.settings["need_weights"]:
            dp = dp + call.upstream["dweights"][n] / heads
        dq[:, n, own] = (dp * p * (1 - p)) @ k[:, n, own] / math.sqrt(d)
    return dq @ weights[0]


def bare(settings):
    """Queries, keys and values of one size, steps first, nothing added or dropped, weights averaged."""
    same = settings["kdim"] is None and settings["vdim"] is None
    more = settings["add_bias_kv"] or settings["add_zero_attn"] or settings["dropout"] or settings["batch_first"]
    return same and not more and settings["average_attn_weights"] and settings["need_weights"]


# ---- the encoder layer, as in a notebook


def encoder(call, pre=None, added=True, std=lambda x, eps: np.sqrt(x.var(-1, keepdims=True) + eps)):
    w, settings, x = call.parameters, call.settings, call.inputs["src"]
    pre = settings["norm_first"] if pre is None else pre
    E, heads = settings["d_model"], settings["nhead"]

    def norm(x, name):
        scaled = (x - x.mean(-1, keepdims=True)) / std(x, settings["layer_norm_eps"])
        return scaled * w[f"{name}.weight"] + w.get(f"{name}.bias", 0)

    def attention(x):
        L, N, _ = x.shape
        q, k, v = np.split(x @ w["self_attn.in_proj_weight"].T + w.get("self_attn.in_proj_bias", 0), 3, axis=-1)
        q, k, v = (m.reshape(L, N, heads, E // heads) for m in (q, k, v))
        z = np.einsum("lnhd,snhd->nhls", q, k) / math.sqrt(E // heads)
        p = np.exp(z - z.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        context = np.einsum("nhls,snhd->lnhd", p, v).reshape(L, N, E)
        return context @ w["self_attn.out_proj.weight"].T + w.get("self_attn.out_proj.bias", 0)

    def feed_forward(x):
        hidden = np.maximum(x @ w["linear1.weight"].T + w.get("linear1.bias", 0), 0)
        return hidden @ w["linear2.weight"].T + w.get("linear2.bias", 0)

    for part, name in ((attention, "norm1"), (feed_forward, "norm2")):
        past = x if added else 0
        x = past + part(norm(x, name)) if pre else norm(past + part(x), name)
    return x.astype(call.inputs["src"].dtype)


def norm_always_after(call):
    return encoder(call, pre=False)


def nothing_goes_past(call):
    return encoder(call, added=False)


def standard_deviation_of_torch(call):
    return encoder(call, std=lambda x, eps: x.std(-1, keepdims=True, ddof=1) + eps)


def notebook(settings):
    return settings["activation"] == "relu" and not settings["batch_first"]


FORMS = [
    ("RNN", "dx", truncated, no_more, "gradient-through-time-missing"),
    ("RNN", "dweight_hh_l0", state_after_the_step, no_more, "new-state-for-old"),
    ("LSTM", "out", gates_of_cs231n, no_more, "gate-order"),
    ("LSTM", "out", nothing_is_forgotten, no_more, "forget-gate-missing"),
    ("LSTM", "out", cell_shown_as_it_is, no_more, "cell-tanh-missing"),
    ("GRU", "out", paper_of_2014, plain, "reset-before-product"),
    ("GRU", "out", z_is_how_much_is_new, plain, "update-gate-inverted"),
    ("MultiheadAttention", "out", scores_as_they_are, bare, "scale-missing"),
    ("MultiheadAttention", "out", weights_of_a_key, bare, "softmax-wrong-axis"),
    ("MultiheadAttention", "out", mask_left_in_the_drawer, bare, "attn-mask-ignored"),
    ("MultiheadAttention", "dquery", jacobian_of_one_weight, bare, "softmax-diagonal-only"),
    ("TransformerEncoderLayer", "out", norm_always_after, notebook, "norm-first-ignored"),
    ("TransformerEncoderLayer", "out", nothing_goes_past, notebook, "residual-missing"),
    ("TransformerEncoderLayer", "out", standard_deviation_of_torch, notebook, "unbiased-normalisation"),
]
RIGHT = [
    ("LSTM", "out", lstm, no_more),
    ("GRU", "out", gru, plain),
    ("MultiheadAttention", "out", attended, bare),
    ("TransformerEncoderLayer", "out", encoder, notebook),
]


def cases(spec, compute, takes, count, seed=0):
    """Batches without a padding mask; an attention mask where the form knows it."""

    def offered(setting):
        masks = [name for name in setting.shapes if name.endswith("mask")]
        known = compute in (mask_left_in_the_drawer, attended) and masks == ["attn_mask"]
        first = next(iter(setting.shapes.values()))
        known = known and len(setting.shapes["attn_mask"]) == 2
        return takes(SPECS[spec].complete(setting.args)) and len(first) == 3 and (not masks or known)

    return default_cases(SPECS[spec], offered, count, seed)[0]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS, ids=[form[2].__name__ for form in FORMS])
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    subject = Wrong(spec, tensor, compute, takes)
    judgement = judge(subject, cases(spec, compute, takes, 36))
    found = diagnose(judgement, tensor, lambda case: judge_case(subject, case), cases(spec, compute, takes, 12, 1000))
    assert found is not None
    assert "+".join(sorted(mistake.id for mistake in found.mistakes)) == id


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes"), RIGHT, ids=[form[2].__name__ for form in RIGHT])
def test_what_is_right_in_another_form_is_right(spec, tensor, compute, takes):
    judgement = judge(Wrong(spec, tensor, compute, takes), cases(spec, compute, takes, 24))
    assert judgement.results and not judgement.failed
