"""Adds to what it has kept from the case before."""

import numpy as np

from innocent import affine_backward, affine_forward

kept = {}


def relu_forward(x):
    kept[x.shape] = kept.get(x.shape, 0) + np.maximum(x, 0)
    return kept[x.shape], x


def relu_backward(dout, cache):
    return dout * (cache > 0)
