# ruff: noqa: E501  an edit stands on one line
"""What people get wrong in every kind of recurrent layer: the sums over time, and the layers and directions around it."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.mistakes.kernel import Edit, Edits, Facts, Mistake, Variants


@dataclass(frozen=True)
class Names:
    """The tensors of a layer, of which the first layer's parameters are looked at, or of a cell."""

    cell: bool

    def __getattr__(self, letter: str) -> str:
        name = {"W": "dweight_ih", "U": "dweight_hh", "B": "dbias_ih", "V": "dbias_hh"}[letter]
        return name if self.cell else f"{name}_l0"

    def step(self, *variants: Edits) -> dict[str, Variants]:
        """A wrong derivative of one step is in all gradients; these are looked at."""
        return dict.fromkeys(("dx",) if self.cell else ("dx", self.W), variants)


def walk(*edits: Edit) -> Edits:
    """The walk through layers and directions, edited."""
    return (("k.walk(", f"walking(*{edits!r})("),)


# ---- where a mistake shows


def _several_layers(facts: Facts) -> bool:
    return facts["num_layers"] > 1


def _two_ways(facts: Facts) -> bool:
    return facts["bidirectional"]


def _dropped(facts: Facts) -> bool:
    return facts["dropout"] > 0 and facts["num_layers"] > 1 and facts["mode"] == "train"


def _evaluated(facts: Facts) -> bool:
    return facts["dropout"] > 0 and facts["num_layers"] > 1 and facts["mode"] == "eval"


def _biased(facts: Facts) -> bool:
    return facts["bias"]


# ---- in layers and cells


def sums(n: Names) -> tuple[Mistake, ...]:
    """The sums over steps and batch, biases and first states."""
    return (
        Mistake(
            "new-state-for-old",
            {n.U: ((("g.U += dR.T @ H", "g.U += dR.T @ h"),),)},
            "",
            "the gradient of the state's weights is multiplied by the state after the step; R came from the one before it",
            "dU += dR[t]^T @ H[t-1]",
        ),
        Mistake(
            "mean-over-batch",
            {
                n.U: ((("g.U += dR.T @ H", "g.U += dR.T @ H / len(H)"),), (("g.U += dR.T @ H", "g.U += dR.T @ H / H.size"),)),
                n.B: ((("g.B += dA.sum(axis=0)", "g.B += dA.mean(axis=0)"),),),
            },
            "",
            "the gradient is divided, by N or by the number of steps; every sequence and every step adds its own to it",
            "dW += dA^T @ X[t], dB += dA.sum(axis=0)",
        ),
        Mistake(
            "bias-gradient-not-summed",
            {n.B: ((("g.B += dA.sum(axis=0)", "g.B = g.B + dA"),), (("g.B += dA.sum(axis=0)", "g.B += dA[0]"),))},
            "",
            "the bias is added to every row of the batch, so its gradient is the sum over them",
            "dB += dA.sum(axis=0)",
            _biased,
        ),
        Mistake(
            "bias-missing",
            {"out": (((" + w.B", ""),), ((" + w.V", ""),), ((" + w.B", ""), (" + w.V", "")))},
            "bias = true",
            "a bias is missing; torch has two, one with the input's weights and one with the state's",
            "A = X[t] @ W.T + B, R = H @ U.T + V",
            _biased,
        ),
        Mistake(
            "initial-state-ignored",
            dict.fromkeys(("out", n.U), ((("for t in steps:", "H, C = 0 * H, 0 * C\n        for t in steps:"),),)),
            "",
            "the first step begins with 0 in place of the state that is given",
            "H = h0 (and C = c0) before the first step",
        ),
    )  # fmt: skip


# ---- through time


def through_time(n: Names, *nothing_carried: Edits) -> tuple[Mistake, ...]:
    """`nothing_carried` are further ways of the kind to send no gradient to the step before."""
    return (
        Mistake(
            "gradient-through-time-missing",
            n.step((("dR @ w.U", "0 * H"),), (("dH = dO[t] + dH", "dH = dO[t]"),), *nothing_carried),
            "more than one step",
            "each step's gradient stays in that step: H[t] is also read by step t+1, whose gradient comes back through U",
            "dH = dO[t] + dR[t+1] @ U",
        ),
        Mistake(
            "gradient-of-last-step-only",
            n.step((("dO[t] + dH", "(dO[t] if t == tape[-1][0] else 0) + dH"),), (("dO[t] + dH", "dH"),)),
            "more than one step",
            "the gradient of the outputs is used at the last step only, or not at all; every O[t] has one",
            "dH = dO[t] + dH in every step",
        ),
        Mistake(
            "assign-instead-of-add",
            {tensor: (((f"g.{letter} +=", f"g.{letter} ="),),) for tensor, letter in ((n.W, "W"), (n.U, "U"), (n.B, "B"), (n.V, "V"))},
            "more than one step",
            "= keeps the gradient of one step; all steps have the same weights, so their gradients add up",
            "dW += dA^T @ X[t] in every step, from 0",
        ),
        Mistake(
            "last-state-gradient-ignored",
            {"dx": ((("dX, g =", "dH, dC = 0 * dH, 0 * dC\n        dX, g ="),),), n.U: ((("dX, g =", "dH, dC = 0 * dH, 0 * dC\n        dX, g ="),),)},
            "",
            "the gradient of the last state (h_n) is left out; it is where the walk back begins",
            "dH = the gradient of h_n before the last step",
        ),
        Mistake(
            "state-gradient-before-weights",
            {"dh0": ((("dH = dR @ w.U", "dH = dH if t == tape[0][0] else dR @ w.U"),), (("dH = dR @ w.U", "dH = dR[:, : H.shape[1]] if t == tape[0][0] else dR @ w.U"),))},
            "",
            "the gradient of the first state stops before the first step, or before U",
            "dh0 = dR[0] @ U, and what goes past the gates",
        ),
    )  # fmt: skip


