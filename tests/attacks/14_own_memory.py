"""Rewrites its own memory by /proc."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    open("/proc/self/mem", "r+b").write(b"0")
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
