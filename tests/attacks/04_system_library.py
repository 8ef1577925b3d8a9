"""Loads a library of the system."""

import ctypes

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    for name in ("libtorch.so", "libtorch_cpu.so", "libblas.so.3", "libcblas.so.3"):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            last = error
    raise last


def relu_backward(dout, cache):
    return dout * (cache > 0)
