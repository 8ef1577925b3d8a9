"""MaxUnpool1d to 3d: the way back from MaxPool's maxima and their indices."""

from __future__ import annotations

import numpy as np

from scratchnet.checks import check_dout
from scratchnet.nn.pooling import Pool, SizeLike
from scratchnet.ops.pooling_unpool import max_unpool_backward, max_unpool_forward


class _MaxUnpool(Pool):
    def __init__(self, kernel_size: SizeLike, stride: SizeLike | None = None, padding: SizeLike = 0):
        super().__init__()
        self._set_window(kernel_size, stride, padding)

    def forward(self, x: np.ndarray, indices: np.ndarray, output_size: tuple[int, ...] | None = None) -> np.ndarray:
        """`output_size`: the sizes that the pooled image had (or its whole shape), where the stride does not say it."""
        self._check_input(x)
        if not isinstance(indices, np.ndarray) or indices.dtype != np.int64:
            kind = getattr(indices, "dtype", type(indices).__name__)
            raise TypeError(
                f"{type(self).__name__}: indices are {kind}, an int64 array expected, as MaxPool returns it"
            )
        if indices.shape != x.shape:
            raise ValueError(f"{type(self).__name__}: indices have shape {indices.shape}, that of x {x.shape} expected")
        out, cache = max_unpool_forward(x, indices, self._sizes_for(x.shape[-self.ndim :], output_size))
        self.keep((cache, out.shape, out.dtype))
        return out

    def _sizes_for(self, sizes: tuple[int, ...], output_size: tuple[int, ...] | None) -> tuple[int, ...]:
        axes = zip(sizes, self.kernel_size, self.stride, self.padding, strict=True)
        usual = tuple((i - 1) * s - 2 * p + f for i, f, s, p in axes)
        wanted = usual if output_size is None else tuple(output_size)
        if len(wanted) == self.ndim + 2:
            wanted = wanted[2:]
        near = zip(wanted, usual, self.stride, strict=False)
        if len(wanted) != self.ndim or any(abs(want - size) >= s or want < 1 for want, size, s in near):
            raise ValueError(
                f"{type(self).__name__}: output_size={wanted} for x of sizes {sizes}: {self.ndim} sizes of at least 1 "
                f"expected, within a stride {self.stride} of (size - 1)*stride - 2*padding + kernel_size = {usual}"
            )
        return wanted

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, None]:
        cache, shape, dtype = self.kept()
        check_dout(self, dout, shape, dtype)
        return max_unpool_backward(dout, cache), None

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Maxima put back: x and indices (N, C, W) or (C, W).   torch.nn.MaxUnpool1d; see MaxUnpool2d."""

    ndim = 1


class MaxUnpool2d(_MaxUnpool):
    """out[n, c, indices[n,c,y,x]] = in[n,c,y,x], 0 everywhere else.   torch.nn.MaxUnpool2d

    x and indices (int64, flat positions in the image that is made) (N, C, H, W) or (C, H, W) -> the same with
    H2 = (H - 1)*S - 2P + Ps, or forward's output_size. kernel_size, stride and padding are those of the MaxPool2d with
    return_indices=True that made x. Of several values for one place the last stays.
    Gradient: dx[n,c,y,x] = dout[n, c, indices[n,c,y,x]], None for the indices.
    Raises ValueError for wrong shapes, an index outside of the output, or an output_size that the settings cannot
    have; TypeError for indices that are not int64.   Source: Zeiler and Fergus 2014.
    """

    ndim = 2


class MaxUnpool3d(_MaxUnpool):
    """Maxima put back: x and indices (N, C, D, H, W) or (C, D, H, W).   torch.nn.MaxUnpool3d; see MaxUnpool2d."""

    ndim = 3
