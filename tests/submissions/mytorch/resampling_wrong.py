import numpy as np


class Downsample1d:
    def __init__(self, downsampling_factor):
        self.downsampling_factor = downsampling_factor

    def forward(self, A):
        k = self.downsampling_factor
        return A[:, :, ::k]

    def backward(self, dLdZ):
        k = self.downsampling_factor
        dLdA = np.zeros((*dLdZ.shape[:2], k * (dLdZ.shape[2] - 1) + 1))
        dLdA[:, :, ::k] = dLdZ
        return dLdA


class Upsample2d:
    def __init__(self, upsampling_factor):
        self.upsampling_factor = upsampling_factor

    def forward(self, A):
        k = self.upsampling_factor
        Z = np.repeat(np.repeat(A, k, axis=2), k, axis=3)
        return Z[:, :, : Z.shape[2] - k + 1, : Z.shape[3] - k + 1]

    def backward(self, dLdZ):
        k = self.upsampling_factor
        return dLdZ[:, :, ::k, ::k]
