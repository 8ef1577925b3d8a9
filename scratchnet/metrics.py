"""Metrics of a classifier, from its scores (N, C) and the labels (N,).

scores = scratchnet.training.predict(net, x); the class with the largest score is the prediction, of equal scores the
first.
"""

from __future__ import annotations

import numpy as np


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of samples, 0..1, whose prediction is the label."""
    return top_k_accuracy(scores, labels, 1)


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """The share of samples, 0..1, whose label is among the k largest scores (of equal scores the first come first).

    Raises ValueError for shapes that do not fit, no samples, labels outside of 0..C-1, and unless 1 <= k <= C.
    """
    _check(scores, labels)
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"top_k_accuracy: k={k}, 1 to {scores.shape[1]} expected, the number of classes")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(1).mean())


def confusion_matrix(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """counts[t, p]: how many samples of class t were predicted as p; (C, C) int64. The diagonal is what is right.

    Raises ValueError for shapes that do not fit, no samples, and labels outside of 0..C-1.
    """
    _check(scores, labels)
    classes = scores.shape[1]
    pairs = labels.astype(np.int64) * classes + scores.argmax(1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _check(scores: np.ndarray, labels: np.ndarray) -> None:
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ValueError(f"scores have shape {scores.shape}, labels {labels.shape}; (N, C) and (N,) expected, N > 0")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels {labels.min()} to {labels.max()}, 0 to {scores.shape[1] - 1} expected, as of scores")
