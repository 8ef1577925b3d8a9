import numpy as np


class Conv:
    @staticmethod
    def naive_forward(x, w, b, conv_param):
        stride, pad = conv_param["stride"], conv_param["pad"]
        N, H, W, C = x.shape
        F, FH, FW, _ = w.shape
        xp = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        OH, OW = (H + 2 * pad - FH) // stride + 1, (W + 2 * pad - FW) // stride + 1
        out = np.zeros((N, OH, OW, F))
        for i in range(OH):
            for j in range(OW):
                window = xp[:, i * stride : i * stride + FH, j * stride : j * stride + FW, :]
                out[:, i, j, :] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
        return out, (x, w, b, conv_param)

    @staticmethod
    def backward(dout, cache):
        x, w, b, conv_param = cache
        stride, pad = conv_param["stride"], conv_param["pad"]
        F, FH, FW, _ = w.shape
        xp = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        dxp, dw = np.zeros_like(xp), np.zeros_like(w)
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                rows, cols = slice(i * stride, i * stride + FH), slice(j * stride, j * stride + FW)
                dw += np.tensordot(dout[:, i, j], xp[:, rows, cols], (0, 0))
                dxp[:, rows, cols] += np.tensordot(dout[:, i, j], w, (1, 0))
        dx = dxp[:, pad : pad + x.shape[1], pad : pad + x.shape[2]]
        return dx, dw, dout.sum(axis=(0, 1, 2))


class Pooling:
    @staticmethod
    def forward(x, pool_param):
        size, stride, kind = pool_param["pool_size"], pool_param["stride"], pool_param["pool_type"]
        N, H, W, C = x.shape
        out = np.zeros((N, (H - size) // stride + 1, (W - size) // stride + 1, C))
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                window = x[:, i * stride : i * stride + size, j * stride : j * stride + size]
                out[:, i, j] = window.max(axis=(1, 2)) if kind == "max" else window.mean(axis=(1, 2))
        return out, (x, pool_param)

    @staticmethod
    def backward(dout, cache):
        x, pool_param = cache
        size, stride, kind = pool_param["pool_size"], pool_param["stride"], pool_param["pool_type"]
        dx = np.zeros_like(x)
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                rows, cols = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
                window, d = x[:, rows, cols], dout[:, i : i + 1, j : j + 1]
                if kind == "max":
                    dx[:, rows, cols] += d * (window == window.max(axis=(1, 2), keepdims=True))
                else:
                    dx[:, rows, cols] += d / size**2
        return dx


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
        return gamma * xn + beta, (xn, gamma, np.sqrt(var + eps))

    @staticmethod
    def backward(dout, cache):
        xn, gamma, std = cache
        d = dout * gamma
        dx = (d - d.mean(axis=0) - xn * (d * xn).mean(axis=0)) / std
        return dx, (dout * xn).sum(axis=0), dout.sum(axis=0)


class OutputLayer:
    def __init__(self):
        self.loss, self.output_softmax, self.target_label = None, None, None

    def forward(self, x, y):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.output_softmax, self.target_label = e / e.sum(axis=1, keepdims=True), y
        self.loss = -np.sum(y * np.log(self.output_softmax + 1e-9)) / len(x)
        return self.loss

    def backward(self, dout=1):
        return dout * (self.output_softmax - self.target_label) / len(self.target_label)
