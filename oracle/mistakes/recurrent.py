# ruff: noqa: E501  an edit stands on one line
"""RNN, GRU, LSTM and their cells: what people get wrong in a step of each kind."""

from __future__ import annotations

from oracle.mistakes.kernel import Edits, Facts, Family, Mistake
from oracle.mistakes.recurrent_kernels import gru, lstm, prepare, rnn
from oracle.mistakes.recurrent_shared import LAYERS, Names, sums, through_time


def _relu(facts: Facts) -> bool:
    return facts["nonlinearity"] == "relu"


def _tanh(facts: Facts) -> bool:
    return facts["nonlinearity"] == "tanh"


# ---- a plain RNN

_TANH_ALWAYS = (
    ("np.maximum(A + R, 0) if k.relu else np.tanh(A + R)", "np.tanh(A + R)"),
    ("h > 0 if k.relu else 1 - h * h", "1 - h * h"),
)


def _rnn(n: Names) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "derivative-of-input-not-output",
            n.step((("1 - h * h", "1 - x * x"),), (("1 - h * h", "1 - np.tanh(h) ** 2"),)),
            "nonlinearity = tanh",
            "the derivative of tanh is taken at its argument, or tanh is taken again; in the output h it is 1 - h^2",
            "dA = dH * (1 - h * h)",
            _tanh,
        ),
        Mistake(
            "derivative-missing",
            n.step((("dH * (h > 0 if k.relu else 1 - h * h)", "dH"),), (("1 - h * h", "1 - h"),)),
            "always",
            "the gradient goes past the nonlinearity as if it were not there, or the square is missing",
            "dA = dH * (1 - h * h), for relu dH where h > 0",
        ),
        Mistake(
            "mask-from-dout",
            {"dx": ((("h > 0", "dH > 0"),),)},
            "nonlinearity = relu",
            "the sign of the gradient decides what passes; it is that of A + R",
            "dA = dH where h > 0",
            _relu,
        ),
        Mistake(
            "nonlinearity-ignored",
            dict.fromkeys(("out", "dx"), (_TANH_ALWAYS,)),
            "nonlinearity = relu",
            "tanh whatever nonlinearity says",
            "h = max(A + R, 0) for nonlinearity = relu",
            _relu,
        ),
        Mistake(
            "wrong-function",
            {"out": ((("np.tanh(A + R)", "s(A + R)"),), (("np.tanh(A + R)", "A + R"),), (("np.tanh(A + R)", "np.maximum(A + R, 0)"),))},
            "nonlinearity = tanh",
            "another function than tanh",
            "h = tanh(A + R)",
            _tanh,
        ),
        Mistake(
            "weight-not-transposed",
            {"out": ((("H @ w.U.T", "H @ w.U"),),)} | {name: ((("dR @ w.U", "dR @ w.U.T"),),) for name in (("dh0",) if n.cell else ("dx", "dh0"))},
            "hidden_size > 1",
            "U is square, so the wrong one fits too: forward multiplies by U^T, backward by U",
            "R = H @ U.T, dH = dR @ U",
            lambda facts: facts["hidden_size"] > 1,
        ),
    )  # fmt: skip


# ---- GRU

