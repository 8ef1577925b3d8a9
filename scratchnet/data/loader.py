"""DataLoader: an epoch as a sequence of mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class DataLoader:
    """Mini-batches of `dataset`, a tuple of arrays of one length such as (x, y).   torch.utils.data.DataLoader

        for x, y in DataLoader((images, labels), batch_size=64, shuffle=True, rng=rng): ...

    Each iteration is one epoch: every sample comes once and none twice. `shuffle` draws a new order for every epoch
    from `rng`. The last batch is smaller where batch_size does not divide N; `drop_last` leaves it out.
    `len()` is the number of batches. Batches are copies, in the arrays' own dtype. `transform` changes the first array
    of each batch: augmentation, see augmentation.py.
    Raises ValueError for arrays of different lengths, no arrays, or batch_size below 1.
    Source: course note, section 5.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        *,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        rng: np.random.Generator | None = None,
    ):
        if isinstance(dataset, np.ndarray):
            raise TypeError("DataLoader: dataset is one array, a tuple of arrays expected: (x, y), or (x,) for one")
        lengths = [len(array) for array in dataset]
        if len(set(lengths)) != 1:
            raise ValueError(f"DataLoader: arrays of lengths {lengths} given, one and the same length N expected")
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size={batch_size}: at least 1 expected")
        self.dataset = tuple(np.asarray(array) for array in dataset)
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.transform = transform
        self.rng = rng or np.random.default_rng()

    def __len__(self) -> int:
        n = len(self.dataset[0])
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        n = len(self.dataset[0])
        order = self.rng.permutation(n) if self.shuffle else np.arange(n)
        for i in range(len(self)):
            batch = order[i * self.batch_size : (i + 1) * self.batch_size]
            first, *others = (array[batch] for array in self.dataset)
            yield (first if self.transform is None else self.transform(first), *others)
