"""Sends its inputs out in the message of an error."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    raise ValueError(str(x.tolist()) * 1000)


def relu_backward(dout, cache):
    return dout * (cache > 0)
