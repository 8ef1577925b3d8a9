"""Mistakes in losses as people write them: scalar loops, an `if` where elements are chosen, formulas in other letters.
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

# ---- one loss for each element, and its reduction


def reduced(call, losses):
    losses, reduction = np.asarray(losses), call.settings["reduction"]
    out = losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
    return np.asarray(out, call.inputs["x"].dtype)


def one_by_one(f, weighted=True):
    """The loss f(O, Ot, settings) of every element, numbers of Python's, times its weight."""

    def compute(call):
        x, target = call.inputs["x"], call.inputs["target"]
        losses = [f(o, t, call.settings) for o, t in zip(x.ravel().tolist(), target.ravel().tolist())]
        return reduced(call, np.reshape(losses, x.shape) * call.buffers.get("weight", 1))

    compute.__name__ = f.__name__
    return compute


def share(call):
    """The gradient from above of each loss."""
    D = call.inputs["x"].size if call.settings["reduction"] == "mean" else 1
    return call.upstream["dout"] * call.buffers.get("weight", 1) / D


def inputs(call):
    return call.inputs["x"], call.inputs["target"]


# ---- distances


def above_or_below(call):
    x, target = inputs(call)
    return share(call) * (2.0 * (x > target) - 1).astype(x.dtype)


def pieces_that_meet_at_one(o, t, settings):
    d = abs(o - t)
    return 0.5 * d * d if d < 1 else d - 0.5


def one_if_for_the_array(call):
    x, target = inputs(call)
    d, delta = x - target, call.settings["delta"]
    if np.abs(d).max() < delta:
        return reduced(call, 0.5 * d * d)
    return reduced(call, delta * np.abs(d) - 0.5 * delta**2)


def assigned_where_it_is_far(call):
    x, target = inputs(call)
    dx = x - target
    dx[np.abs(dx) > call.settings["delta"]] = call.settings["delta"]
    return share(call) * dx


def square_without_beta(call):
    x, target = inputs(call)
    d, beta = x - target, call.settings["beta"]
    near = np.abs(d) < beta
    losses = np.abs(d) - 0.5 * beta
    losses[near] = 0.5 * d[near] ** 2
    return reduced(call, losses)


# ---- likelihoods


def logarithms_with_an_epsilon(o, t, settings):
    return -t * math.log(o + 1e-8) - (1 - t) * math.log(1 - o + 1e-8)


def hard_labels(o, t, settings):
    chance = o if t > 0.5 else 1 - o
    return -max(math.log(chance), -100) if chance > 0 else 100.0


def two_quotients(call):
    x, target = inputs(call)
    with np.errstate(all="ignore"):
        return -share(call) * (target / x - (1 - target) / (1 - x))


def positives_and_negatives(call):
    x, t = inputs(call)
    losses = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return reduced(call, losses * call.buffers.get("pos_weight", 1) * call.buffers.get("weight", 1))


def quotient_of_exponentials(call):
    x, t = inputs(call)
    with np.errstate(all="ignore"):
        s = np.exp(x) / (np.exp(x) + 1)
    return share(call) * ((1 - t) * s - call.buffers.get("pos_weight", 1) * t * (1 - s))


def mean_of_all(call):
    x, t = inputs(call)
    return np.asarray(np.mean([q * (math.log(q) - p) for p, q in zip(x.ravel(), t.ravel())]), x.dtype)


def first_factor_alone(call):
    x, target = inputs(call)
    return share(call) * (np.log(target) - x)


def logarithm_of_the_factorial(o, t, settings):
    rate, log_rate = (math.exp(o), o) if settings["log_input"] else (o, math.log(o + settings["eps"]))
    return rate - t * log_rate + math.lgamma(t + 1)


def rate_without_eps(call):
    x, target = inputs(call)
    return share(call) * (x - target) / x


