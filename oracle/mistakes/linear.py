# ruff: noqa: E501  an edit stands on one line
"""Linear and Bilinear: the kernels, and what people get wrong in them.

Linear     O[n,k] = B[k] + sum over c of I[n,c] * W[k,c];   dI = dO W,  dW = dO^T I,  dB = sum over n of dO
Bilinear   O[n,k] = B[k] + sum over i, j of I1[n,i] * W[k,i,j] * I2[n,j];   each gradient is the same sum without its own
           factor, and with dO[n,k] in place of it
"""

from __future__ import annotations

import numpy as np

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


def bilinear_out(x1, x2, weight, bias, k):
    result = np.einsum("...i,oij,...j->...o", x1, weight, x2)
    return result if bias is None else result + bias


def bilinear_dx1(x1, x2, weight, dout, k):
    return np.einsum("...o,oij,...j->...i", dout, weight, x2)


def bilinear_dx2(x1, x2, weight, dout, k):
    return np.einsum("...o,oij,...i->...j", dout, weight, x1)


def bilinear_dweight(x1, x2, weight, dout, k):
    return np.einsum("no,ni,nj->oij", rows(dout), rows(x1), rows(x2))


def rows(array):
    return array.reshape(-1, array.shape[-1])


def turned(weight):
    """W[k] with rows for columns, and then its own shape forced on it."""
    return weight.swapaxes(1, 2).reshape(weight.shape)


def last(array):
    """The rows of the last image."""
    return rows(array[-1:])


# ---- where a mistake shows


def _several(facts: Facts) -> bool:
    return facts["N"] > 1


def _many_axes(facts: Facts) -> bool:
    return "W" in facts


def _shared(product: str, x: str, out: str) -> tuple[Mistake, ...]:
    """What is the same in both: `product` is dW in the kernel's text, `x` an input, `out` the formula."""
    return (
        Mistake(
            "mean-over-batch",
            {
                "dweight": (((product, f"{product} / len({x})"),), ((product, f"{product} / len(rows({x}))"),)),
                "dbias": (((".sum(axis=0)", ".sum(axis=0) / len(dout)"),), ((".sum(axis=0)", ".mean(axis=0)"),)),
            },
            "N > 1",
            "the gradient is divided by N: that belongs into the loss, which has it already where it is a mean",
            "dW and dB are sums over the batch",
            _several,
        ),
        Mistake(
            "last-image-only",
            {"dweight": ((("rows(", "last("),),), "dbias": ((("rows(", "last("),),)},
            "N > 1",
            "the gradient is assigned in the loop over the batch: only the last row is left",
            "+= in the loop over n",
            _several,
        ),
        Mistake(
            "bias-missing",
            {"out": ((("result + bias", "result"),),)},
            "bias = true",
            "the bias is not added",
            f"O = {out} + B",
            lambda facts: facts["bias"],
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
            {"dbias": ((("axis=0", "axis=1"),), (("axis=0", "axis=None"),))},
            "always",
            "dB[k] is the sum over the rows; here another axis than the outputs' is left",
            "dB = dO.sum(axis=0)",
        ),
    )  # fmt: skip


_RATES = ("0.05", "1.0", "0.1", "0.01", "0.001")

