"""Raises what is no Exception."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    raise KeyboardInterrupt


def relu_backward(dout, cache):
    return dout * (cache > 0)
