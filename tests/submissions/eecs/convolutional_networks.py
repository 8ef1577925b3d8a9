import torch


class Linear(object):
    @staticmethod
    def forward(x, w, b):
        out = x.reshape(x.shape[0], -1).mm(w) + b
        cache = (x, w, b)
        return out, cache

    @staticmethod
    def backward(dout, cache):
        x, w, b = cache
        dx = dout.mm(w.t()).reshape(x.shape)
        dw = x.reshape(x.shape[0], -1).t().mm(dout)
        db = dout.sum(dim=0)
        return dx, dw, db


class ReLU(object):
    @staticmethod
    def forward(x):
        return x.clamp(min=0), x

    @staticmethod
    def backward(dout, cache):
        return dout * (cache > 0)


class Conv(object):
    @staticmethod
    def forward(x, w, b, conv_param):
        stride, pad = conv_param["stride"], conv_param["pad"]
        x_pad = torch.nn.functional.pad(x, (pad, pad, pad, pad))
        N, C, H, W = x_pad.shape
        F, _, HH, WW = w.shape
        out = torch.zeros((N, F, 1 + (H - HH) // stride, 1 + (W - WW) // stride), dtype=x.dtype, device=x.device)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = x_pad[:, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
                out[:, :, i, j] = window.reshape(N, -1).mm(w.reshape(F, -1).t()) + b
        return out, (x, w, b, conv_param)

    @staticmethod
    def backward(dout, cache):
        x, w, b, conv_param = cache
        stride, pad = conv_param["stride"], conv_param["pad"]
        x_pad = torch.nn.functional.pad(x, (pad, pad, pad, pad))
        F, C, HH, WW = w.shape
        dx_pad, dw = torch.zeros_like(x_pad), torch.zeros_like(w)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                rows, cols = slice(i * stride, i * stride + HH), slice(j * stride, j * stride + WW)
                d = dout[:, :, i, j]
                dw += torch.einsum("nk,nchw->kchw", d, x_pad[:, :, rows, cols])
                dx_pad[:, :, rows, cols] += torch.einsum("nk,kchw->nchw", d, w)
        return dx_pad[:, :, pad:pad + x.shape[2], pad:pad + x.shape[3]], dw, dout.sum(dim=(0, 2, 3))


class MaxPool(object):
    @staticmethod
    def forward(x, pool_param):
        ph, pw, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
        N, C, H, W = x.shape
        out = torch.zeros((N, C, 1 + (H - ph) // s, 1 + (W - pw) // s), dtype=x.dtype)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, :, i, j] = x[:, :, i * s:i * s + ph, j * s:j * s + pw].amax(dim=(2, 3))
        return out, (x, pool_param)

    @staticmethod
    def backward(dout, cache):
        x, pool_param = cache
        ph, pw, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
        dx = torch.zeros_like(x)
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                for i in range(dout.shape[2]):
                    for j in range(dout.shape[3]):
                        window = x[n, c, i * s:i * s + ph, j * s:j * s + pw]
                        mask = (window == window.max()).to(x.dtype)
                        dx[n, c, i * s:i * s + ph, j * s:j * s + pw] += dout[n, c, i, j] * mask / mask.sum()
        return dx


class BatchNorm(object):
    @staticmethod
    def forward(x, gamma, beta, bn_param):
        mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
        mean, var = bn_param["running_mean"], bn_param["running_var"]
        if mode == "train":
            mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
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
