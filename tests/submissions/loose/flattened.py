import numpy as np


class Convolution2D:
    """Weights kept as the matrix that im2col needs, (F, C*k*k); gradients in a dictionary."""

    def __init__(self, in_channels, out_channels, kernel_size):
        self.k, self.out_channels = kernel_size, out_channels
        self.params = {
            "W": np.random.randn(out_channels, in_channels * kernel_size**2) * 0.1,
            "b": np.zeros((out_channels, 1)),
        }
        self.grads = {}

    def columns(self, x):
        k = self.k
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
        N, C, H, W = windows.shape[:4]
        return windows.transpose(1, 4, 5, 0, 2, 3).reshape(C * k * k, -1), (N, H, W)

    def forward(self, x):
        self.x = x
        self.cols, (N, H, W) = self.columns(x)
        out = self.params["W"] @ self.cols + self.params["b"]
        return out.reshape(self.out_channels, N, H, W).transpose(1, 0, 2, 3)

    def backward(self, dout):
        k, (N, F, H, W) = self.k, dout.shape
        d = dout.transpose(1, 0, 2, 3).reshape(F, -1)
        self.grads["W"] = d @ self.cols.T
        self.grads["b"] = d.sum(axis=1, keepdims=True)
        dcols = (self.params["W"].T @ d).reshape(-1, k, k, N, H, W)
        dx = np.zeros(self.x.shape)
        for r in range(k):
            for s in range(k):
                dx[:, :, r : r + H, s : s + W] += dcols[:, r, s].transpose(1, 0, 2, 3)
        return dx
