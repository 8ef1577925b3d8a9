"""Training and test set, with the same share of every class in both."""

from __future__ import annotations

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def stratified_split(
    x: np.ndarray, y: np.ndarray, test_size: int, *, rng: np.random.Generator | None = None
) -> tuple[Pair, Pair]:
    """(x_train, y_train), (x_test, y_test): `test_size` samples drawn at random into the test set.

    x (N, ...), y (N,) labels. A class that holds n of the N samples gives n/N * test_size of them, rounded so that
    the sum is `test_size`. The order inside the training set is that of `x`: shuffle it while training.
    Raises ValueError for lengths that differ, for labels that are not (N,), or unless 0 < test_size < N.
    """
    x, y = np.asarray(x), np.asarray(y)
    if y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"stratified_split: x has shape {x.shape} and y {y.shape}, (N, ...) and (N,) expected")
    if not 0 < test_size < len(y):
        raise ValueError(f"stratified_split: test_size={test_size}: 1 to {len(y) - 1} expected, of {len(y)} samples")
    rng = rng or np.random.default_rng()

    _, classes = np.unique(y, return_inverse=True)
    counts = np.bincount(classes)
    exact = counts * test_size / len(y)
    shares = np.floor(exact).astype(int)
    # The samples that rounding down left over: one each for the classes that lost most, ties drawn.
    order = np.lexsort((rng.random(len(counts)), shares - exact))
    shares[order[: test_size - shares.sum()]] += 1

    in_test = np.zeros(len(y), bool)
    for k, share in enumerate(shares):
        in_test[rng.choice(np.flatnonzero(classes == k), share, replace=False)] = True
    return (x[~in_test], y[~in_test]), (x[in_test], y[in_test])
