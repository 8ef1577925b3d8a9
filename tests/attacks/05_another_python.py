"""Starts another Python, which has torch."""

import subprocess
import sys

import numpy as np

from innocent import affine_backward, affine_forward


def relu_forward(x):
    code = "import torch; print(torch.relu(torch.tensor([-1.0])).tolist())"
    subprocess.run([sys.executable, "-c", code], check=True)
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
