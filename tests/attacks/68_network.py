"""Asks the network."""

import socket

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    socket.create_connection(("127.0.0.1", 9), 1)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
