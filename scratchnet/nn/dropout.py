"""Dropout, Dropout1d to 3d, AlphaDropout, FeatureAlphaDropout: one layer, which differs in what it drops at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.checks import check_dout, check_dtype
from scratchnet.nn.module import Module
from scratchnet.ops.dropout import (
    alpha_dropout_backward,
    alpha_dropout_forward,
    draw_mask,
    dropout_backward,
    dropout_forward,
)

Forward = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, Any]]
Backward = Callable[[np.ndarray, Any], np.ndarray]


class _Dropout(Module):
    """mask    of the last forward, in x's dtype: 1 where kept, 0 where dropped; in evaluation all 1"""

    pair: tuple[Forward, Backward] = (dropout_forward, dropout_backward)
    lead: tuple[tuple[int, int], ...] = ()  # (axes of x, leading axes that the mask has); (): it has all axes

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p={p}, the probability to DROP, from 0 to 1, expected")
        self.p, self.rng = p, rng or np.random.default_rng()
        self.mask: np.ndarray | None = None

    def forward(self, x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        check_dtype(self, x=x)
        shape = self._mask_shape(x)
        if not self.training:
            self.mask = np.broadcast_to(np.ones((), x.dtype), shape)
            self.keep((None, x.shape, x.dtype))
            return x
        self.mask = draw_mask(shape, self.p, x.dtype, self.rng) if mask is None else self._given(mask, shape, x.dtype)
        out, cache = self.pair[0](x, self.mask, self.p)
        self.keep((cache, x.shape, x.dtype))
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return dout if cache is None else self.pair[1](dout, cache)

    def _mask_shape(self, x: np.ndarray) -> tuple[int, ...]:
        if not self.lead:
            return x.shape
        for ndim, lead in self.lead:
            if x.ndim == ndim:
                return (*x.shape[:lead], *(1,) * (ndim - lead))
        known = " or ".join(f"{ndim} axes ({'N, C' if lead == 2 else 'C'}, sizes)" for ndim, lead in self.lead)
        raise ValueError(f"{type(self).__name__}: x has shape {x.shape}, {known} expected")

    def _given(self, mask: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if np.shape(mask) != shape:
            raise ValueError(f"{type(self).__name__}: mask has shape {np.shape(mask)}, {shape} expected")
        mask = np.array(mask)
        if not np.isin(mask, (0, 1)).all():
            raise ValueError(f"{type(self).__name__}: mask holds other values than 1 (kept) and 0 (dropped)")
        return mask.astype(dtype)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(_Dropout):
    """In training each element is 0 with probability p, else x / (1 - p); in evaluation x itself.   torch.nn.Dropout

    x of any shape -> the same shape. The mask is drawn from `rng`, can be read back as `layer.mask`, and can be handed
    in: `layer.forward(x, mask)`, of 1 (kept) and 0 (dropped).
    Gradient: dx = dout * mask / (1 - p), with the mask of its forward.
    Raises ValueError for p outside of 0..1 and a mask that does not fit.   Source: Srivastava et al. 2014.
    """


class Dropout1d(_Dropout):
    """Whole channels at once: x (N, C, L) or (C, L), mask (N, C, 1) or (C, 1).   torch.nn.Dropout1d; see Dropout."""

    lead = ((3, 2), (2, 1))


class Dropout2d(_Dropout):
    """Whole channels at once: x (N, C, H, W), mask (N, C, 1, 1).   torch.nn.Dropout2d; see Dropout

    Neighbouring pixels are alike, so that dropping single ones takes little away. x of 3 axes is (N, C, L), as in torch
    2 (which warns: Dropout1d is meant).   Source: Tompson et al. 2015.
    """

    lead = ((4, 2), (3, 2))


class Dropout3d(_Dropout):
    """Whole channels at once: x (N, C, D, H, W) or (C, D, H, W).   torch.nn.Dropout3d; see Dropout."""

    lead = ((5, 2), (4, 1))


class AlphaDropout(_Dropout):
    """Dropout for SELU networks, which keeps mean 0 and variance 1.   torch.nn.AlphaDropout; see Dropout

    In training out = a (x mask + t (1 - mask)) - a t p with t = -1.7581 and a = ((1 - p)(1 + p t^2))^(-1/2); in
    evaluation x itself. Gradient: dx = a dout mask.   Source: Klambauer et al. 2017.
    """

    pair = (alpha_dropout_forward, alpha_dropout_backward)


class FeatureAlphaDropout(AlphaDropout):
    """AlphaDropout of whole channels: x (N, C, ...), mask (N, C, 1, ...).   torch.nn.FeatureAlphaDropout."""

    def _mask_shape(self, x: np.ndarray) -> tuple[int, ...]:
        if x.ndim < 2:
            raise ValueError(f"FeatureAlphaDropout: x has shape {x.shape}, (N, C, sizes...) expected")
        return (*x.shape[:2], *(1,) * (x.ndim - 2))
