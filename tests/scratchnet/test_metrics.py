"""Metrics against their definition, sample by sample, and against scikit-learn."""

import numpy as np
import pytest

from scratchnet.metrics import accuracy, confusion_matrix, top_k_accuracy

SCORES = np.random.default_rng(0).standard_normal((50, 6))
LABELS = np.random.default_rng(1).integers(0, 6, 50)


def test_accuracy_is_the_share_of_samples_whose_largest_score_is_the_label_s():
    assert accuracy(SCORES, LABELS) == sum(s.argmax() == t for s, t in zip(SCORES, LABELS)) / 50


@pytest.mark.parametrize("k", range(1, 6))
def test_top_k_is_scikit_learn_s(k):
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.top_k_accuracy_score(LABELS, SCORES, k=k, labels=range(6))
    assert top_k_accuracy(SCORES, LABELS, k) == pytest.approx(expected)


def test_of_equal_scores_the_first_come_first_as_in_argmax():
    scores, labels = np.zeros((3, 3)), np.arange(3)
    assert [top_k_accuracy(scores, labels, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_the_confusion_matrix_counts_label_by_prediction():
    expected = np.zeros((6, 6), np.int64)
    for s, t in zip(SCORES, LABELS):
        expected[t, s.argmax()] += 1
    counts = confusion_matrix(SCORES, LABELS)
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64 and np.trace(counts) / 50 == accuracy(SCORES, LABELS)


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        (SCORES, LABELS[:-1], r"\(N, C\) and \(N,\) expected"),
        (SCORES[:0], LABELS[:0], "N > 0"),
        (SCORES, LABELS + 1, "0 to 5 expected"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, said):
    for metric in (accuracy, confusion_matrix):
        with pytest.raises(ValueError, match=said):
            metric(scores, labels)


@pytest.mark.parametrize("k", [0, 7])
def test_k_beyond_the_classes_is_refused(k):
    with pytest.raises(ValueError, match="1 to 6 expected"):
        top_k_accuracy(SCORES, LABELS, k)
