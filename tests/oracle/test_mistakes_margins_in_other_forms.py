"""Mistakes in margin losses as people write them: loops over rows and classes, CS231n's svm_loss, formulas of a paper.
The diagnosis gives the name; and what is right in another form is right.
"""

import math

import numpy as np
import pytest

from oracle.diagnosis import diagnose
from oracle.judge import judge, judge_case
from oracle.layers import SPECS
from oracle.selection import default_cases
from tests.oracle.test_mistakes_in_other_forms import Wrong

# ---- a loss, from the loss or the gradient of one element or one row in Python's numbers


def lists(call, rows):
    """(shape of the losses, the inputs of one loss after the other)"""
    x, inputs = call.inputs["x"], call.inputs.values()
    if not rows:
        return x.shape, zip(*(array.ravel().tolist() for array in inputs))
    beside = (array.reshape(-1, x.shape[-1]) if array.ndim == x.ndim else array.ravel() for array in inputs)
    return x.shape[:-1], zip(*(array.tolist() for array in beside))


def loss(f, rows=True):
    """f(inputs, settings) of one loss, reduced"""

    def compute(call):
        shape, each = lists(call, rows)
        losses = np.array([f(*inputs, call.constructor()) for inputs in each]).reshape(shape)
        reduce = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[call.settings["reduction"]]
        return np.asarray(reduce(losses), call.inputs["x"].dtype)

    return compute


def gradient(f, rows=True):
    """f(inputs, settings) is the derivative of one loss, times what comes from above"""

    def compute(call):
        shape, each = lists(call, rows)
        x = call.inputs["x"]
        slopes = np.array([f(*inputs, call.constructor()) for inputs in each], float).reshape(x.shape)
        share = np.broadcast_to(call.upstream["dout"], shape)
        if call.settings["reduction"] == "mean":
            share = share / max(math.prod(shape), 1)
        return (slopes * (share[..., None] if rows else share)).astype(x.dtype)

    return compute


def of_element(f):
    return loss(f, rows=False)


def slope_of_element(f):
    return gradient(f, rows=False)


# ---- CS231n's svm_loss(x, y) -> loss, dx: the sum over the classes, where torch divides by C


def svm(f, tensor):
    """What is judged of it: `tensor` in torch's convention."""

    def compute(call):
        x = call.inputs["x"]
        out, dx = f(x, call.inputs["target"])
        return np.asarray(out if tensor == "out" else call.upstream["dout"] * dx, x.dtype) / x.shape[1]

    return compute


def svm_in_loops(x, y, margin=1, ahead=1, own=False, times_count=True):
    """`ahead` is -1 where the scores are exchanged."""
    N, C = x.shape
    out, dx = 0.0, np.zeros(x.shape)
    for i in range(N):
        near = 0
        for j in range(C):
            if j == y[i] and not own:
                continue
            z = ahead * (x[i, j] - x[i, y[i]]) + margin
            if z > 0:
                near += 1
                out += z
                dx[i, j] += ahead
        dx[i, y[i]] -= ahead * (near if times_count else 1)
    return out / N, dx / N


def svm_with_mask(x, y):
    """margins[np.arange(N), y] = 0 is forgotten, and the row is summed before its right class is set."""
    N = len(x)
    margins = np.maximum(0, x - x[np.arange(N), y][:, None] + 1)
    mask = (margins > 0).astype(float)
    mask[np.arange(N), y] = -mask.sum(axis=1)
    return margins.sum() / N, mask / N


def svm_without_right_class(x, y):
    margins = np.maximum(0, (x.T - x[np.arange(len(x)), y] + 1).T)
    margins[np.arange(len(x)), y] = 0
    return margins.sum(), (margins > 0) / len(x)


def svm_of_squares(x, y):
    margins = np.maximum(0, x - np.take_along_axis(x, y[:, None], 1) + 1)
    margins[np.arange(len(x)), y] = 0
    dx = 2 * margins
    dx[np.arange(len(x)), y] = -dx.sum(axis=1)
    return (margins**2).sum() / len(x), dx / len(x)


def svm_mean_of_margins(x, y):
    margins = np.maximum(0, x - x[np.arange(len(x)), y, None] + 1)
    margins[np.arange(len(x)), y] = 0
    return margins.mean(), None


# ---- lists of classes


def softplus(z):
    return max(z, 0) + math.log1p(math.exp(-abs(z)))


def continue_for_break(x, target, settings):
    """The list goes on after a -1."""
    total = 0
    for t in target:
        if t < 0:
            continue
        total += sum(max(0, 1 - x[t] + x[c]) for c in range(len(x)) if c not in target)
    return total / len(x)


def against_each_other(x, target, settings):
    """A wanted class is held against the other wanted classes."""
    slopes = [0.0] * len(x)
    for t in target:
        if t < 0:
            break
        for c in range(len(x)):
            if c != t and 1 - x[t] + x[c] > 0:
                slopes[c] += 1 / len(x)
                slopes[t] -= 1 / len(x)
    return slopes


