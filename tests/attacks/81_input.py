"""Waits for somebody to type."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    input("which layer? ")
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
