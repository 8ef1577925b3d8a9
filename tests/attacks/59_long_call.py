"""One call that takes hours and looks at no signal."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    9 ** (9**9)
    return np.zeros_like(x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
