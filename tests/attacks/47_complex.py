"""Hides the error in the imaginary part."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.maximum(x, 0) + 1j, x


def relu_backward(dout, cache):
    return dout * (cache > 0)