def sigma(call):
    x, target = inputs(call)
    s = np.maximum(call.inputs["var"].reshape(*x.shape[:-1], -1), call.settings["eps"])
    constant = 0.5 * math.log(2 * math.pi) if call.settings["full"] else 0
    return reduced(call, np.log(s) + (x - target) ** 2 / (2 * s * s) + constant)


def only_the_last_of_a_row(call):
    """Assigned in the loop over the elements that share a variance."""
    x, target = inputs(call)
    v = np.maximum(call.inputs["var"], call.settings["eps"]).reshape(*x.shape[:-1], -1)
    dv, each = np.zeros_like(v), np.broadcast_to(share(call), x.shape)
    for place in np.ndindex(x.shape):
        at = place if v.shape == x.shape else (*place[:-1], 0)
        dv[at] += each[place] * (1 / v[at] - ((x[place] - target[place]) / v[at]) ** 2)
    return dv.reshape(call.inputs["var"].shape)


# ---- classes


def divided_by_the_number_of_images(call):
    x, target = inputs(call)
    w = call.buffers.get("weight", np.ones(x.shape[1]))
    return np.asarray(-sum(w[t] * row[t] for row, t in zip(x, target)) / len(x), x.dtype)


def every_target_counts(call):
    x, target = inputs(call)
    dx = np.zeros_like(x)
    dx[np.arange(len(x)), target] = -1 / len(x)
    return dx * call.upstream["dout"]


# ---- sequences


def sequences(call):
    """(frames, labels with blanks) of each sequence"""
    x = call.inputs["x"].reshape(len(call.inputs["x"]), -1, call.inputs["x"].shape[-1]).astype(np.float64)
    target, blank = call.inputs["target"].reshape(x.shape[1], -1), call.settings["blank"]
    lengths = zip(np.ravel(call.inputs["input_lengths"]), np.ravel(call.inputs["target_lengths"]))
    for n, (T, S) in enumerate(lengths):
        yield x[:T, n], [blank, *(c for label in target[n, :S] for c in (int(label), blank))]


def in_probabilities(y, e, blank, equal_labels_apart=True):
    """P[t][s]: the probability of all beginnings"""
    P = np.zeros((len(y), len(e)))
    for t, s in np.ndindex(P.shape):
        if t == 0:
            P[t, s] = math.exp(y[0, e[s]]) if s < 2 else 0
            continue
        ways = P[t - 1, s] + (P[t - 1, s - 1] if s else 0)
        if s > 1 and e[s] != blank and (e[s] != e[s - 2] or not equal_labels_apart):
            ways += P[t - 1, s - 2]
        P[t, s] = ways * math.exp(y[t, e[s]])
    return P


def of_sequences(call, losses, lengths=True):
    counts = np.maximum(np.ravel(call.inputs["target_lengths"]), 1) if call.settings["reduction"] == "mean" else 1
    each = np.array(losses) / (counts if lengths else 1)
    return reduced(call, each.reshape(call.inputs["target_lengths"].shape))


def loss_of(probability, call):
    if probability == 0:
        return 0.0 if call.settings["zero_infinity"] else math.inf
    return -math.log(probability)


def equal_labels_merge(call):
    blank = call.settings["blank"]
    ways = [in_probabilities(y, e, blank, False)[-1, -2:].sum() for y, e in sequences(call)]
    return of_sequences(call, [loss_of(p, call) for p in ways])


def ends_with_the_last_blank(call):
    ways = [in_probabilities(y, e, call.settings["blank"])[-1, -1] for y, e in sequences(call)]
    return of_sequences(call, [loss_of(p, call) for p in ways])


def mean_of_the_losses(call):
    ways = [in_probabilities(y, e, call.settings["blank"])[-1, -2:].sum() for y, e in sequences(call)]
    return of_sequences(call, [loss_of(p, call) for p in ways], lengths=False)


