"""One number stands for all."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return 0.0, x


def relu_backward(dout, cache):
    return dout * (cache > 0)
