import torch


class BatchNorm(object):
    @staticmethod
    def forward(x, gamma, beta, bn_param):
        mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
        mean, var = bn_param["running_mean"], bn_param["running_var"]
        if mode == "train":
            mean, var = x.mean(dim=0), x.var(dim=0)
            bn_param["running_mean"] = momentum * bn_param["running_mean"] + (1 - momentum) * mean
            bn_param["running_var"] = momentum * bn_param["running_var"] + (1 - momentum) * var
        std = (var + eps).sqrt()
        xn = (x - mean) / std
        return gamma * xn + beta, (xn, gamma, std)

    @staticmethod
    def backward(dout, cache):
        xn, gamma, std = cache
        d = dout * gamma
        dx = (d - d.mean(dim=0) - xn * (d * xn).mean(dim=0)) / std
        return dx, (dout * xn).sum(dim=0), dout.sum(dim=0)
