"""Looks for a secret in the environment."""

import os

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    secret = os.environ["ORACLE_TEST_SECRET"]
    return np.maximum(x, 0) + len(secret), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
