import numpy as np


class Conv2d_stride1:
    def __init__(self, in_channels, out_channels, kernel_size, weight_init_fn=None, bias_init_fn=None):
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        if weight_init_fn is None:
            self.W = np.random.normal(0, 1.0, (out_channels, in_channels, kernel_size, kernel_size))
        else:
            self.W = weight_init_fn(out_channels, in_channels, kernel_size, kernel_size)
        self.b = np.zeros(out_channels) if bias_init_fn is None else bias_init_fn(out_channels)
        self.dLdW, self.dLdb = np.zeros(self.W.shape), np.zeros(self.b.shape)

    def forward(self, A):
        self.A, k = A, self.kernel_size
        H, W = A.shape[2] - k + 1, A.shape[3] - k + 1
        Z = np.zeros((A.shape[0], self.out_channels, H, W))
        for i in range(H):
            for j in range(W):
                Z[:, :, i, j] = np.tensordot(A[:, :, i : i + k, j : j + k], self.W, ((1, 2, 3), (1, 2, 3))) + self.b
        return Z

    def backward(self, dLdZ):
        k = self.kernel_size
        H, W = dLdZ.shape[2:]
        for i in range(k):
            for j in range(k):
                self.dLdW[:, :, i, j] = np.tensordot(dLdZ, self.A[:, :, i : i + H, j : j + W], ((0, 2, 3), (0, 2, 3)))
        self.dLdb = np.sum(dLdZ, axis=(0, 2, 3))
        padded = np.pad(dLdZ, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        flipped = self.W
        dLdA = np.zeros(self.A.shape)
        for i in range(dLdA.shape[2]):
            for j in range(dLdA.shape[3]):
                dLdA[:, :, i, j] = np.tensordot(padded[:, :, i : i + k, j : j + k], flipped, ((1, 2, 3), (0, 2, 3)))
        return dLdA
