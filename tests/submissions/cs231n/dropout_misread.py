import numpy as np


def dropout_forward(x, dropout_param):
    """
    - p: Dropout parameter. We keep each neuron output
      with probability p.
    """
    p, mode = dropout_param["p"], dropout_param["mode"]
    mask = None
    out = x
    if mode == "train":
        mask = (np.random.random(x.shape) > p) / (1 - p)  # as if p were to drop
        out = x * mask
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    return dout * mask if dropout_param["mode"] == "train" else dout
