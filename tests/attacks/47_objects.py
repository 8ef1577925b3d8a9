"""Python objects as elements."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.full(x.shape, None), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