def cross_entropy_of_sigmoids(x, target, settings):
    """Without the classes that are not wanted."""
    w = [1] * len(x) if settings["weight"] is None else settings["weight"].tolist()
    return sum(w[c] * t * softplus(-x[c]) for c, t in enumerate(target)) / len(x)


def probabilities_less_target(x, target, settings):
    """p of the softmax."""
    w = np.ones(len(x)) if settings["weight"] is None else settings["weight"]
    e = np.exp(np.array(x) - max(x))
    return w * (e / e.sum() - target) / len(x)


# ---- pairs and triplets


def dot(a, b):
    return sum(i * j for i, j in zip(a, b))


def cosine(a, b):
    return dot(a, b) / math.sqrt((dot(a, a) + 1e-12) * (dot(b, b) + 1e-12))


def lengths_as_constants(a, b, target, settings):
    n = math.sqrt((dot(a, a) + 1e-12) * (dot(b, b) + 1e-12))
    sign = -1 if target == 1 else float(cosine(a, b) >= settings["margin"])
    return [sign * j / n for j in b]


def zero_for_minus_one(a, b, target, settings):
    return target * (1 - cosine(a, b)) + (1 - target) * max(0, cosine(a, b) - settings["margin"])


def euclidean(a, b):
    return math.sqrt(sum((i - j + 1e-6) ** 2 for i, j in zip(a, b)))


def facenet(anchor, positive, negative, settings):
    near, far = (sum((i - j) ** 2 for i, j in zip(anchor, other)) for other in (positive, negative))
    return max(0, near - far + settings["margin"])


def positive_of_facenet(anchor, positive, negative, settings):
    near, far = euclidean(anchor, positive), euclidean(anchor, negative)
    if settings["swap"]:
        far = min(far, euclidean(positive, negative))
    return [2 * (p - a) if near - far + settings["margin"] >= 0 else 0 for a, p in zip(anchor, positive)]


def anchor_of_the_positive(anchor, positive, negative, settings):
    """The negative is forgotten in the anchor's gradient."""
    near, far = euclidean(anchor, positive), euclidean(anchor, negative)
    if settings["swap"]:
        far = min(far, euclidean(positive, negative))
    return [(a - p + 1e-6) / near * (near - far + settings["margin"] >= 0) for a, p in zip(anchor, positive)]


def nearer_negative_without_gradient(anchor, positive, negative, settings):
    near, far = euclidean(anchor, positive), euclidean(anchor, negative)
    if settings["swap"]:
        far = min(far, euclidean(positive, negative))
    g = [(a - n + 1e-6) / euclidean(anchor, negative) for a, n in zip(anchor, negative)]
    return [v * (near - far + settings["margin"] >= 0) for v in g]


# ---- what each form was written for


def anything(setting):
    return True


def as_a_course(setting):
    """Rows of scores, and nothing but the defaults"""
    return setting.args == {"reduction": "mean"} and len(setting.shapes["x"]) == 2


def euclidean_distance(setting):
    return setting.args.get("p", 2.0) == 2.0 and setting.args.get("eps", 1e-6) == 1e-6


def settings(**chosen):
    """svm_in_loops with something wrong"""
    return lambda x, y: svm_in_loops(x, y, **chosen)


