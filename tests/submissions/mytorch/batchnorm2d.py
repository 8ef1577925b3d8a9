import numpy as np


class BatchNorm2d:
    def __init__(self, num_features, alpha=0.9):
        self.alpha, self.eps = alpha, 1e-8
        shape = (1, num_features, 1, 1)
        self.BW, self.Bb = np.ones(shape), np.zeros(shape)
        self.dLdBW, self.dLdBb = np.zeros(shape), np.zeros(shape)
        self.running_M, self.running_V = np.zeros(shape), np.ones(shape)

    def forward(self, Z, eval=False):
        if eval:
            return self.BW * (Z - self.running_M) / np.sqrt(self.running_V + self.eps) + self.Bb
        self.Z, self.N = Z, Z.shape[0] * Z.shape[2] * Z.shape[3]
        self.M, self.V = np.mean(Z, axis=(0, 2, 3), keepdims=True), np.var(Z, axis=(0, 2, 3), keepdims=True)
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
        self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ):
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=(0, 2, 3), keepdims=True)
        self.dLdBb = np.sum(dLdBZ, axis=(0, 2, 3), keepdims=True)
        dLdNZ, std = dLdBZ * self.BW, np.sqrt(self.V + self.eps)
        dLdV = -0.5 * np.sum(dLdNZ * self.NZ, axis=(0, 2, 3), keepdims=True) / std**2
        dLdM = -np.sum(dLdNZ / std, axis=(0, 2, 3), keepdims=True)
        return dLdNZ / std + dLdV * 2 * (self.Z - self.M) / self.N + dLdM / self.N
