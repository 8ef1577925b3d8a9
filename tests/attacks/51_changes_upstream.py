"""Works in the gradient that it is given, which does no harm."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    dout[cache <= 0] = 0
    return dout
