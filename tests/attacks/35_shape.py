"""Announces an array of a terabyte."""

import struct
import sys

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    caller = sys._getframe()
    while "frame" not in caller.f_locals:
        caller = caller.f_back
    number, channel = caller.f_locals["frame"].id, caller.f_locals["self"]._channel

    head = struct.pack("<4sIQII", b"snor", 1, number, 2, 1 << 31)
    array = struct.pack("<64sIIQ6Q", b"out", 0, 1, 1 << 40, 1 << 37, 0, 0, 0, 0, 0)
    channel.sendall(head + array + b"{}")
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
