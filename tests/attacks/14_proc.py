"""Reads the memory and the environment of its parent."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    for name in ("environ", "cmdline", "maps", "mem"):
        open(f"/proc/{os.getppid()}/{name}", "rb").read(1)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