_ORDER = (
    ("r, z = s(A[0] + R[0]), s(A[1] + R[1])", "z, r = s(A[0] + R[0]), s(A[1] + R[1])"),
    ("rows(dr, dz,", "rows(dz, dr,"),
)
_INVERTED = (
    ("h = (1 - z) * n + z * H", "h = z * n + (1 - z) * H"), ("dn = dH * (1 - z)", "dn = dH * z"),
    ("(H - n)", "(n - H)"), ("+ dH * z", "+ dH * (1 - z)"),
)  # fmt: skip
_BEFORE = (
    ("A[2] + r * R[2]", "A[2] + (r * H) @ w.U[-H.shape[1] :].T + w.V[-H.shape[1] :]"),
    ("dr = dn * R2 *", "du = dn @ w.U[-H.shape[1] :]\n            dr = du * H *"),
    ("rows(dr, dz, dn * r)", "rows(dr, dz, dn)"),
    ("g.U += dR.T @ H", "g.U += np.vstack([rows(dr, dz).T @ H, dn.T @ (r * H)])"),
    ("dH = dR @ w.U +", "dH = rows(dr, dz) @ w.U[: -H.shape[1]] + du * r +"),
)
_OUTSIDE = (
    ("A[2] + r * R[2]", "A[2] + r * (R[2] - w.V[-H.shape[1] :]) + w.V[-H.shape[1] :]"),
    ("dn * R2", "dn * (R2 - w.V[-H.shape[1] :])"),
    ("g.V += dR.sum(axis=0)", "g.V += dA.sum(axis=0)"),
)
_NO_RESET = (("A[2] + r * R[2]", "A[2] + R[2]"), ("dn * R2", "0 * R2"), ("dn * r)", "dn)"))


def _gru(n: Names) -> tuple[Mistake, ...]:
    return (
        Mistake(
            "gate-order",
            dict.fromkeys(("out", "dx", n.U), (_ORDER,)),
            "always",
            "the rows of W and U are read as z, r, n; torch has them in the order r, z, n",
            "r, z, n = np.split(A, 3), or exchange the first two blocks of the weights",
            convention=True,
        ),
        Mistake(
            "reset-before-product",
            dict.fromkeys(("out", "dx", n.U), (_BEFORE,)),
            "always",
            "the reset gate multiplies the state before U does, as in the paper of 2014; torch applies it to U H + V",
            "n = tanh(A2 + r * R2) with R = H @ U.T + V",
            convention=True,
        ),
        Mistake(
            "update-gate-inverted",
            dict.fromkeys(("out", "dx", n.U), (_INVERTED,)),
            "always",
            "z and 1 - z are exchanged: some texts let z be how much is new; in torch it is how much is kept",
            "h = (1 - z) * n + z * H",
            convention=True,
        ),
        Mistake(
            "candidate-bias-outside-reset",
            {name: (_OUTSIDE,) for name in ("out", "dx", n.V)},
            "bias = true",
            "the state's bias of n is added outside of the reset gate; in torch r multiplies U H + V, bias and all",
            "n = tanh(A2 + r * (U2 H + V2))",
            lambda facts: facts["bias"],
        ),
        Mistake(
            "reset-gate-missing",
            dict.fromkeys(("out", "dx"), (_NO_RESET,)),
            "always",
            "n does not depend on the reset gate",
            "n = tanh(A2 + r * R2)",
        ),
        Mistake(
            "reset-gate-missing-in-backward",
            dict.fromkeys((n.V, n.U), ((("dn * r)", "dn)"),),)),
            "always",
            "the gradient of n reaches the state's part undiminished: that part was multiplied by r",
            "dR2 = dn * r, dA2 = dn",
        ),
        Mistake(
            "reset-gradient-without-product",
            n.step((("dn * R2", "dn * H"),), (("dn * R2", "dn"),)),
            "always",
            "r multiplies R2 = U2 H + V2, so that is its gradient's factor",
            "dr = dn * R2 * r * (1 - r)",
        ),
        Mistake(
            "update-gate-gradient",
            n.step((("(H - n)", "(n - H)"),), (("(H - n)", "H"),), (("(H - n)", "-n"),)),
            "always",
            "z multiplies both H and -n; one of the two is missing, or the sign is turned around",
            "dz = dH * (H - n) * z * (1 - z)",
        ),
        Mistake(
            "candidate-gradient-without-update-gate",
            n.step((("dn = dH * (1 - z)", "dn = dH"),), (("dn = dH * (1 - z)", "dn = dH * z"),)),
            "always",
            "n is multiplied by 1 - z in h, so its gradient is too",
            "dn = dH * (1 - z) * (1 - n * n)",
        ),
        Mistake(
            "direct-path-missing",
            ({} if n.cell else {"dx": (((" + dH * z", ""),),)}) | {"dh0": (((" + dH * z", ""),), (("dH * z", "dH * (1 - z)"),))},
            "",
            "H reaches h in two ways, through the gates and times z directly; the second one is missing",
            "dH[t-1] = dR @ U + dH * z",
        ),
        Mistake(
            "derivative-missing",
            n.step((("(1 - z) * (1 - n * n)", "(1 - z)"),), (("(H - n) * z * (1 - z)", "(H - n)"),), (("R2 * r * (1 - r)", "R2"),)),
            "always",
            "the derivative of a gate, s * (1 - s), or of n, 1 - n^2, is left out",
            "dz = dH * (H - n) * z * (1 - z), and so for all three",
        ),
        Mistake(
            "derivative-of-input-not-output",
            n.step((("1 - n * n", "1 - x * x"),)),
            "always",
            "the derivative of tanh is taken at its argument; in the output n it is 1 - n^2",
            "dn = dH * (1 - z) * (1 - n * n)",
        ),
    )  # fmt: skip


