"""Leaves a thread behind: right, and gone with its process."""

import threading
import time

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    threading.Thread(target=time.sleep, args=[1000], daemon=True).start()
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
