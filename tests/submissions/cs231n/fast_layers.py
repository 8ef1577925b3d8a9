import numpy as np

try:
    from .im2col_cython import col2im_6d_cython
except ImportError:
    print("build the extension first")


def conv_forward_fast(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    views = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwrs,fcrs->nfhw", views, w) + b[:, None, None], (x, w, views, conv_param)


def conv_backward_fast(dout, cache):
    x, w, views, conv_param = cache
    columns = np.einsum("nfhw,fcrs->crsnhw", dout, w)
    dx = col2im_6d_cython(columns, *x.shape, *w.shape[2:], conv_param["pad"], conv_param["stride"])
    return dx, np.einsum("nfhw,nchwrs->fcrs", dout, views), dout.sum(axis=(0, 2, 3))


def max_pool_forward_im2col(x, pool_param):
    columns = im2col(x, pool_param["pool_height"], pool_param["pool_width"], stride=pool_param["stride"])  # noqa: F821
    return columns.max(axis=0), (x, columns)


def max_pool_forward_reshape(x, pool_param):
    N, C, H, W = x.shape
    size = pool_param["pool_height"]
    assert size == pool_param["pool_width"] == pool_param["stride"], "Invalid pool params"
    assert H % size == 0 and W % size == 0
    tiles = x.reshape(N, C, H // size, size, W // size, size)
    return tiles.max(axis=(3, 5)), tiles


def max_pool_backward_reshape(dout, cache):
    mask = cache == cache.max(axis=(3, 5), keepdims=True)
    dtiles = mask * (dout[:, :, :, None, :, None] / mask.sum(axis=(3, 5), keepdims=True))
    N, C, rows, size, columns, _ = cache.shape
    return dtiles.reshape(N, C, rows * size, columns * size)
