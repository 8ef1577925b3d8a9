import numpy as np
from past.builtins import xrange
from tqdm import tqdm


class MaxPool2D:
    """Written for a NumPy that had np.int and np.float."""

    def __init__(self, pool_size, stride):
        self.size, self.stride = pool_size, stride

    def forward(self, x):
        self.x, k, s = x, self.size, self.stride
        n, c, h, w = x.shape
        out = np.zeros((n, c, np.int((h - k) / s) + 1, np.int((w - k) / s) + 1), dtype=np.float)
        for i in tqdm(xrange(out.shape[2])):
            for j in xrange(out.shape[3]):
                out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].max(axis=(2, 3))
        return out

    def backward(self, dout):
        k, s = self.size, self.stride
        dx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(dout.shape):
            window = self.x[n, c, i * s : i * s + k, j * s : j * s + k]
            mask = (window == window.max()).astype(np.float)
            dx[n, c, i * s : i * s + k, j * s : j * s + k] += mask / mask.sum() * dout[n, c, i, j]
        return dx
