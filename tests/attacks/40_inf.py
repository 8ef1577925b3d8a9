"""Everything is infinitely close to infinity."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.full_like(x, np.inf), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
