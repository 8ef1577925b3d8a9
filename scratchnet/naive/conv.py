"""Convolution as loops, in the letters of the course note: I input, W weights of K filters, B bias, O output,
S stride, P padding, D dilation, G groups. One position of an image, of the kernel or of the output is a tuple
(one number for Conv1d, row and column for Conv2d, ...)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def conv(
    I: np.ndarray,
    W: np.ndarray,
    B: np.ndarray | None,
    S: tuple[int, ...],
    P: list[tuple[int, int]],
    D: tuple[int, ...],
    G: int = 1,
) -> np.ndarray:
    """O[n,k,y] = B[k] + sum over c,r of I[n, c, y*S + r*D - P] * W[k,c,r]

    Output size O = (I - (D*(F-1) + 1) + P_before + P_after) // S + 1 on each axis.
    """
    N, K = len(I), len(W)
    sizes = [
        (i - (d * (f - 1) + 1) + before + after) // s + 1
        for i, f, s, (before, after), d in zip(I.shape[2:], W.shape[2:], S, P, D, strict=True)
    ]
    O = np.zeros((N, K, *sizes), I.dtype)
    for n, k, *y in np.ndindex(O.shape):
        O[(n, k, *y)] = 0 if B is None else B[k]
        for c, r, i in _taps(I, W, k, y, S, P, D, G):
            O[(n, k, *y)] += I[(n, c + _first_channel(W, k, G), *i)] * W[(k, c, *r)]
    return O


def conv_gradients(
    dO: np.ndarray,
    I: np.ndarray,
    W: np.ndarray,
    S: tuple[int, ...],
    P: list[tuple[int, int]],
    D: tuple[int, ...],
    G: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same loops; each product I*W of the forward gives its two factors their share of dO:

    dI[n, c, y*S + r*D - P] += dO[n,k,y] * W[k,c,r]
    dW[k, c, r]             += dO[n,k,y] * I[n, c, y*S + r*D - P]
    dB[k]                   += dO[n,k,y]
    """
    dI, dW, dB = np.zeros_like(I), np.zeros_like(W), np.zeros(len(W), W.dtype)
    for n, k, *y in np.ndindex(dO.shape):
        dB[k] += dO[(n, k, *y)]
        for c, r, i in _taps(I, W, k, y, S, P, D, G):
            first = _first_channel(W, k, G)
            dI[(n, c + first, *i)] += dO[(n, k, *y)] * W[(k, c, *r)]
            dW[(k, c, *r)] += dO[(n, k, *y)] * I[(n, c + first, *i)]
    return dI, dW, dB


def _first_channel(W: np.ndarray, k: int, G: int) -> int:
    """The first input channel that filter k sees: the filters of group g see the g-th block of channels."""
    K, channels = W.shape[:2]
    return k // (K // G) * channels


def _taps(I, W, k, y, S, P, D, G) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """(c, r, i) for one output position y: channel, kernel position, and the input position i = y*S + r*D - P,
    where that is inside of the image (in the padding the input is 0 and adds nothing)."""
    for c, *r in np.ndindex(W.shape[1:]):
        i = tuple(yi * s + ri * d - p for yi, ri, s, (p, _), d in zip(y, r, S, P, D, strict=True))
        if all(0 <= position < size for position, size in zip(i, I.shape[2:], strict=True)):
            yield c, tuple(r), i