_LINEAR = (
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
        "no-sum-over-batch",
        {"dweight": ((("rows(dout).T @ rows(x)", "rows(dout)[:, :, None] * rows(x)[:, None]"),),)},
        "always",
        "the gradient of a weight is the sum over all rows of the batch",
        "dW = dO.T @ I",
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

_OUT, _DX1, _DX2 = "x1, weight, x2)", "dout, weight, x2)", "dout, weight, x1)"  # of the sums, in the kernels' text
_DWEIGHT = 'np.einsum("no,ni,nj->oij", rows(dout), rows(x1), rows(x2))'
_GRADIENTS = "dI1 = sum of dO[k] W[k] @ I2, dI2 = sum of dO[k] W[k].T @ I1, dW[k,i,j] = sum of dO[k] I1[i] I2[j]"

_BILINEAR = (
    Mistake(
        "weight-not-transposed",
        {
            "out": ((("oij", "oji"),), ((_OUT, "x1, turned(weight), x2)"),)),
            "dx1": ((("oij", "oji"),), ((_DX1, "dout, turned(weight), x2)"),)),
            "dx2": ((("oij", "oji"),), ((_DX2, "dout, turned(weight), x1)"),)),
        },
        "always",
        "W[k] has a row for each number of I1 and a column for each of I2: here they are exchanged",
        "O[k] = I1 @ W[k] @ I2;  dI1 = dO[k] * W[k] @ I2, dI2 = dO[k] * W[k].T @ I1, summed over k",
        lambda facts: facts["in1_features"] > 1 or facts["in2_features"] > 1,
    ),
    Mistake(
        "weight-gradient-transposed",
        {"dweight": ((("->oij", "->oji"),), (("->oij", "->ijo"),), ((_DWEIGHT, f"turned({_DWEIGHT})"),))},
        "always",
        "dW has the axes of W in another order",
        "dW of W's own shape (outputs, numbers of I1, numbers of I2)",
        lambda facts: max(facts["in1_features"], facts["in2_features"], facts["out_features"]) > 1,
    ),
    Mistake(
        "own-input-for-other",
        {"dx1": (((_DX1, "dout, weight, x1)"),),), "dx2": (((_DX2, "dout, weight, x2)"),),)},
        "always",
        "the gradient of an input is made of that input itself; its factor in O is the other one",
        _GRADIENTS,
    ),
    Mistake(
        "other-input-missing",
        {
            "dx1": (((_DX1, "dout, weight, np.ones_like(x2))"),),),
            "dx2": (((_DX2, "dout, weight, np.ones_like(x1))"),),),
            "dweight": ((("rows(x2)", "np.ones_like(rows(x2))"),), (("rows(x1)", "np.ones_like(rows(x1))"),)),
        },
        "always",
        "O is a product of three factors: the derivative with respect to one of them is the product of the two others",
        _GRADIENTS,
    ),
    Mistake(
        "last-output-only",
        {
            "dx1": (((_DX1, "dout[..., -1:], weight[-1:], x2)"),),),
            "dx2": (((_DX2, "dout[..., -1:], weight[-1:], x1)"),),),
        },
        "out_features > 1",
        "the gradient is assigned in the loop over the outputs: only the last one is left",
        "+= in the loop over k",
        lambda facts: facts["out_features"] > 1,
    ),
    Mistake(
        "all-pairs-of-rows",
        {"out": (
            (('"...i,oij,...j->...o", x1', '"ni,oij,mj->nmo", rows(x1)'), ("weight, x2)", "weight, rows(x2))")),
            (("weight, x2)", "weight, rows(x2).sum(axis=0))"),),
        )},
        "N > 1",
        "I1 @ W[k] @ I2.T has each row of I1 with each row of I2; a row belongs to the row of the same n alone",
        "((I1 @ W[k]) * I2).sum(axis=1)",
        _several,
    ),
    Mistake(
        "no-sum-over-batch",
        {"dweight": ((("->oij", "->noij"),),)},
        "always",
        "the gradient of a weight is the sum over all rows of the batch",
        "dW = sum over n of dO[n,k] I1[n,i] I2[n,j]",
    ),
    Mistake(
        "input-not-flattened",
        {
            "dweight": ((('"no,ni,nj->oij"', '"n...o,n...i,n...j->...oij"'), ("rows", "")),),
            "dbias": ((("rows(dout).sum", "dout.sum"),),),
        },
        "an input of more than two axes",
        "the formula for (N, inputs) is used on inputs of more axes: not all rows are added up",
        "dO.reshape(-1, outputs), I1.reshape(-1, in1_features) and so on first",
        _many_axes,
    ),
    Mistake(
        "shape-not-restored",
        {
            "out": (((_OUT, "rows(x1), weight, rows(x2))"),),),
            "dx1": (((_DX1, "rows(dout), weight, rows(x2))"),),),
            "dx2": (((_DX2, "rows(dout), weight, rows(x1))"),),),
        },
        "an input of more than two axes",
        "the inputs were made matrices of rows, and the result stayed one",
        "O.reshape(*I1.shape[:-1], outputs);  dI1.reshape(I1.shape)",
        _many_axes,
    ),
)  # fmt: skip

FAMILIES = (
    Family({"out": out, "dx": dx, "dweight": dweight, "dbias": dbias},
           _LINEAR + _shared("rows(dout).T @ rows(x)", "x", "I @ W.T"), specs=("Linear",)),
    Family({"out": bilinear_out, "dx1": bilinear_dx1, "dx2": bilinear_dx2, "dweight": bilinear_dweight, "dbias": dbias},
           _BILINEAR + _shared(_DWEIGHT, "x1", "I1 @ W[k] @ I2"), specs=("Bilinear",)),
)  # fmt: skip
