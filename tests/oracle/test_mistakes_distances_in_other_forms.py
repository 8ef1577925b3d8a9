"""Mistakes in distances and Bilinear as people write them: vector by vector, with np.linalg.norm, output by output. The
diagnosis gives the name; and what is right in another form is right.
"""

import math

import numpy as np
import pytest

from oracle.judge import judge
from oracle.layers import SPECS
from oracle.selection import default_cases
from tests.oracle.test_mistakes_in_other_forms import Wrong
from tests.oracle.test_mistakes_margins_in_other_forms import name

# ---- distances


def formula_of_the_documentation(call):
    x1, x2, dim, eps = *(a.astype(float) for a in call.inputs.values()), call.settings["dim"], call.settings["eps"]
    lengths = np.linalg.norm(x1, axis=dim) * np.linalg.norm(x2, axis=dim)
    return (np.sum(x1 * x2, axis=dim) / np.maximum(lengths, eps)).astype(call.inputs["x1"].dtype)


def unit_vector_of_the_other(call):
    """dI1 = dO I2 / (|I1| |I2|), vector by vector"""
    dim, eps = call.settings["dim"], call.settings["eps"]
    x1, x2 = (np.moveaxis(array, dim, -1) for array in call.inputs.values())
    dx = np.zeros(x1.shape)
    for place in np.ndindex(x1.shape[:-1]):
        m1, m2 = (max(math.sqrt(x[place] @ x[place]), eps) for x in (x1, x2))
        dx[place] = call.upstream["dout"][place] * x2[place] / (m1 * m2)
    return np.moveaxis(dx, -1, dim).astype(x1.dtype)


def norm_of_the_difference(call):
    x1, x2 = (array.astype(float) for array in call.inputs.values())
    norm = np.linalg.norm(x1 - x2, ord=call.settings["p"], axis=-1, keepdims=call.settings["keepdim"])
    return np.asarray(norm, call.inputs["x1"].dtype)


def second_as_the_first(call):
    d = call.inputs["x1"].astype(float) - call.inputs["x2"] + call.settings["eps"]
    n = np.sqrt((d * d).sum(axis=-1, keepdims=True))
    return (call.upstream["dout"].reshape(n.shape) * d / n).astype(call.inputs["x1"].dtype)


# ---- Bilinear


def vectors(call):
    """Rows of both inputs and of the gradient from above, W, and the shape before the rows."""
    rows = [array.reshape(-1, array.shape[-1]) for array in (*call.inputs.values(), call.upstream["dout"])]
    return *rows, call.parameters["weight"], call.inputs["x1"].shape[:-1]


def second_from_the_left(call):
    """O[k] = I2 W[k] I1, on inputs of one size"""
    x1, x2, _, W, lead = vectors(call)
    b = call.parameters.get("bias", np.zeros(len(W), x1.dtype))
    out = [[x2[n] @ W[k] @ x1[n] + b[k] for k in range(len(W))] for n in range(len(x1))]
    return np.array(out, x1.dtype).reshape(*lead, len(W))


def assigned_for_each_output(call):
    _, x2, dout, W, lead = vectors(call)
    for k in range(len(W)):
        dx = dout[:, k, None] * (x2 @ W[k].T)
    return dx.reshape(*lead, W.shape[1])


def mean_of_outer_products(call):
    x1, x2, dout, W, _ = vectors(call)
    dW = np.zeros(W.shape)
    for n in range(len(x1)):
        for k in range(len(W)):
            dW[k] += dout[n, k] * np.outer(x1[n], x2[n]) / len(x1)
    return dW.astype(W.dtype)


def every_row_with_every_row(call):
    x1, x2, _, W, _ = vectors(call)
    b = call.parameters.get("bias", np.zeros(len(W), x1.dtype))
    return np.stack([(x1 @ W[k] @ x2.T).sum(axis=1) + b[k] for k in range(len(W))], axis=1)


# ---- what each form was written for


def anything(setting):
    return True


def two_axes(setting):
    return len(setting.shapes["x1"]) == 2


def of_one_size(setting):
    return setting.args["in1_features"] == setting.args["in2_features"]


FORMS = [
    ("CosineSimilarity", "out", formula_of_the_documentation, anything, "eps-elsewhere"),
    ("CosineSimilarity", "dx1", unit_vector_of_the_other, anything, "norm-path-missing"),
    ("PairwiseDistance", "out", norm_of_the_difference, anything, "eps-missing"),
    ("PairwiseDistance", "dx2", second_as_the_first, lambda setting: setting.args["p"] == 2, "gradient-sign"),
    ("PairwiseDistance", "dx1", second_as_the_first, anything, "p-ignored"),
    ("Bilinear", "out", second_from_the_left, of_one_size, "weight-not-transposed"),
    ("Bilinear", "out", every_row_with_every_row, two_axes, "all-pairs-of-rows"),
    ("Bilinear", "dx1", assigned_for_each_output, anything, "last-output-only"),
    ("Bilinear", "dweight", mean_of_outer_products, anything, "mean-over-batch"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS,
                         ids=[f"{spec}-{tensor}-{id}" for spec, tensor, _, _, id in FORMS])  # fmt: skip
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    assert name(spec, tensor, compute, takes) == id


# ---- right, and near to a mistake


def matrix_products(call):
    x1, x2, _, W, lead = vectors(call)
    out = np.stack([((x1 @ W[k]) * x2).sum(axis=1) for k in range(len(W))], axis=1).reshape(*lead, len(W))
    return out + call.parameters.get("bias", 0)


def difference_of_unit_vectors(call):
    """dI1 = dO (u2 - cos u1) / |I1| with unit vectors u, where no length is below eps"""
    dim = call.settings["dim"]
    x1, x2 = (array.astype(float) for array in call.inputs.values())
    n1, n2 = (np.sqrt((x * x).sum(axis=dim, keepdims=True)) for x in (x1, x2))
    m1, m2 = (np.where(n == 0, call.settings["eps"], n) for n in (n1, n2))
    cos = (x1 / m1 * x2 / m2).sum(axis=dim, keepdims=True)
    return (np.expand_dims(call.upstream["dout"], dim) * (x2 / m2 - cos * x1 / m1) / m1).astype(call.inputs["x1"].dtype)


def power_of_the_quotient(call):
    x1, x2 = (array.astype(float) for array in call.inputs.values())
    d, p, s = x1 - x2 + call.settings["eps"], call.settings["p"], call.upstream["dout"]
    n = (np.abs(d) ** p).sum(axis=-1, keepdims=True)
    return (s.reshape(n.shape) * d * np.abs(d) ** (p - 2) * n ** (1 / p - 1)).astype(call.inputs["x1"].dtype)


RIGHT = [
    ("CosineSimilarity", "dx1", difference_of_unit_vectors, lambda setting: setting.args["eps"] < 1e-3),
    ("PairwiseDistance", "dx1", power_of_the_quotient, lambda setting: 2 <= setting.args["p"] < math.inf),
    ("Bilinear", "out", matrix_products, anything),
]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes"), RIGHT,
                         ids=[f"{spec}-{tensor}" for spec, tensor, _, _ in RIGHT])  # fmt: skip
def test_right_form_is_right(spec, tensor, compute, takes):
    subject = Wrong(spec, tensor, compute, takes)
    assert not judge(subject, default_cases(SPECS[spec], takes, 48)[0]).failed