# ---- LSTM


def _gates(order: str) -> Edits:
    """The rows of the weights read in another order than i, f, g, o."""
    read = ", ".join(f"{'np.tanh' if gate == 'g' else 's'}(x[{order.index(gate)}])" for gate in "ifgo")
    return (
        ("i, f, g, o = s(x[0]), s(x[1]), np.tanh(x[2]), s(x[3])", f"i, f, g, o = {read}"),
        ("rows(di, df, dg, do)", f"rows({', '.join('d' + gate for gate in order)})"),
    )


_NO_FORGET = (("f * C + i * g", "C + i * g"), ("dC * C * f * (1 - f)", "0 * f"), ("dC = dC * f", "dC = dC * 1"))
_COUPLED = (
    ("f * C + i * g", "f * C + (1 - f) * g"),
    ("dC * C * f", "dC * (C - G) * f"),
    ("dC * G * i * (1 - i)", "0 * i"),
    ("dC * i * (1 - G", "dC * (1 - f) * (1 - G"),
)
_NO_INPUT = (("+ i * g", "+ g"), ("dC * G * i * (1 - i)", "0 * i"), ("dC * i * (1 - G", "dC * (1 - G"))
_NO_TANH = (
    ("m = o * np.tanh(c)", "m = o * c"),
    ("tanh_c = np.tanh(c)", "tanh_c = c"),
    (" * (1 - tanh_c * tanh_c)", ""),
)
_SIGMOID = (("np.tanh(x[2])", "s(x[2])"), ("(1 - G * G)", "G * (1 - G)"))


