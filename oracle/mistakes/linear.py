"""Linear: the kernels, and what people get wrong in them.

O[n,k] = B[k] + sum over c of I[n,c] * W[k,c];   dI = dO W,  dW = dO^T I,  dB = sum over n of dO
"""

from __future__ import annotations

import numpy as np  # noqa: F401  in the text of an edit

from oracle.mistakes.kernel import Facts, Family, Mistake

# ---- the kernels; all axes before the last one count the rows


def out(x, weight, bias, k):
    result = x @ weight.T
    return result if bias is None else result + bias


def dx(x, weight, dout, k):
    return dout @ weight


def dweight(x, weight, dout, k):
    return rows(dout).T @ rows(x)


def dbias(dout, k):
    return rows(dout).sum(axis=0)


def rows(array):
    return array.reshape(-1, array.shape[-1])


# ---- where a mistake shows


def _several(facts: Facts) -> bool:
    return facts["N"] > 1


def _many_axes(facts: Facts) -> bool:
    return "W" in facts


_RATES = ("0.05", "1.0", "0.1", "0.01", "0.001")

MISTAKES = (
    Mistake(
        "weight-not-transposed",
        {
            "out": ((("weight.T", "weight"),), (("weight.T", "weight.reshape(weight.shape[::-1])"),)),
            "dx": ((("@ weight", "@ weight.T"),), (("@ weight", "@ weight.T.reshape(weight.shape)"),)),
        },
        "always",
        "W is stored as (outputs, inputs): W.T is needed going forward, W itself going back",
        "O = I @ W.T + B;  dI = dO @ W",
        lambda facts: facts["in_features"] > 1 or facts["out_features"] > 1,
    ),
    Mistake(
        "weight-gradient-transposed",
        {"dweight": (
            (("rows(dout).T @ rows(x)", "rows(x).T @ rows(dout)"),),
            (("rows(dout).T @ rows(x)", "(rows(x).T @ rows(dout)).reshape(weight.shape)"),),
        )},
        "always",
        "dW has the shape of W turned around: inputs first",
        "dW = dO.T @ I, of W's own shape (outputs, inputs)",
        lambda facts: facts["in_features"] > 1 or facts["out_features"] > 1,
    ),
    Mistake(
        "bias-gradient-not-summed",
        {"dbias": ((("rows(dout).sum(axis=0)", "dout"),),)},
        "always",
        "the same B is added to every row: its gradient is the sum over the rows",
        "dB = dO.sum(axis=0)",
    ),
    Mistake(
        "db-sums-wrong-axes",
        {"dbias": (
            (("axis=0", "axis=1"),),
            (("axis=0", "axis=None"),),
        )},
        "always",
        "dB[k] is the sum over the rows; here another axis than the outputs' is left",
        "dB = dO.sum(axis=0)",
    ),
    Mistake(
        "mean-over-batch",
        {
            "dweight": (
                (("rows(dout).T @ rows(x)", "rows(dout).T @ rows(x) / len(x)"),),
                (("rows(dout).T @ rows(x)", "rows(dout).T @ rows(x) / len(rows(x))"),),
            ),
            "dbias": (
                ((".sum(axis=0)", ".sum(axis=0) / len(dout)"),),
                ((".sum(axis=0)", ".mean(axis=0)"),),
            ),
        },
        "N > 1",
        "the gradient is divided by N: that belongs into the loss, which has it already where it is a mean",
        "dW and dB are sums over the batch",
        _several,
    ),
    Mistake(
        "last-image-only",
        {
            "dweight": ((("rows(dout).T @ rows(x)", "rows(dout[-1:]).T @ rows(x[-1:])"),),),
            "dbias": ((("rows(dout)", "rows(dout[-1:])"),),),
        },
        "N > 1",
        "the gradient is assigned in the loop over the batch: only the last row is left",
        "+= in the loop over n",
        _several,
    ),
    Mistake(
        "no-sum-over-batch",
        {"dweight": ((("rows(dout).T @ rows(x)", "rows(dout)[:, :, None] * rows(x)[:, None]"),),)},
        "always",
        "the gradient of a weight is the sum over all rows of the batch",
        "dW = dO.T @ I",
    ),
    Mistake(
        "bias-missing",
        {"out": ((("result + bias", "result"),),)},
        "bias = true",
        "the bias is not added",
        "O = I @ W.T + B",
        lambda facts: facts["bias"],
    ),
    Mistake(
        "input-not-flattened",
        {
            "dweight": (
                (("rows(dout).T @ rows(x)", "dout.swapaxes(-1, -2) @ x"),),
                (("rows(dout).T @ rows(x)", "np.tensordot(dout, x, axes=(0, 0))"),),
            ),
            "dbias": ((("rows(dout).sum", "dout.sum"),),),
        },
        "an input of more than two axes",
        "the formula for (N, inputs) is used on an input of more axes: not all rows are added up",
        "dO.reshape(-1, outputs).T @ I.reshape(-1, inputs);  dB = dO.reshape(-1, outputs).sum(axis=0)",
        _many_axes,
    ),
    Mistake(
        "shape-not-restored",
        {
            "out": ((("x @", "rows(x) @"),),),
            "dx": ((("dout @", "rows(dout) @"),),),
        },
        "an input of more than two axes",
        "the input was made a matrix of rows, and the result stayed one",
        "O.reshape(*I.shape[:-1], outputs);  dI.reshape(I.shape)",
        _many_axes,
    ),
    Mistake(
        "uses-updated-weight",
        {"dx": tuple(
            (("@ weight", f"@ (weight - {rate} * rows(dout).T @ rows(x){mean})"),)
            for rate in _RATES for mean in ("", " / len(x)")
        )},
        "always",
        "W is updated before dI is computed from it: dI must use the W of the forward",
        "dI = dO @ W first, W -= lr * dW after it",
    ),
)  # fmt: skip

FAMILIES = (Family({"out": out, "dx": dx, "dweight": dweight, "dbias": dbias}, MISTAKES, specs=("Linear",)),)
