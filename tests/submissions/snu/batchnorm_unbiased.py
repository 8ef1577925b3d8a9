import numpy as np


class BatchNorm:
    @staticmethod
    def forward(x, gamma, beta, bn_param):
        mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
        mean, var = bn_param["running_mean"], bn_param["running_var"]
        cache = None
        if mode == "train":
            mean, var = x.mean(axis=0), x.var(axis=0)
            bn_param["running_mean"] = momentum * bn_param["running_mean"] + (1 - momentum) * mean
            bn_param["running_var"] = momentum * bn_param["running_var"] + (1 - momentum) * var
        xn = (x - mean) / np.sqrt(var + eps)
        return gamma * xn + beta, (xn, gamma, np.sqrt(var))

    @staticmethod
    def backward(dout, cache):
        xn, gamma, std = cache
        d = dout * gamma
        dx = (d - d.mean(axis=0) - xn * (d * xn).mean(axis=0)) / std
        return dx, (dout * xn).sum(axis=0), dout.sum(axis=0)
