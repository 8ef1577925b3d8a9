"""Waits."""

import time

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    time.sleep(1000)
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
