"""Leaves a process behind that outlives it."""

import os
import time

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3)
            with open("/tmp/oracle-attack-results.json", "w") as file:
                file.write("{}")
        os._exit(0)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
