"""Returns lists, which is right and noted."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.maximum(x, 0).tolist() if x.size else np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
