"""Its cache is its own output: right."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    out = np.maximum(x, 0)
    return out, out


def relu_backward(dout, cache):
    return dout * (cache > 0)
