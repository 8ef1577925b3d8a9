"""Leaves shared memory behind."""

import ctypes
import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(0, 4096, 0o1600) < 0:
        raise OSError(ctypes.get_errno(), "shared memory: " + os.strerror(ctypes.get_errno()))
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
