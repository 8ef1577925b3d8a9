"""Reads at address 0."""

import ctypes

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return ctypes.string_at(0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
