import numpy as np


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
                    dx[:, rows, cols] += d
        return dx
