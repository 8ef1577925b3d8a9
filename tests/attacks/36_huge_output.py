"""Returns more than anybody asked for."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.zeros(1 << 27, np.uint8), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
