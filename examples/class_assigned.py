"""A convolution as a class with one mistake: where windows overlap, the input gradient is assigned, not added.

oracle check examples/class_assigned.py
"""

import numpy as np


class ConvLayer:
    def __init__(self, in_channels, num_filters, filter_size, stride=1, pad=0):
        self.stride, self.pad = stride, pad
        self.filters = np.random.randn(num_filters, in_channels, filter_size, filter_size) * 0.1
        self.bias = np.zeros((num_filters, 1))

    def forward(self, x):
        p, s, f = self.pad, self.stride, self.filters.shape[2]
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        N, _, H, W = self.x.shape
        out = np.zeros((N, len(self.filters), (H - f) // s + 1, (W - f) // s + 1), x.dtype)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = self.x[:, None, :, i * s : i * s + f, j * s : j * s + f]
                out[:, :, i, j] = (window * self.filters).sum(axis=(2, 3, 4)) + self.bias[:, 0]
        return out

    def backward(self, dout):
        p, s, f = self.pad, self.stride, self.filters.shape[2]
        dx, dw = np.zeros_like(self.x), np.zeros_like(self.filters)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                d = dout[:, :, i, j][:, :, None, None, None]
                window = self.x[:, None, :, i * s : i * s + f, j * s : j * s + f]
                dw += (d * window).sum(axis=0)
                dx[:, :, i * s : i * s + f, j * s : j * s + f] = (d * self.filters).sum(axis=1)
        db = dout.sum(axis=(0, 2, 3))[:, None]
        H, W = dx.shape[2] - 2 * p, dx.shape[3] - 2 * p
        return dx[:, :, p : p + H, p : p + W], dw, db
