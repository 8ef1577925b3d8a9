"""Works in its caller's array."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    np.maximum(x, 0, out=x)
    return x.copy(), x.copy()


def relu_backward(dout, cache):
    return dout * (cache > 0)
