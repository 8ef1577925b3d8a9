"""Listens on a socket that needs no file."""

import socket

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0oracle-attack")
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
