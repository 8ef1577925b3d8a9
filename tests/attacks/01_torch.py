"""Asks torch for the answer."""

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    import torch

    return torch.relu(torch.tensor(x)).numpy(), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
