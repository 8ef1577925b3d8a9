"""Asks another library for the answer."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    import jax

    return np.asarray(jax.nn.relu(x)), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
