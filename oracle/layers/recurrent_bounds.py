"""How far rounding may take a recurrent layer: the error of each step is the next one's to begin with.

Notation as in scratchnet/ops/recurrent.py; E(v) is the error of v, |W| a matrix of absolute values, G_m = gamma_m. An
input and the parameters are exact. Forward, from the first step to the last, for every kind:

    E(p)      = |W_hh| E(h[t-1]) + G_{I+P+2+4} (|W_ih| |x[t]| + |W_hh| (|h[t-1]| + E) + |b_ih| + |b_hh|)      p = a + r
    E(tanh p) = E(p) max tanh' + 8u            E(s(p)) = E(p) max s' + 8u s(p)          tanh' <= 1, s' <= 1/4
    E(v w)    = |v| E(w) + |w| E(v) + E(v) E(w) + 4u |v w|          E(v + w) = E(v) + E(w) + 4u |v + w|

so that with R, z, n, i, f, g, o in their places E(h[t]) and E(c[t]) follow from E(h[t-1]) and E(c[t-1]): for a plain
RNN E(h[t]) <= |W_hh| E(h[t-1]) + G |..| + 8u, a recurrence that grows at most as the powers of |W_hh| and is damped
where tanh is flat. (4u instead of u: another form of the same formula has up to four operations where ours has one.)
Backward, from the last step to the first, with the errors that forward left in h, c and the gates:

    E(dh[t])  = |W_hh|^T E(dr[t+1]) + G_{GH+4} |W_hh|^T |dr[t+1]| + E(direct part) + 4u |..|

the derivatives of a gate (1 - n^2, s (1 - s)) being products like all others; and the sums over the T*N steps

    dW_ih: sum of E(da)^T |x| + G_{TN+4} |da|^T |x|      dW_hh: the same with dr and h, which has errors as well
    db: G_{TN+4} sum |da| + sum E(da)                     dx: |W_ih|^T E(da) + G_{GH+4} |W_ih|^T |da|

Where relu's argument is 0 but for its rounding either derivative is right. Dropout between layers multiplies by
mask / (1 - p), off by u p / (1 - p) + 4u (see dropout).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oracle.bounds import Arrays, gamma
from oracle.running_error import ROUNDINGS, Running, step, total
from oracle.running_sums import alike, relu, sigmoid, sums, tanh

if TYPE_CHECKING:
    from oracle.cases import Case
    from oracle.subjects import Call

Named = dict[str, np.ndarray]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Recurrence:
    """One layer in one direction: T steps forward, T steps backward."""

    def __init__(self, kind: str, w: dict[str, Running], relu: bool):
        self.kind, self.w, self.relu = kind, w, relu

    def forward(self, xs: list[Running], state: tuple[Running, ...]) -> tuple[list[Running], tuple[Running, ...]]:
        self.xs, self.before, self.kept, outs = xs, [state], [], []
        for x in xs:
            state, kept = self._step(x, state)
            if "weight_hr" in self.w:
                kept["m"] = state[0]
                state = (sums([(state[0], _t(self.w["weight_hr"]))]), *state[1:])
            self.before.append(state)
            self.kept.append(kept)
            outs.append(state[0])
        return outs, state

    def _step(self, x: Running, state: tuple[Running, ...]) -> tuple[tuple[Running, ...], dict[str, Any]]:
        h, w = state[0], self.w
        biases = [w[name] for name in ("bias_ih", "bias_hh") if name in w]
        p = _split(sums([(x, _t(w["weight_ih"])), (h, _t(w["weight_hh"]))], biases), GATES[self.kind])
        if self.kind == "RNN":
            out = relu(p[0]) if self.relu else tanh(p[0])
            return (out,), {"out": out, "p": p[0]}
        if self.kind == "GRU":
            a_n = _split(sums([(x, _t(w["weight_ih"]))], biases[:1]), 3)[2]
            r_n = _split(sums([(h, _t(w["weight_hh"]))], biases[1:]), 3)[2]
            R, z = sigmoid(p[0]), sigmoid(p[1])
            n = tanh(a_n + R * r_n)
            return ((1 - z) * n + z * h,), {"R": R, "z": z, "n": n, "r_n": r_n}
        i, f, g, o = sigmoid(p[0]), sigmoid(p[1]), tanh(p[2]), sigmoid(p[3])
        c = f * state[1] + i * g
        tanh_c = tanh(c)
        return (o * tanh_c, c), {"i": i, "f": f, "g": g, "o": o, "tanh_c": tanh_c}

    def backward(
        self, douts: list[Running], dstate: tuple[Any, ...]
    ) -> tuple[list[Running], tuple[Running, ...], dict[str, Running]]:
        das: list[Running] = []
        drs: list[Running] = []
        projected = []
        for t in reversed(range(len(self.xs))):
            dh = douts[t] + dstate[0]
            if "weight_hr" in self.w:
                projected.append((dh, self.kept[t]["m"]))
                dh = sums([(dh, self.w["weight_hr"])])
            da, dr, direct = self._step_back(dh, dstate[1:], self.before[t], self.kept[t])
            das, drs = [da, *das], [dr, *drs]
            dstate = (sums([(dr, self.w["weight_hh"])], direct[:1] if direct[0] is not None else []), *direct[1:])
        da, dr, x = _rows(das), _rows(drs), _rows(self.xs)
        before = _rows([state[0] for state in self.before[:-1]])
        gradients = {"weight_ih": sums([(_t(da), x)]), "weight_hh": sums([(_t(dr), before)]),
                     "bias_ih": _column_sums(da), "bias_hh": _column_sums(dr)}  # fmt: skip
        if projected:
            dh, m = (_rows([pair[place] for pair in projected]) for place in (0, 1))
            gradients["weight_hr"] = sums([(_t(dh), m)])
        return [sums([(da, self.w["weight_ih"])]) for da in das], dstate, gradients

    def _step_back(self, dh: Running, rest: tuple[Running, ...], before: tuple[Running, ...], k: dict[str, Any]) -> Any:
        if self.kind == "RNN":
            da = dh * (step(k["p"], 0) if self.relu else 1 - k["out"] * k["out"])
            return da, da, (None,)
        if self.kind == "GRU":
            R, z, n, r_n = k["R"], k["z"], k["n"], k["r_n"]
            d = dh * (1 - z) * (1 - n * n)
            da_r, da_z = d * r_n * (R * (1 - R)), dh * (before[0] - n) * (z * (1 - z))
            return _join([da_r, da_z, d]), _join([da_r, da_z, d * R]), (dh * z,)
        i, f, g, o, tanh_c = k["i"], k["f"], k["g"], k["o"], k["tanh_c"]
        dc = rest[0] + dh * o * (1 - tanh_c * tanh_c)
        da = _join([dc * g * (i * (1 - i)), dc * before[1] * (f * (1 - f)), dc * i * (1 - g * g),
                    dh * tanh_c * (o * (1 - o))])  # fmt: skip
        return da, da, (None, dc * f)


def cells(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    """A cell is a recurrence of one step."""
    inputs, features = call.inputs, call.settings["hidden_size"]
    dout = list(call.upstream.values())

    def rows(array: np.ndarray) -> Running:
        return Running(array.reshape(-1, array.shape[-1]), u, tiny)

    x, kind = rows(inputs["x"]), case.spec.name.removesuffix("Cell")
    zero = Running(np.zeros((len(x.value), features)), u, tiny)
    names = ("h0", "c0")[: 2 if kind == "LSTM" else 1]
    w = {name: Running(array, u, tiny) for name, array in call.parameters.items()}
    walk = Recurrence(kind, w, call.settings.get("nonlinearity") == "relu")
    _, after = walk.forward([x], tuple(rows(inputs[name]) if name in inputs else zero for name in names))
    dxs, dstate, gradients = walk.backward([zero], tuple(rows(array) for array in dout))
    found = dict(zip(("out", "c_1"), after)) | {"dx": dxs[0]} | {f"d{n}": d for n, d in zip(names, dstate)}
    return _fit(found | {f"d{name}": gradients[name] for name in call.parameters}, expected)


def layers(case: Case, call: Call, expected: Arrays, u: float, tiny: float) -> Named:
    settings, kind, inputs = call.settings, case.spec.name, call.inputs
    batched, swapped = inputs["x"].ndim == 3, settings["batch_first"] and inputs["x"].ndim == 3
    directions, hidden = 2 if settings["bidirectional"] else 1, settings["hidden_size"]
    count, names = directions * settings["num_layers"], ("h0", "c0")[: 2 if kind == "LSTM" else 1]

    def by_step(array: np.ndarray) -> list[Running]:
        array = np.swapaxes(array, 0, 1) if swapped else array if batched else array[:, None]
        return [Running(entry, u, tiny) for entry in array]

    xs = by_step(inputs["x"])
    N = len(xs[0].value)
    sizes = (settings.get("proj_size") or hidden, hidden)
    first = [inputs.get(name, np.zeros((count, N, size))).reshape(count, N, size) for name, size in zip(names, sizes)]
    dlast = [call.upstream[f"d{name[0]}_n"].reshape(count, N, size) for name, size in zip(names, sizes)]
    dropout = _factors(call, by_step, u)

    walks: list[Recurrence] = []
    last = []
    for layer in range(settings["num_layers"]):
        if layer and dropout:
            xs = [x * factor for x, factor in zip(xs, dropout[layer - 1])]
        outs = []
        for suffix in ("", "_reverse")[:directions]:
            own = {name.removesuffix(f"_l{layer}{suffix}"): Running(array, u, tiny)
                   for name, array in call.parameters.items() if name.endswith(f"_l{layer}{suffix}")}  # fmt: skip
            walk = Recurrence(kind, own, settings.get("nonlinearity") == "relu")
            before = tuple(Running(part[len(walks)], u, tiny) for part in first)
            out, state = walk.forward(xs[::-1] if suffix else xs, before)
            outs.append(out[::-1] if suffix else out)
            walks.append(walk)
            last.append(state)
        xs = [_join(both) for both in zip(*outs)]
    found: dict[str, Running] = {"out": _stacked(xs, batched, swapped)}
    found |= {f"{name[0]}_n": _stacked([state[k] for state in last]) for k, name in enumerate(names)}

    douts = by_step(call.upstream["dout"])
    dfirst: list[tuple[Running, ...]] = []
    for layer in reversed(range(settings["num_layers"])):
        split = [_split(dout, directions) for dout in douts]
        dxs = []
        for direction in reversed(range(directions)):
            place, suffix = layer * directions + direction, ("", "_reverse")[direction]
            own_douts = [parts[direction] for parts in split]
            dx, dstate, gradients = walks[place].backward(
                own_douts[::-1] if suffix else own_douts, tuple(Running(part[place], u, tiny) for part in dlast)
            )
            dxs.append(dx[::-1] if suffix else dx)
            dfirst.insert(0, dstate)
            found |= {f"d{name}_l{layer}{suffix}": gradient for name, gradient in gradients.items()}
        douts = [sum(both[1:], both[0]) for both in zip(*dxs)]
        if layer and dropout:
            douts = [dout * factor for dout, factor in zip(douts, dropout[layer - 1])]
    found["dx"] = _stacked(douts, batched, swapped)
    found |= {f"d{name}": _stacked([state[k] for state in dfirst]) for k, name in enumerate(names)}
    return _fit(found, expected)


def _factors(call: Call, by_step: Any, u: float) -> list[list[Running]]:
    """mask / (1 - p) of each layer but the last, by step; nothing where nothing is dropped."""
    if "mask" not in call.buffers or not call.training:
        return []
    p = call.settings["dropout"]
    factors = [by_step(mask / (1 - p) if p < 1 else np.zeros(mask.shape)) for mask in call.buffers["mask"]]
    relative = u * p / (1 - p) + ROUNDINGS * u if p < 1 else 0.0
    return [[Running(f.value, f.u, f.tiny, relative * f.value) for f in layer] for layer in factors]


def _t(a: Running) -> Running:
    return alike(np.transpose, a)


def _split(a: Running, parts: int) -> list[Running]:
    width = a.value.shape[1] // parts
    return [alike(lambda v, k=k: v[:, k * width : (k + 1) * width], a) for k in range(parts)]


def _join(parts: Sequence[Running]) -> Running:
    return alike(lambda *values: np.concatenate(values, axis=1), *parts)


def _rows(steps: Sequence[Running]) -> Running:
    """All steps' rows under each other, (T*N, features)."""
    return alike(lambda *values: np.concatenate(values), *steps)


def _column_sums(a: Running) -> Running:
    summed = total(a, axis=0)
    return Running(summed.value, a.u, a.tiny, summed.error + gamma(ROUNDINGS, a.u) * np.abs(a.value).sum(0))


def _stacked(parts: Sequence[Running], batched: bool = True, swapped: bool = False) -> Running:
    stacked = alike(lambda *values: np.stack(values), *parts)
    return alike(lambda v: np.swapaxes(v, 0, 1) if swapped else v, stacked)


def _fit(found: dict[str, Running], expected: Arrays) -> Named:
    """The errors in the expected tensors' shapes; a mask is exact."""
    errors = {name: running.error for name, running in found.items()}
    return {name: errors.get(name, np.zeros(a.shape)).reshape(a.shape) for name, a in expected.items()}
