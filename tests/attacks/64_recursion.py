"""Calls itself until the stack is full."""

import sys

import numpy as np

from innocent import affine_backward, affine_forward

sys.setrecursionlimit(10**9)


def deeper(_):
    return sorted([1, 2], key=deeper)


def relu_forward(x):
    return deeper(0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
