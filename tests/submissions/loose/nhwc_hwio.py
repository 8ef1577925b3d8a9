import cv2  # not used by the layer
import numpy as np
import matplotlib.pyplot as plt


class ConvLayer:
    """Channels last, weights (f, f, C, F), bias (1, 1, 1, F)."""

    def __init__(self, n_channels, num_filters, filter_size, stride=1, pad=0):
        self.stride, self.pad, self.f = stride, pad, filter_size
        self.filters = np.random.randn(filter_size, filter_size, n_channels, num_filters) * 0.1
        self.biases = np.zeros((1, 1, 1, num_filters))

    def forward(self, X):
        p, s, f = self.pad, self.stride, self.f
        self.X = np.pad(X, ((0, 0), (p, p), (p, p), (0, 0)))
        h, w = (self.X.shape[1] - f) // s + 1, (self.X.shape[2] - f) // s + 1
        out = np.zeros((X.shape[0], h, w, self.filters.shape[3]))
        for i in range(h):
            for j in range(w):
                window = self.X[:, i * s : i * s + f, j * s : j * s + f, :, None]
                out[:, i, j, :] = np.sum(window * self.filters[None], axis=(1, 2, 3))
        return out + self.biases

    def backprop(self, d_out):
        p, s, f = self.pad, self.stride, self.f
        dX, dW = np.zeros(self.X.shape), np.zeros(self.filters.shape)
        for i in range(d_out.shape[1]):
            for j in range(d_out.shape[2]):
                window = self.X[:, i * s : i * s + f, j * s : j * s + f, :]
                d = d_out[:, i, j, :]
                dW += np.einsum("nrsc,nk->rsck", window, d)
                dX[:, i * s : i * s + f, j * s : j * s + f, :] += np.einsum("rsck,nk->nrsc", self.filters, d)
        db = np.sum(d_out, axis=(0, 1, 2), keepdims=True)
        return dX[:, p : dX.shape[1] - p, p : dX.shape[2] - p, :], dW, db
