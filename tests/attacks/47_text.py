"""Returns the answer as text."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return str(np.maximum(x, 0).tolist()), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
