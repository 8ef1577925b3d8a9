"""Takes all memory."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    kept = []
    while True:
        kept.append(np.empty(1 << 22))


def relu_backward(dout, cache):
    return dout * (cache > 0)
