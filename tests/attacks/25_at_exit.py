"""Writes its own results when the program ends."""

import atexit

import numpy as np

from innocent import affine_backward, affine_forward


def results():
    with open("/tmp/oracle-attack-results.json", "w") as file:
        file.write("{}")


class Last:
    def __del__(self):
        results()


atexit.register(results)
last = Last()


def relu_forward(x):
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