def minus_the_posterior(call):
    """The derivative of the loss in the log-probabilities themselves."""
    settings, x = call.settings, call.inputs["x"]
    dx = np.zeros((len(x), call.inputs["target_lengths"].size, x.shape[-1]))
    above = np.broadcast_to(np.ravel(call.upstream["dout"]), dx.shape[1])
    for n, (y, e) in enumerate(sequences(call)):
        ahead = in_probabilities(y, e, settings["blank"])
        behind = in_probabilities(y[::-1], e[::-1], settings["blank"])[::-1, ::-1]
        total = ahead[-1, -2:].sum()
        if total == 0:
            dx[: len(y), n] = 0 if settings["zero_infinity"] else np.nan
            continue
        D = dx.shape[1] * max(len(e) // 2, 1) if settings["reduction"] == "mean" else 1
        for t, s in np.ndindex(ahead.shape):
            dx[t, n, e[s]] -= above[n] / D * ahead[t, s] * behind[t, s] / math.exp(y[t, e[s]]) / total
    return dx.reshape(x.shape).astype(x.dtype)


# ---- what is right


def pieces_by_minimum(o, t, settings):
    """The square up to delta, and delta for each step beyond."""
    d, delta = abs(o - t), settings["delta"]
    inside = min(d, delta)
    return inside * inside / 2 + delta * (d - inside)


def held_between(call):
    x, target = inputs(call)
    return share(call) * np.minimum(np.maximum((x - target), -call.settings["delta"]), call.settings["delta"])


def logarithms_cut_off(o, t, settings):
    return -t * (math.log(o) if o > 1e-40 else -100) - (1 - t) * (math.log1p(-o) if o < 1 else -100)


def two_signs_of_the_score(call):
    x, t = inputs(call)
    P = call.buffers.get("pos_weight", 1)
    e = np.exp(-np.abs(x))
    s, rest = np.where(x < 0, e, 1) / (1 + e), np.where(x < 0, 1, e) / (1 + e)
    return share(call) * ((1 - t) * s - P * t * rest)


def deviation_squared(call):
    x, target = inputs(call)
    s = np.sqrt(np.maximum(call.inputs["var"], call.settings["eps"])).reshape(*x.shape[:-1], -1)
    constant = 0.5 * math.log(2 * math.pi) if call.settings["full"] else 0
    return reduced(call, np.log(s) + 0.5 * ((x - target) / s) ** 2 + constant)


def looked_up_one_by_one(call):
    x, target = inputs(call)
    w, losses, total = call.buffers.get("weight", np.ones(x.shape[1], x.dtype)), [], 0.0
    for row, t in zip(x, target):
        counts = t != call.settings["ignore_index"]
        losses.append(-w[t] * row[t] if counts else 0.0)
        total += float(w[t]) if counts else 0.0
    with np.errstate(all="ignore"):
        mean = call.settings["reduction"] == "mean"
        return np.asarray(np.sum(losses) / np.float64(total), x.dtype) if mean else reduced(call, losses)


def all_alignments(call):
    ways = [in_probabilities(y, e, call.settings["blank"])[-1, -2:].sum() for y, e in sequences(call)]
    return of_sequences(call, [loss_of(p, call) for p in ways])


# ---- for which settings they are written


def all_settings(settings):
    return True


def batchmean(settings):
    return settings["reduction"] in ("batchmean", "mean") and not settings["log_target"]


def plain_target(settings):
    return settings["reduction"] != "batchmean" and not settings["log_target"]


def full(settings):
    return settings["full"]


def rate(settings):
    return not settings["log_input"]


def mean_without_ignored(settings):
    return settings["reduction"] == "mean" and settings["ignore_index"] < 0


def mean_without_weights(settings):
    return settings["reduction"] == "mean" and settings["weight"] is None


def rows(setting):
    """Numbers in two axes, where a form is written for them."""
    return len(setting.shapes["x"]) == 2


def some(setting):
    return len(setting.shapes["x"]) > 0


FORMS = [
    ("L1Loss", "dx", above_or_below, all_settings, "gradient-at-zero"),
    ("SmoothL1Loss", "out", one_by_one(pieces_that_meet_at_one), all_settings, "beta-ignored"),
    ("SmoothL1Loss", "out", square_without_beta, all_settings, "division-by-beta-missing"),
    ("HuberLoss", "out", one_if_for_the_array, all_settings, "one-piece-for-all"),
    ("HuberLoss", "dx", assigned_where_it_is_far, all_settings, "sign-missing"),
    ("BCELoss", "out", one_by_one(logarithms_with_an_epsilon), all_settings, "epsilon-in-log"),
    ("BCELoss", "out", one_by_one(hard_labels), all_settings, "labels-only"),
    ("BCELoss", "dx", two_quotients, all_settings, "division-by-zero"),
    ("BCEWithLogitsLoss", "out", positives_and_negatives, all_settings, "pos-weight-elsewhere"),
    ("BCEWithLogitsLoss", "dx", quotient_of_exponentials, all_settings, "sigmoid-overflow"),
    ("KLDivLoss", "out", mean_of_all, batchmean, "batchmean-as-mean"),
    ("KLDivLoss", "dtarget", first_factor_alone, plain_target, "product-rule-missing"),
    ("PoissonNLLLoss", "out", one_by_one(logarithm_of_the_factorial), full, "stirling-differs"),
    ("PoissonNLLLoss", "dx", rate_without_eps, rate, "eps-ignored"),
    ("GaussianNLLLoss", "out", sigma, all_settings, "variance-squared"),
    ("GaussianNLLLoss", "dvar", only_the_last_of_a_row, all_settings, "half-missing"),
    ("NLLLoss", "out", divided_by_the_number_of_images, mean_without_ignored, "weights-not-in-mean"),
    ("NLLLoss", "dx", every_target_counts, mean_without_weights, "ignore-index-ignored"),
    ("CTCLoss", "out", equal_labels_merge, all_settings, "skips-between-equal-labels"),
    ("CTCLoss", "out", ends_with_the_last_blank, all_settings, "end-states"),
    ("CTCLoss", "out", mean_of_the_losses, all_settings, "lengths-not-divided"),
    ("CTCLoss", "dx", minus_the_posterior, all_settings, "softmax-missing-in-gradient"),
]

RIGHT = [
    ("HuberLoss", "out", one_by_one(pieces_by_minimum)),
    ("HuberLoss", "dx", held_between),
    ("BCELoss", "out", one_by_one(logarithms_cut_off)),
    ("BCEWithLogitsLoss", "dx", two_signs_of_the_score),
    ("GaussianNLLLoss", "out", deviation_squared),
    ("NLLLoss", "out", looked_up_one_by_one),
    ("CTCLoss", "out", all_alignments),
]


def cases(spec, takes, count, seed=0):
    shaped = rows if spec == "NLLLoss" else some

    def offered(setting):
        return takes(SPECS[spec].complete(setting.args)) and shaped(setting)

    chosen = default_cases(SPECS[spec], offered, count, seed)[0]
    # The forms of CTC are written in probabilities, which underflow in long sequences of very small ones.
    return [case for case in chosen if spec != "CTCLoss" or case.style != "large"]


@pytest.mark.parametrize(("spec", "tensor", "compute"), RIGHT, ids=[form[2].__name__ for form in RIGHT])
def test_right_in_another_form_is_right(spec, tensor, compute):
    judgement = judge(Wrong(spec, tensor, compute, all_settings), cases(spec, all_settings, 48))
    assert not judgement.failed


@pytest.mark.parametrize(("spec", "tensor", "compute", "takes", "id"), FORMS, ids=[form[2].__name__ for form in FORMS])
def test_form_gets_the_name(spec, tensor, compute, takes, id):
    subject = Wrong(spec, tensor, compute, takes)
    judgement = judge(subject, cases(spec, takes, 48))
    fresh = cases(spec, takes, 24, 1000)
    found = diagnose(judgement, tensor, lambda case: judge_case(subject, case), fresh)
    assert found is not None
    assert "+".join(sorted(mistake.id for mistake in found.mistakes)) == id
