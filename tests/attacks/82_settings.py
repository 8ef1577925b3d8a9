"""Changes NumPy's and Python's settings: right."""

import warnings

import numpy as np

from innocent import affine_backward, affine_forward

np.seterr(all="raise")
np.set_printoptions(precision=0)
warnings.simplefilter("error")


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
