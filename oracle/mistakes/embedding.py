"""Embedding: the kernels, and what people get wrong in them.

O[n] = W[I[n]];  dW[i] = sum of dO[n] over all n with I[n] = i
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from oracle.mistakes.kernel import Family, Mistake
from oracle.subjects import Call

# ---- the kernels. k: padding, the row without a gradient, or None; by_frequency


def out(x, weight, k):
    return weight[x]


def dweight(x, weight, dout, k):
    at, rows = x.reshape(-1), dout.reshape(-1, weight.shape[1])
    dw = np.zeros_like(weight)
    np.add.at(dw, at, rows)
    if k.by_frequency:
        dw = dw / np.maximum(np.bincount(at, minlength=len(weight)), 1)[:, None]
    if k.padding is not None:
        dw[k.padding] = 0
    return dw


def without_padding(x, weight, k):
    """The rows, 0 where x is the padding."""
    return weight[x] * (x % len(weight) != (-1 if k.padding is None else k.padding % len(weight)))[..., None]


def prepare(call: Call) -> SimpleNamespace:
    return SimpleNamespace(padding=call.settings["padding_idx"], by_frequency=call.settings["scale_grad_by_freq"])


MISTAKES = (
    Mistake(
        "assign-instead-of-add",
        {"dweight": ((("np.add.at(dw, at, rows)", "dw[at] = rows"),),)},
        "an index comes twice",
        "dW[I] = dO, and dW[I] += dO too, keep only the last of an index that comes more than once",
        "np.add.at(dW, I, dO)",
    ),
    Mistake(
        "padding-idx-ignored",
        {"dweight": ((("k.padding is not None", "False"),),)},
        "padding_idx is given",
        "the row padding_idx gets a gradient; it is never learned",
        "dW[padding_idx] = 0",
        lambda facts: facts["padding_idx"] is not None,
    ),
    Mistake(
        "padding-row-zero-in-forward",
        {"out": ((("weight[x]", "without_padding(x, weight, k)"),),)},
        "padding_idx is given",
        "the row padding_idx is returned as 0; torch returns it as it stands in W, and only gives it no gradient",
        "O = W[I]",
        lambda facts: facts["padding_idx"] is not None,
    ),
    Mistake(
        "padding-gradient-elsewhere",
        {"dweight": (
            (("dw[k.padding] = 0", "dw[:, k.padding % dw.shape[1]] = 0"),),
            (("dw[k.padding] = 0", "dw[: k.padding % len(dw) + 1] = 0"),),
            (("k.padding is not None:", "True:"), ("dw[k.padding]", "dw[k.padding or 0]")),
        )},
        "",
        "a column has no gradient, or all rows up to padding_idx, or row 0 where there is no padding",
        "dW[padding_idx] = 0 where padding_idx is given",
    ),
    Mistake(
        "frequency-ignored",
        {"dweight": ((("if k.by_frequency", "if False"),),)},
        "scale_grad_by_freq = true",
        "the gradient of a row is not divided by how often its index comes",
        "dW / counts with scale_grad_by_freq",
        lambda facts: facts["scale_grad_by_freq"],
    ),
    Mistake(
        "mean-over-batch",
        {"dweight": (
            (("np.add.at(dw, at, rows)", "np.add.at(dw, at, rows / len(x))"),),
            (("np.add.at(dw, at, rows)", "np.add.at(dw, at, rows / len(at))"),),
            (("if k.by_frequency", "if True"),),
        )},
        "",
        "the gradient is divided by N, or by how often an index comes, without being asked to",
        "dW[i] is a sum",
    ),
)  # fmt: skip

FAMILIES = (Family({"out": out, "dweight": dweight}, MISTAKES, prepare, ("Embedding",)),)
