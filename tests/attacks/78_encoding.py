"""A byte order mark, and the line ends of another system: right. ä"""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    out = np.maximum(x, 0)
    return out, out


def relu_backward(dout, cache):
    return dout * (cache > 0)
