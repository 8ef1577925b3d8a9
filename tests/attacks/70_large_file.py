"""Writes a file of a terabyte."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    with open("large", "wb") as file:
        file.truncate(1 << 40)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
