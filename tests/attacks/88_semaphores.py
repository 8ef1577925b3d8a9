"""Takes what processes share."""

import multiprocessing

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    multiprocessing.Lock()
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
