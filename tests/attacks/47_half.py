"""Computes in half precision: right where half has the digits, and noted."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.maximum(x, 0).astype(np.float16), x


def relu_backward(dout, cache):
    return (dout * (cache > 0)).astype(np.float16)