def _lstm(n: Names) -> tuple[Mistake, ...]:
    carried = () if n.cell else (
        Mistake(
            "cell-gradient-not-carried",
            n.step((("dC = dC * f", "dC = 0 * dC"),), (("dC = dC + dH * o", "dC = dH * o"),)),
            "more than one step",
            "C[t] is read by step t+1 as well, whose gradient comes back times its forget gate",
            "dC[t-1] = dC[t] * f[t], and dC[t] += dH * o * (1 - tanh(C)^2)",
        ),
    )  # fmt: skip
    return (
        Mistake(
            "gate-order",
            {name: (_gates("ifog"), _gates("figo")) for name in ("dx", n.U)}
            | {"out": tuple(_gates(order) for order in ("ifog", "figo", "igfo", "fiog"))},
            "always",
            "the rows of W and U are read in another order; torch has them as i, f, g, o (g the one with tanh)",
            "i, f, g, o = np.split(A + R, 4), or put the blocks of the weights in that order",
            convention=True,
        ),
        Mistake(
            "forget-gate-missing",
            dict.fromkeys(("out", "dx"), (_NO_FORGET, _COUPLED)),
            "",
            "the old cell is kept whole, or one gate does for both: c = C + i * g, c = f * C + (1 - f) * g",
            "c = f * C + i * g",
        ),
        Mistake(
            "input-gate-missing",
            dict.fromkeys(("out", "dx"), (_NO_INPUT,)),
            "always",
            "g is added to the cell without its gate",
            "c = f * C + i * g",
        ),
        Mistake(
            "cell-tanh-missing",
            dict.fromkeys(("out", "dx"), (_NO_TANH,)),
            "always",
            "the output is o * c, without the tanh",
            "h = o * tanh(c)",
        ),
        Mistake(
            "sigmoid-for-tanh",
            dict.fromkeys(("out", "dx"), (_SIGMOID,)),
            "always",
            "g is a sigmoid as the gates are; what is written to the cell may be negative, so it has tanh",
            "g = tanh(x2)",
        ),
        *carried,
        Mistake(
            "forget-gate-missing-in-backward",
            {name: ((("dC = dC * f", "dC = dC * 1"),), (("dC = dC * f", "dC = dC * i"),)) for name in (("dc0",) if n.cell else ("dx", "dc0"))},
            "",
            "the gradient of the cell goes back undiminished: C was multiplied by f",
            "dC[t-1] = dC[t] * f[t]",
        ),
        Mistake(
            "cell-gradient-without-output",
            n.step((("dC + dH * o * (1 - tanh_c * tanh_c)", "dC"),), (("dC + dH * o *", "dC + dH *"),)),
            "always",
            "the cell is read by h = o * tanh(c) too: that gradient, or its factor o, is missing",
            "dC += dH * o * (1 - tanh(c)^2)",
        ),
        Mistake(
            "derivative-missing",
            n.step((("o * (1 - tanh_c * tanh_c)", "o"),), (("i * (1 - G * G)", "i"),), (("dC * G * i * (1 - i)", "dC * G"),), (("tanh_c * o * (1 - o)", "tanh_c"),)),
            "always",
            "the derivative of a gate, s * (1 - s), or of a tanh, 1 - tanh^2, is left out",
            "di = dC * g * i * (1 - i), dg = dC * i * (1 - g^2), dC += dH * o * (1 - tanh(c)^2)",
        ),
        Mistake(
            "derivative-of-input-not-output",
            n.step((("1 - tanh_c * tanh_c", "1 - c * c"),)),
            "always",
            "the derivative of tanh is taken at c; it is 1 - tanh(c)^2",
            "dC += dH * o * (1 - tanh(c)^2)",
        ),
        Mistake(
            "new-cell-for-old",
            n.step((("dC * C * f", "dC * c * f"),)),
            "",
            "the forget gate's gradient is multiplied by the cell after the step; f multiplied the one before it",
            "df = dC * C[t-1] * f * (1 - f)",
        ),
        Mistake(
            "output-gate-gradient-without-tanh",
            n.step((("dH * tanh_c * o", "dH * c * o"),)),
            "always",
            "o multiplies tanh(c), so that is its gradient's factor, not c",
            "do = dH * tanh(c) * o * (1 - o)",
        ),
    )  # fmt: skip


# ---- families

_CARRIED: dict[str, tuple[Edits, ...]] = {
    "RNN": (),
    "GRU": ((("dR @ w.U + dH * z", "0 * H"),),),
    "LSTM": ((("dR @ w.U", "0 * H"), ("dC = dC * f", "dC = 0 * dC")),),
}


def _families() -> tuple[Family, ...]:
    found = []
    for kind, kernel, own in (("RNN", rnn, _rnn), ("GRU", gru, _gru), ("LSTM", lstm, _lstm)):
        for cell in (False, True):
            n = Names(cell)
            mistakes = own(n) + sums(n)
            if not cell:
                mistakes += through_time(n, *_CARRIED[kind]) + LAYERS
            ends = ("out",) if cell else ("out", "h_n")
            cells = () if kind != "LSTM" else ("c_1" if cell else "c_n", "dc0")
            tensors = (*ends, *cells, "dx", "dh0", n.W, n.U, n.B, n.V)
            found.append(Family(dict.fromkeys(tensors, kernel), mistakes, prepare, (f"{kind}Cell" if cell else kind,)))
    return tuple(found)


FAMILIES = _families()
