"""Raises what frameworks let through."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    raise GeneratorExit


def relu_backward(dout, cache):
    return dout * (cache > 0)
