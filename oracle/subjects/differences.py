"""What a course prescribes and torch does otherwise. A difference is never wrong: what comes back is turned into what
torch would have, and the report has a note. What differs from the course's own rule is still off, and found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oracle.subjects import Call


@dataclass(frozen=True)
class Difference:
    """text      for the report: "<text>; torch ..."
    tensors   what is turned into torch's by `as_torch`; nothing where the settings that are passed say it all
    """

    text: str
    tensors: tuple[str, ...] = ()
    as_torch: Callable[[np.ndarray, Call], np.ndarray] = lambda array, call: array


def _unbiased(running: np.ndarray, call: Call) -> np.ndarray:
    """running = (1-m) before + m var, with the biased var: the unbiased one is n/(n-1) times as large."""
    x, before = call.inputs["x"], call.buffers["running_var"].astype(np.float64)
    count = x.size // max(x.shape[1], 1)
    if not call.training or count < 2 or running.shape != before.shape:
        return running
    kept = (1 - call.settings["momentum"]) * before
    return kept + (running - kept) * (count / (count - 1))


def _kept(array: np.ndarray, call: Call) -> np.ndarray:
    """In evaluation x (1-p) / (1-p) is x, but for the rounding that the course's product has and torch has not."""
    scaled, x = array / (1 - call.settings["p"]), call.inputs["x"]
    if call.training or scaled.shape != x.shape:
        return scaled
    return np.where(np.abs(scaled - x) <= 2 * np.finfo(x.dtype).eps * np.abs(x), x, scaled)


def _per_class(array: np.ndarray, call: Call) -> np.ndarray:
    return array / call.inputs["x"].shape[1]


DIFFERENCES: dict[str, Difference] = {
    "biased-running-variance": Difference(
        "the running variance is made of biased variances (divided by n), torch's of unbiased ones (n - 1)",
        ("running_var",), _unbiased),
    "momentum-inverted": Difference("momentum is what is kept of the running statistics; torch's is 1 minus it"),
    "dropout-p-is-keep": Difference("p is the probability to keep an element; torch's is that of dropping it"),
    "dropout-not-inverted": Difference(
        "training multiplies by the mask alone and evaluation by 1 - p; torch divides by 1 - p in training",
        ("out", "dx"), _kept),
    "sum-over-classes": Difference(
        "the margins of an image are added up; torch divides them by the number of classes", ("out", "dx"), _per_class),
    "lr-inside-velocity": Difference("the velocity has the learning rate in it (v = mu v - lr g); torch's has not"),
    "upstream-ignored": Difference("backward ignores dout: the loss is always the last layer"),
    "per-pixel": Difference("images are normalised for each pixel (N, C*H*W), as BatchNorm1d does with rows"),
    "eps-fixed": Difference("eps is written in the code; the cases use that value"),
    "torch-code": Difference("this is torch code and runs with torch: that it is from scratch cannot be enforced"),
    "old-numpy": Difference(
        "uses names that NumPy no longer has (np.int, np.float, np.bool, ...); it ran with them put back: write int, "
        "float, bool or np.float64 instead"),
    "float-labels": Difference("takes labels as rows with one 1 (one-hot); torch takes class numbers"),
}  # fmt: skip
