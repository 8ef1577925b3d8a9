"""Cannot be interrupted from inside."""

import signal

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def relu_backward(dout, cache):
    return dout * (cache > 0)
