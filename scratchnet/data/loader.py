"""DataLoader: an epoch as a sequence of mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


class DataLoader:
    """Mini-batches of `dataset`, a tuple of arrays of one length such as (x, y).   torch.utils.data.DataLoader

        for x, y in DataLoader((images, labels), batch_size=64, shuffle=True, rng=rng): ...

    Each iteration is one epoch: every sample comes once and none twice. `shuffle` draws a new order for every epoch
    from `rng`. The last batch is smaller where batch_size does not divide N; `drop_last` leaves it out.
    `len()` is the number of batches. Batches are copies, in the arrays' own dtype. `transform` changes the first array
    of each batch: augmentation, see augmentation.py.
    `state_dict()` has the order of the epoch under way and the place in it (not the generators): after
    `load_state_dict` the next iteration is the rest of that epoch. As torchdata's StatefulDataLoader.
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
        self.begin()

    def begin(self) -> None:
        """Forget an epoch that was broken off: the next iteration is a whole one."""
        self._under_way: tuple[np.ndarray, int] | None = None  # order and number of the samples that went through
        self._resumed = False

    def __len__(self) -> int:
        n = len(self.dataset[0])
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        n = len(self.dataset[0])
        if self._resumed and self._under_way is not None:
            order, start = self._under_way
        else:
            order, start = self.rng.permutation(n) if self.shuffle else np.arange(n), 0
        self._resumed = False
        for i in range(start, n - n % self.batch_size if self.drop_last else n, self.batch_size):
            batch = order[i : i + self.batch_size]
            first, *others = (array[batch] for array in self.dataset)
            self._under_way = order, i + len(batch)
            yield (first if self.transform is None else self.transform(first), *others)
        self._under_way = None

    def state_dict(self) -> dict[str, Any]:
        """{"order", "samples"}: how the epoch under way was shuffled, and how many of it went through; None and 0
        between two epochs."""
        order, samples = self._under_way or (None, 0)
        return {"order": order, "samples": samples}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError where the order is one of another number of samples."""
        order, n = state["order"], len(self.dataset[0])
        if order is not None and len(order) != n:
            raise ValueError(f"DataLoader: the order of an epoch of {len(order)} samples, {n} expected")
        self._under_way = None if order is None else (order, state["samples"])
        self._resumed = order is not None
