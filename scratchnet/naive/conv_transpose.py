"""Transposed convolution as loops, in the letters of the course note: I input, W weights, B bias, O output, S stride,
P padding, D dilation, G groups. One position of an image, of the kernel or of the output is a tuple (one number for
ConvTranspose1d, row and column for ConvTranspose2d, ...)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Sizes = tuple[int, ...]


def conv_transpose(
    I: np.ndarray, W: np.ndarray, B: np.ndarray | None, S: Sizes, P: Sizes, extra: Sizes, D: Sizes, G: int = 1
) -> np.ndarray:
    """O[n, k, y*S + r*D - P] += I[n,c,y] * W[c,k,r], and B[k] everywhere

    Output size O = (I - 1)*S - 2P + D*(F - 1) + extra + 1 on each axis.
    """
    axes = zip(I.shape[2:], W.shape[2:], S, P, extra, D, strict=True)
    sizes = [(i - 1) * s - 2 * p + d * (f - 1) + e + 1 for i, f, s, p, e, d in axes]
    O = np.zeros((len(I), W.shape[1] * G, *sizes), I.dtype)
    for n, k, *i in np.ndindex(O.shape):
        O[(n, k, *i)] = 0 if B is None else B[k]
    for n, c, *y in np.ndindex(I.shape):
        for k, r, o in _taps(O, W, y, S, P, D):
            O[(n, k + _first_filter(W, c, G), *o)] += I[(n, c, *y)] * W[(c, k, *r)]
    return O


def conv_transpose_gradients(
    dO: np.ndarray, I: np.ndarray, W: np.ndarray, S: Sizes, P: Sizes, D: Sizes, G: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same loops; each product I*W of the forward gives its two factors their share of dO:

    dI[n,c,y] += dO[n, k, y*S + r*D - P] * W[c,k,r]
    dW[c,k,r] += dO[n, k, y*S + r*D - P] * I[n,c,y]
    dB[k]     += dO[n,k,i]
    """
    dI, dW, dB = np.zeros_like(I), np.zeros_like(W), np.zeros(dO.shape[1], W.dtype)
    for n, k, *i in np.ndindex(dO.shape):
        dB[k] += dO[(n, k, *i)]
    for n, c, *y in np.ndindex(I.shape):
        for k, r, o in _taps(dO, W, y, S, P, D):
            upstream = dO[(n, k + _first_filter(W, c, G), *o)]
            dI[(n, c, *y)] += upstream * W[(c, k, *r)]
            dW[(c, k, *r)] += upstream * I[(n, c, *y)]
    return dI, dW, dB


def _first_filter(W: np.ndarray, c: int, G: int) -> int:
    """The first output channel that input channel c adds to: the channels of group g fill the g-th block of them."""
    C, filters = W.shape[:2]
    return c // (C // G) * filters


def _taps(O, W, y, S, P, D) -> Iterator[tuple[int, Sizes, Sizes]]:
    """(k, r, o) for one input position y: filter, kernel position, and the output position o = y*S + r*D - P, where
    that is inside of the output (what lies in the padding is cut off)."""
    for k, *r in np.ndindex(W.shape[1:]):
        o = tuple(yi * s + ri * d - p for yi, ri, s, p, d in zip(y, r, S, P, D, strict=True))
        if all(0 <= position < size for position, size in zip(o, O.shape[2:], strict=True)):
            yield k, tuple(r), o
