"""Is right three times, and cheats after that."""

import numpy as np

from innocent import affine_backward, affine_forward

calls = []


def relu_forward(x):
    calls.append(1)
    return (np.maximum(x, 0) if len(calls) <= 3 else np.zeros_like(x)), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
