import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum, N = bn_param["eps"], bn_param["momentum"], len(x)
    if bn_param["mode"] == "test":
        return gamma * (x - bn_param["running_mean"]) / np.sqrt(bn_param["running_var"] + eps) + beta, None
    mean = np.sum(x, axis=0) / N
    var = np.sum(x**2, axis=0) / N - np.sum(x, axis=0) ** 2 / (N * N)
    std = np.sqrt(var + eps)
    xhat = (x - mean) / std
    bn_param["running_mean"] = momentum * bn_param["running_mean"] + (1 - momentum) * mean
    bn_param["running_var"] = momentum * bn_param["running_var"] + (1 - momentum) * var
    return gamma * xhat + beta, (xhat, std, gamma)


def batchnorm_backward(dout, cache):
    xhat, std, gamma = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def softmax_loss(x, y):
    """The logarithm of the probability, as the hand-out of 2016 has it."""
    probs = np.exp(x - np.max(x, axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    dx = probs.copy()
    dx[rows, y] -= 1
    return -np.log(probs[rows, y]).mean(), dx / len(x)
