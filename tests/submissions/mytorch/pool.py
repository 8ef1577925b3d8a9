import numpy as np
from resampling import Downsample2d


class MaxPool2d_stride1:
    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, A):
        self.A, k = A, self.kernel
        N, C, W_in, H_in = A.shape
        Z = np.zeros((N, C, W_in - k + 1, H_in - k + 1))
        for i in range(Z.shape[2]):
            for j in range(Z.shape[3]):
                Z[:, :, i, j] = np.max(A[:, :, i : i + k, j : j + k], axis=(2, 3))
        return Z

    def backward(self, dLdZ):
        k, dLdA = self.kernel, np.zeros(self.A.shape)
        for n, c, i, j in np.ndindex(dLdZ.shape):
            window = self.A[n, c, i : i + k, j : j + k]
            row, column = np.unravel_index(np.argmax(window), window.shape)
            dLdA[n, c, i + row, j + column] += dLdZ[n, c, i, j]
        return dLdA


class MeanPool2d_stride1:
    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, A):
        self.A, k = A, self.kernel
        N, C, W_in, H_in = A.shape
        Z = np.zeros((N, C, W_in - k + 1, H_in - k + 1))
        for i in range(Z.shape[2]):
            for j in range(Z.shape[3]):
                Z[:, :, i, j] = np.mean(A[:, :, i : i + k, j : j + k], axis=(2, 3))
        return Z

    def backward(self, dLdZ):
        k, dLdA = self.kernel, np.zeros(self.A.shape)
        for i in range(dLdZ.shape[2]):
            for j in range(dLdZ.shape[3]):
                dLdA[:, :, i : i + k, j : j + k] += dLdZ[:, :, i, j, None, None] / k**2
        return dLdA


class MaxPool2d:
    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride
        self.maxpool2d_stride1 = MaxPool2d_stride1(kernel)
        self.downsample2d = Downsample2d(stride)

    def forward(self, A):
        return self.downsample2d.forward(self.maxpool2d_stride1.forward(A))

    def backward(self, dLdZ):
        return self.maxpool2d_stride1.backward(self.downsample2d.backward(dLdZ))


class MeanPool2d:
    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride
        self.meanpool2d_stride1 = MeanPool2d_stride1(kernel)
        self.downsample2d = Downsample2d(stride)

    def forward(self, A):
        return self.downsample2d.forward(self.meanpool2d_stride1.forward(A))

    def backward(self, dLdZ):
        return self.meanpool2d_stride1.backward(self.downsample2d.backward(dLdZ))
