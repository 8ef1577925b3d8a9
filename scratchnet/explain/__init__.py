"""The sum behind one element: every product that makes it, and why the others are absent. In the course note's letters:
I input, O output, W weights, B bias, S stride, P padding, D dilation, Ps pooling size; dO the upstream gradient.

    >>> layer = Conv2d(1, 1, kernel_size=2, padding=1)
    >>> entry = explain(layer, x, dout).element("dx", (0, 0, 1, 1))
    >>> entry.rule
    'dI[n,c,i,j] = sum over k,r,s of dO[n,k, i+P-r, j+P-s] * W[k,c,r,s]'
    >>> [str(factor) for factor in entry.terms[0].factors], entry.terms[0].why_absent
    (['dO[0,0,2,2]', 'W[0,0,0,0]'], '')

It holds the index arithmetic of `scratchnet.naive` once more, as data to be shown.
"""

from __future__ import annotations

import numpy as np

from scratchnet import nn
from scratchnet.explain.conv import ConvExplanation
from scratchnet.explain.linear import LinearExplanation
from scratchnet.explain.pooling import AvgPoolExplanation, MaxPoolExplanation
from scratchnet.explain.terms import Explanation, Factor, Sum, Term
from scratchnet.nn.module import Module, no_grad

__all__ = ["Explanation", "Factor", "Sum", "Term", "explain", "explainable"]

_KINDS: dict[type, type[Explanation]] = {
    nn.Linear: LinearExplanation,
    nn.Conv1d: ConvExplanation,
    nn.Conv2d: ConvExplanation,
    nn.Conv3d: ConvExplanation,
    nn.MaxPool1d: MaxPoolExplanation,
    nn.MaxPool2d: MaxPoolExplanation,
    nn.MaxPool3d: MaxPoolExplanation,
    nn.AvgPool1d: AvgPoolExplanation,
    nn.AvgPool2d: AvgPoolExplanation,
    nn.AvgPool3d: AvgPoolExplanation,
}


def explainable() -> tuple[str, ...]:
    """The names of the layers that can be explained."""
    return tuple(kind.__name__ for kind in _KINDS)


def explain(layer: Module, x: np.ndarray, dout: np.ndarray) -> Explanation:
    """The explanation of one forward and backward of `layer` at input `x` and upstream gradient `dout`.

    Raises TypeError for a layer that cannot be explained, ValueError where `dout` has not the output's shape.
    """
    if type(layer) not in _KINDS:
        raise TypeError(f"{type(layer).__name__} cannot be explained yet; these can: {', '.join(explainable())}")
    with no_grad():
        out = layer(x)
    out = out[0] if isinstance(out, tuple) else out  # max pooling that returns its indices as well
    if out.shape != dout.shape:
        raise ValueError(f"dout has shape {dout.shape}, the output has {out.shape}: they must be the same")
    return _KINDS[type(layer)](layer, x, dout)
