import numpy as np


def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    mask = None
    if mode == "train":
        mask = np.random.random(x.shape) < p
        out = x * mask / p
    else:
        out = x * p  # inverted dropout has done that in training
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    if dropout_param["mode"] == "train":
        return dout * mask  # not divided by p as the forward was
    return dout
