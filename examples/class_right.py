"""Layers as classes, in the style of many repositories: weights in attributes, gradients beside them. All right.

oracle check examples/class_right.py
"""

import numpy as np


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


class Conv2D:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)
        self.W = np.random.randn(out_channels, in_channels, *self.kernel_size) * 0.1
        self.b = np.zeros(out_channels)

    def windows(self, x):
        """Every kernel position with the part of the padded image that it meets."""
        (R, S), (s, t) = self.kernel_size, self.stride
        H, W = (x.shape[2] - R) // s + 1, (x.shape[3] - S) // t + 1
        for r in range(R):
            for c in range(S):
                yield r, c, x[:, :, r : r + s * H : s, c : c + t * W : t]

    def forward(self, x):
        p, q = self.padding
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
        self.size = x.shape[2:]
        return (
            sum(np.einsum("kc,nchw->nkhw", self.W[:, :, r, c], window) for r, c, window in self.windows(self.x))
            + (self.b[:, None, None])
        )

    def backward(self, dout):
        dx, self.dW = np.zeros_like(self.x), np.zeros_like(self.W)
        for (r, c, window), (_, _, dwindow) in zip(self.windows(self.x), self.windows(dx)):
            self.dW[:, :, r, c] = np.einsum("nkhw,nchw->kc", dout, window)
            dwindow += np.einsum("kc,nkhw->nchw", self.W[:, :, r, c], dout)
        self.db = dout.sum(axis=(0, 2, 3))
        (p, q), (H, W) = self.padding, self.size
        return dx[:, :, p : p + H, q : q + W]


class MaxPool2D:
    def __init__(self, pool_size, stride=None):
        self.pool_size, self.stride = pair(pool_size), pair(pool_size if stride is None else stride)

    def windows(self, shape):
        (R, S), (s, t) = self.pool_size, self.stride
        for i in range((shape[2] - R) // s + 1):
            for j in range((shape[3] - S) // t + 1):
                yield i, j, slice(i * s, i * s + R), slice(j * t, j * t + S)

    def forward(self, x):
        self.x = x
        (R, S), (s, t) = self.pool_size, self.stride
        out = np.empty((*x.shape[:2], (x.shape[2] - R) // s + 1, (x.shape[3] - S) // t + 1), x.dtype)
        for i, j, rows, columns in self.windows(x.shape):
            out[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
        return out

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        n, c = np.ogrid[: dx.shape[0], : dx.shape[1]]
        for i, j, rows, columns in self.windows(dx.shape):
            window = self.x[:, :, rows, columns]
            first = window.reshape(*window.shape[:2], -1).argmax(axis=2)
            row, column = np.unravel_index(first, window.shape[2:])
            dx[n, c, rows.start + row, columns.start + column] += dout[:, :, i, j]
        return dx


class Dense:
    def __init__(self, n_in, n_out):
        self.params = {"W": np.random.randn(n_in, n_out) * 0.1, "b": np.zeros((1, n_out))}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = dout.sum(axis=0, keepdims=True)
        return dout @ self.params["W"].T


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask
