"""Has colours and a script in its message."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    raise ValueError("\x1b[2J\x1b[31m<script>alert(1)</script>")


def relu_backward(dout, cache):
    return dout * (cache > 0)
