"""Augmentation: each mini-batch is changed at random in ways that leave its labels right.

    shifts = RandomCrop(28, padding=2, rng=rng)
    for x, y in DataLoader((images, labels), 64, shuffle=True, transform=shifts, rng=rng): ...

By torchvision.transforms' names, but for whole batches (N, C, H, W): every image has a draw of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]


class RandomCrop:
    """A window of `size` at a random place of each image, with `padding` zeros around it.

    x (N, C, H, W) -> (N, C, *size); size and padding are one integer or (height, width). RandomCrop(28, padding=2) of
    images of 28 x 28 moves each by -2..2 pixels in both directions.
    Raises ValueError for an image that is smaller than the window.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | tuple[int, int] = 0,
        *,
        rng: np.random.Generator | None = None,
    ):
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = (padding, padding) if isinstance(padding, int) else tuple(padding)
        self.rng = rng or np.random.default_rng()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        _check_images(self, x)
        padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in self.padding)))
        spare = [have - want for have, want in zip(padded.shape[2:], self.size, strict=True)]
        if min(spare) < 0:
            raise ValueError(
                f"RandomCrop: images of {padded.shape[2]} x {padded.shape[3]} with their padding, at least "
                f"{self.size[0]} x {self.size[1]} expected; use a smaller size or more padding"
            )
        rows, columns = (self.rng.integers(0, n + 1, len(x)) for n in spare)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size, (2, 3))
        return windows[np.arange(len(x)), :, rows, columns]  # (N, C, *size): a copy


class RandomHorizontalFlip:
    """Each image mirrored, left to right, with probability p: x (N, C, H, W) -> the same.

    For pictures whose mirror image is as likely; a mirrored digit is another sign.
    Raises ValueError for p outside of 0..1.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p={p}, a probability from 0 to 1 expected")
        self.p, self.rng = p, rng or np.random.default_rng()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        _check_images(self, x)
        flipped = self.rng.random(len(x)) < self.p
        return np.where(flipped[:, None, None, None], x[..., ::-1], x)


class Compose:
    """One transform after the other: Compose([RandomCrop(32, padding=4, rng=rng), RandomHorizontalFlip(rng=rng)])."""

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = list(transforms)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            x = transform(x)
        return x


def _check_images(owner: object, x: np.ndarray) -> None:
    if x.ndim != 4:
        raise ValueError(f"{type(owner).__name__}: x has shape {x.shape}, images (N, C, H, W) expected")
