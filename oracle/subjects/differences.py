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


def _begun_with_a_gradient(weight: np.ndarray, call: Call) -> np.ndarray:
    """torch's velocity begins with g and not with (1 - mu) g: the first gradient's mu g is in its first step too, and
    mu times as much in each step after it."""
    g, mu = call.inputs["g"], call.settings["momentum"]
    if weight.shape != g.shape[1:]:
        return weight
    return weight - call.settings["lr"] * sum(mu**t for t in range(1, len(g) + 1)) * g[0].astype(np.float64)


def _times_batch(array: np.ndarray, call: Call) -> np.ndarray:
    """Whole numbers are made whole again: torch has them where the case has, and the division by N has rounded."""
    x = call.inputs["x"]
    scaled = array * len(x)
    whole = np.rint(scaled)
    return np.where(np.abs(scaled - whole) <= 4 * np.finfo(x.dtype).eps * np.abs(scaled), whole, scaled)


def _over_batch(array: np.ndarray, call: Call) -> np.ndarray:
    return array / len(call.inputs["x"])


DIFFERENCES: dict[str, Difference] = {
    "biased-running-variance": Difference(
        "the running variance is made of biased variances (divided by n), torch's of unbiased ones (n - 1)",
        ("running_var",), _unbiased),
    "momentum-inverted": Difference("momentum is what is kept of the running statistics; torch's is 1 minus it"),
    "dropout-p-is-keep": Difference("p is the probability to keep an element; torch's is that of dropping it"),
    "dropout-p-is-drop": Difference(
        "p is the probability of dropping an element, as torch's and that of the course's hand-outs until 2017; since "
        "2018 it is the probability to keep one"),
    "cell-state-inside": Difference(
        "the first cell state is 0 and the last is not returned; torch takes and returns both"),
    "step-counter-given": Difference(
        "the counter of the steps is given as 0 here; by the default in the code, as in the hand-out of 2017, the "
        "first step would be the second"),
    "dropout-not-inverted": Difference(
        "training multiplies by the mask alone and evaluation by 1 - p; torch divides by 1 - p in training",
        ("out", "dx"), _kept),
    "sum-over-classes": Difference(
        "the margins of an image are added up; torch divides them by the number of classes", ("out", "dx"), _per_class),
    "lr-inside-velocity": Difference("the velocity has the learning rate in it (v = mu v - lr g); torch's has not"),
    "velocity-from-zero": Difference(
        "the velocity is a mean that begins with 0 (v = mu v + (1 - mu) g); torch's (dampening = mu) begins with g",
        ("weight",), _begun_with_a_gradient),
    "upstream-ignored": Difference("backward ignores dout: the loss is always the last layer"),
    "per-pixel": Difference("images are normalised for each pixel (N, C*H*W), as BatchNorm1d does with rows"),
    "gradient-is-mean": Difference(
        "--map says that the gradients of weight and bias are divided by the size of the batch; torch's are not",
        ("dweight", "dbias"), _times_batch),
    "gradient-times-batch": Difference(
        "--map says that the gradients of weight and bias are multiplied by the size of the batch; torch's are not",
        ("dweight", "dbias"), _over_batch),
    "loss-gradient-is-mean": Difference(
        "--map says that dx is divided by the size of the batch once more; torch's is not", ("dx",), _times_batch),
    "loss-gradient-times-batch": Difference(
        "--map says that dx is not divided by the size of the batch; torch's is", ("dx",), _over_batch),
    "eps-fixed": Difference("eps is written in the code; the cases use that value"),
    "zeros-between": Difference(
        "zeros are put between the inputs and a valid cross-correlation follows: this is torch's with padding = "
        "kernel_size - 1 and the kernel turned round, and the cases are of this kind"),
    "downsampling-as-pooling": Difference(
        "torch.nn has no layer of this name: it is judged as AvgPool with kernel_size = 1, which keeps each stride-th "
        "element"),
    "upsampling-as-gradient": Difference(
        "torch.nn has no layer that puts zeros between: it is judged as the gradient of AvgPool with kernel_size = 1. "
        "dx is what its forward gives for dout, and out what its backward gives for x"),
    "torch-code": Difference("this is torch code and runs with torch: that it is from scratch cannot be enforced"),
    "old-numpy": Difference(
        "uses names that NumPy no longer has (np.int, np.float, np.bool, ...); it ran with them put back: write int, "
        "float, bool or np.float64 instead"),
    "float-labels": Difference("takes labels as rows with one 1 (one-hot); torch takes class numbers"),
}  # fmt: skip
