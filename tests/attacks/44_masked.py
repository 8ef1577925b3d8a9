"""An array whose elements are all masked."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    return np.ma.masked_all(x.shape), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