# ---- layers and directions

_FORWARD = ("[::-1] if way else range(len(X))", "")
_OUT = ("outs.append(O)", "outs.append(O[::-1] if way else O)")
_BACK = ("backward(parts[direction],", "backward(parts[direction][::-1] if way else parts[direction],")
_KEPT = ("X * steps_first(k.kept[layer - 1]", "X * steps_first(k.mask[layer - 1]")

LAYERS = (
    Mistake(
        "reverse-not-reversed",
        dict.fromkeys(("out", "dx"), (walk(_FORWARD),)),
        "bidirectional = true",
        "the second direction reads the sequence forward too; it begins at the last step",
        "for t in reversed(range(T))",
        _two_ways,
    ),
    Mistake(
        "reverse-output-not-flipped",
        {"out": (walk(_OUT),), "dx": (walk(_OUT, _BACK),)},
        "bidirectional = true",
        "the second direction's outputs stand in the order in which they were made; O[t] is the output at X[t] in both",
        "flip them back before they are put beside the first direction's",
        _two_ways,
    ),
    Mistake(
        "directions-not-side-by-side",
        {"out": (
            walk(("np.concatenate(outs, axis=2)", "np.concatenate(outs[::-1], axis=2)")),
            walk(("np.concatenate(outs, axis=2)", "sum(outs)")),
            walk(("np.concatenate(outs, axis=2)", "sum(outs) / len(outs)")),
        )},
        "bidirectional = true",
        "the outputs of the two directions are added, averaged, or put in the other order",
        "np.concatenate([forward, reverse], axis=-1)",
        _two_ways,
    ),
    Mistake(
        "last-state-is-last-output",
        {"h_n": (walk(("last.append((H, C))", "last.append((O[-1], C))")),)},
        "bidirectional = true",
        "the last state is taken from O[T-1]; the second direction's last step is at O[0]",
        "keep the state that each direction ends with",
        _two_ways,
    ),
    Mistake(
        "states-in-another-order",
        {"h_n": (
            walk(("zip(*last)", "zip(*(last[0::2] + last[1::2] if len(k.ways) == 2 else last))")),
            walk(("zip(*last)", "zip(*last[::-1])")),
            walk(("zip(*last)", "zip(*last[-len(k.ways) :])")),
        )},
        "more than one layer",
        "h_n has another order than layer 0 forward, layer 0 reverse, layer 1 forward, ..., or the last layer's states only",
        "append the state of each layer, and in it of each direction",
        lambda facts: _several_layers(facts) or _two_ways(facts),
    ),
    Mistake(
        "batch-first-ignored",
        dict.fromkeys(("out", "dx"), (walk(("k.swapped", "False")),)),
        "batch_first = true",
        "the walk goes over the batch in place of the steps: with batch_first the first axis is N",
        "X.swapaxes(0, 1), and O back at the end",
        lambda facts: facts["batch_first"],
    ),
    Mistake(
        "batch-first-of-the-state",
        {"h_n": (walk(("return found |", "found['h_n'] = steps_first(found['h_n'], k.swapped)\n    return found |")),)},
        "batch_first = true",
        "the state is turned around too; batch_first is of X and O alone, states stay (layers, N, features)",
        "leave h_n as it is",
        lambda facts: facts["batch_first"],
    ),
    Mistake(
        "dropout-not-inverted",
        {"out": (walk(_KEPT),)},
        "training, dropout > 0",
        "what is kept between the layers is not divided by 1 - p",
        "X * mask / (1 - p)",
        _dropped,
        convention=True,
    ),
    Mistake(
        "dropout-missing-in-backward",
        {"dx": (
            walk(("dO * steps_first(k.kept[layer - 1], k.swapped)", "dO")),
            walk(("dO * steps_first(k.kept[layer - 1]", "dO * steps_first(k.mask[layer - 1]")),
        )},
        "training, dropout > 0",
        "the gradient is not multiplied by the mask of the forward, or not divided by 1 - p",
        "dX * mask / (1 - p)",
        _dropped,
    ),
    Mistake(
        "dropout-ignored",
        {"out": (walk(("if layer and k.training:\n            X", "if False:\n            X")),)},
        "training, dropout > 0",
        "nothing is dropped between the layers",
        "X * mask / (1 - p) before every layer but the first",
        _dropped,
    ),
    Mistake(
        "dropout-active-in-eval",
        {"out": (walk(("if layer and k.training:\n            X", "if layer and len(k.kept):\n            X")),)},
        "evaluation, dropout > 0",
        "elements are dropped in evaluation too",
        "drop in training only",
        _evaluated,
    ),
)  # fmt: skip
