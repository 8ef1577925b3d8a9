"""Prints its inputs, as one does who looks for a mistake: right."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    print("x is", x)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