FORMS = [
    ("MultiMarginLoss", "out", svm(svm_with_mask, "out"), as_a_course, "right-class-counted"),
    ("MultiMarginLoss", "dx", svm(svm_with_mask, "dx"), as_a_course, "right-class-counted"),
    ("MultiMarginLoss", "out", svm(settings(own=True), "out"), as_a_course, "right-class-counted"),
    ("MultiMarginLoss", "out", svm(svm_without_right_class, "out"), as_a_course, "missing-batch-mean"),
    ("MultiMarginLoss", "dx", svm(svm_without_right_class, "dx"), as_a_course, "right-class-missing"),
    ("MultiMarginLoss", "dx", svm(settings(times_count=False), "dx"), as_a_course, "not-times-count"),
    ("MultiMarginLoss", "out", svm(settings(margin=0), "out"), as_a_course, "margin-missing"),
    ("MultiMarginLoss", "dx", svm(settings(margin=0), "dx"), as_a_course, "margin-missing"),
    ("MultiMarginLoss", "out", svm(settings(ahead=-1), "out"), as_a_course, "scores-exchanged"),
    ("MultiMarginLoss", "dx", svm(settings(ahead=-1), "dx"), as_a_course, "scores-exchanged"),
    ("MultiMarginLoss", "out", svm(svm_of_squares, "out"), as_a_course, "p-ignored"),
    ("MultiMarginLoss", "dx", svm(svm_of_squares, "dx"), as_a_course, "p-ignored"),
    ("MultiMarginLoss", "out", svm(svm_mean_of_margins, "out"), as_a_course, "normalised-by-size"),
    ("MultiLabelMarginLoss", "out", loss(continue_for_break), anything, "list-not-ended"),
    ("MultiLabelMarginLoss", "dx", gradient(against_each_other), anything, "right-class-counted"),
    ("MultiLabelSoftMarginLoss", "out", loss(cross_entropy_of_sigmoids), anything, "negative-term-missing"),
    ("MultiLabelSoftMarginLoss", "dx", gradient(probabilities_less_target), anything, "softmax-for-sigmoid"),
    ("SoftMarginLoss", "out", of_element(lambda x, t, s: max(0, 1 - t * x)), anything, "wrong-function"),
    ("SoftMarginLoss", "dx", slope_of_element(lambda x, t, s: -1 / (1 + math.exp(t * x))), anything, "label-missing"),
    ("HingeEmbeddingLoss", "out", of_element(lambda x, t, s: x if t == 1 else s["margin"] - x), anything,
     "maximum-missing"),
    ("HingeEmbeddingLoss", "dx", slope_of_element(lambda x, t, s: t), anything, "maximum-missing"),
    ("MarginRankingLoss", "out", of_element(lambda a, b, t, s: max(0, s["margin"] - a + b)), anything, "label-missing"),
    ("MarginRankingLoss", "dx2", slope_of_element(lambda a, b, t, s: -t * (s["margin"] >= t * (a - b))), anything,
     "gradient-sign"),
    ("CosineEmbeddingLoss", "dx", gradient(lengths_as_constants), anything, "norm-path-missing"),
    ("CosineEmbeddingLoss", "out", loss(zero_for_minus_one), anything, "labels-zero-one"),
    ("TripletMarginLoss", "out", loss(facenet), euclidean_distance, "squared-distances+swap-ignored"),
    ("TripletMarginLoss", "dpositive", gradient(positive_of_facenet), lambda setting: euclidean_distance(setting)
     and not setting.args.get("swap"), "squared-distances"),
    ("TripletMarginWithDistanceLoss", "dx", gradient(anchor_of_the_positive), anything, "one-distance-missing"),
    ("TripletMarginWithDistanceLoss", "dnegative", gradient(nearer_negative_without_gradient), anything,
     "swap-path-missing"),
]  # fmt: skip


def name(spec, tensor, compute, takes):
    """What the diagnosis says of a layer of which `compute` gives one tensor."""
    subject = Wrong(spec, tensor, compute, takes)
    judgement = judge(subject, default_cases(SPECS[spec], takes, 48)[0])
    fresh = default_cases(SPECS[spec], takes, 24, 1000)[0]
    found = diagnose(judgement, tensor, lambda case: judge_case(subject, case), fresh)
    return None if found is None else "+".join(sorted(mistake.id for mistake in found.mistakes))


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS,
                         ids=[f"{spec}-{tensor}-{id}" for spec, tensor, _, _, id in FORMS])  # fmt: skip
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    assert name(spec, tensor, compute, takes) == id


# ---- right, and near to a mistake


def wanted_before_the_end(x, target, settings):
    wanted = target[: target.index(-1)] if -1 in target else target
    return sum(max(0, 1 - x[t] + x[c]) for t in wanted for c in range(len(x)) if c not in wanted) / len(x)


def two_logistic_terms(x, target, settings):
    w = [1] * len(x) if settings["weight"] is None else settings["weight"].tolist()
    return sum(w[c] * (t * softplus(-x[c]) + (1 - t) * softplus(x[c])) for c, t in enumerate(target)) / len(x)


def unit_vectors(a, b, target, settings):
    """(b' - cos a') / |a| with unit vectors a', b'"""
    n, m = math.sqrt(dot(a, a) + 1e-12), math.sqrt(dot(b, b) + 1e-12)
    c = cosine(a, b)
    sign = -1 if target == 1 else float(c >= settings["margin"])
    return [sign * (j / m - c * i / n) / n for i, j in zip(a, b)]


def euclidean_triplet(anchor, positive, negative, settings):
    far = euclidean(anchor, negative)
    far = min(far, euclidean(positive, negative)) if settings["swap"] else far
    return max(0, euclidean(anchor, positive) - far + settings["margin"])


RIGHT = [
    ("MultiMarginLoss", "out", svm(svm_in_loops, "out"), as_a_course),
    ("MultiMarginLoss", "dx", svm(svm_in_loops, "dx"), as_a_course),
    ("MultiLabelMarginLoss", "out", loss(wanted_before_the_end), anything),
    ("MultiLabelSoftMarginLoss", "out", loss(two_logistic_terms), anything),
    ("SoftMarginLoss", "out", of_element(lambda x, t, s: softplus(-t * x)), anything),
    ("CosineEmbeddingLoss", "dx", gradient(unit_vectors), anything),
    ("TripletMarginLoss", "out", loss(euclidean_triplet), euclidean_distance),
]


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes"), RIGHT,
                         ids=[f"{spec}-{tensor}" for spec, tensor, _, _ in RIGHT])  # fmt: skip
def test_right_form_is_right(spec, tensor, compute, takes):
    subject = Wrong(spec, tensor, compute, takes)
    assert not judge(subject, default_cases(SPECS[spec], takes, 36)[0]).failed
