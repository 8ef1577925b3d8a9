"""CTCLoss."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.checks import check_dtype
from scratchnet.nn.loss import _Loss
from scratchnet.ops.loss_ctc import ctc_backward, ctc_forward


class CTCLoss(_Loss):
    """L = -log of the summed probability of all alignments of the frames that spell the labels.   torch.nn.CTCLoss

    forward(x, target, input_lengths, target_lengths), all but x integers:
      x               (T, N, C) log-probabilities, from a log-softmax over C; or (T, C), one sequence, whose loss is ()
      target          (N, S) labels, each row used as far as its length; or (sum of the lengths,), one after the other
      input_lengths   (N,) frames of each sequence, 1 to T;   target_lengths (N,) its labels, 0 to S
    An alignment names one class for each frame; without repetitions, and then without the class `blank`, it spells the
    labels. "mean" divides each loss by the number of its labels (at least 1), then by N; "sum", "none" (N,). Where no
    alignment fits (too few frames) the loss is inf; zero_infinity=True makes it and its gradient 0.
    Gradient: dx[t,c] = dout (exp x[t,c] - the part of the alignments with class c in frame t), that of the scores
    before the log-softmax, which leaves it as it is (as torch); None for the integers.
    Raises ValueError for shapes that do not fit, lengths and labels out of range, TypeError for dtypes.
    Source: Graves, Fernandez, Gomez and Schmidhuber 2006.
    """

    def __init__(self, blank: int = 0, *, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction)
        self.blank, self.zero_infinity = int(blank), bool(zero_infinity)

    def forward(
        self, x: np.ndarray, target: np.ndarray, input_lengths: np.ndarray, target_lengths: np.ndarray
    ) -> np.ndarray:
        check_dtype(self, x=x)
        if x.ndim not in (2, 3):
            raise ValueError(f"CTCLoss: x has shape {x.shape}, (T, N, C) or (T, C) expected")
        if not 0 <= self.blank < x.shape[-1]:
            raise ValueError(f"CTCLoss: blank={self.blank}, a class from 0 to {x.shape[-1] - 1} expected")
        batch = x if x.ndim == 3 else x[:, None]
        frames = self._lengths("input_lengths", input_lengths, batch.shape[1], 1, len(x))
        labels = self._labels(target, target_lengths, batch.shape[1], x.shape[-1])
        out, cache = ctc_forward(batch, labels, frames, self.blank, self.reduction, self.zero_infinity)
        return self.keep_loss(out.reshape(()) if x.ndim == 2 else out, (cache, x.shape))

    def backward(self, dout: Any = None) -> tuple[np.ndarray, None, None, None]:
        dout, (cache, shape) = self.kept_loss(dout)
        return ctc_backward(dout, cache).reshape(shape), None, None, None

    def _lengths(self, name: str, given: np.ndarray, count: int, least: int, most: int) -> np.ndarray:
        lengths = np.asarray(given)
        if lengths.dtype.kind not in "iu":
            raise TypeError(f"CTCLoss: {name} is {lengths.dtype}, integers expected")
        if lengths.size != count or lengths.ndim > 1:
            raise ValueError(f"CTCLoss: {name} has shape {lengths.shape}, ({count},) expected: one for each sequence")
        wrong = lengths[(lengths < least) | (lengths > most)]
        if wrong.size:
            raise ValueError(f"CTCLoss: {name} has {wrong[0]}, {least} to {most} expected")
        return lengths.reshape(-1)

    def _labels(self, target: np.ndarray, target_lengths: np.ndarray, count: int, classes: int) -> list[np.ndarray]:
        """The labels of each sequence."""
        if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu":
            given = getattr(target, "dtype", type(target).__name__)
            raise TypeError(f"CTCLoss: target is {given}, labels expected: an array of integers")
        lengths = self._lengths("target_lengths", target_lengths, count, 0, target.shape[-1] if target.ndim else 0)
        if target.ndim == 2 and len(target) == count:
            rows = [row[:length] for row, length in zip(target, lengths)]
        elif target.ndim == 1 and target.size == lengths.sum():
            rows = np.split(target, np.cumsum(lengths)[:-1])
        else:
            raise ValueError(
                f"CTCLoss: target has shape {target.shape}, ({count}, S) or ({lengths.sum()},) expected: the labels of "
                f"{count} sequences with {lengths.sum()} labels together"
            )
        for row in rows:
            wrong = row[(row < 0) | (row >= classes) | (row == self.blank)]
            if wrong.size:
                raise ValueError(
                    f"CTCLoss: label {wrong[0]} in target, 0 to {classes - 1} without blank={self.blank} expected"
                )
        return rows
