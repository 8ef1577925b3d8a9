import numpy as np
from resampling import Upsample1d


class Conv1d_stride1:
    def __init__(self, in_channels, out_channels, kernel_size, weight_init_fn=None, bias_init_fn=None):
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        if weight_init_fn is None:
            self.W = np.random.normal(0, 1.0, (out_channels, in_channels, kernel_size))
        else:
            self.W = weight_init_fn(out_channels, in_channels, kernel_size)
        self.b = np.zeros(out_channels) if bias_init_fn is None else bias_init_fn(out_channels)
        self.dLdW, self.dLdb = np.zeros(self.W.shape), np.zeros(self.b.shape)

    def forward(self, A):
        self.A = A
        size = A.shape[2] - self.kernel_size + 1
        Z = np.zeros((A.shape[0], self.out_channels, size))
        for i in range(size):
            Z[:, :, i] = np.tensordot(A[:, :, i : i + self.kernel_size], self.W, ((1, 2), (1, 2))) + self.b
        return Z

    def backward(self, dLdZ):
        k, size = self.kernel_size, dLdZ.shape[2]
        for i in range(k):
            self.dLdW[:, :, i] = np.tensordot(dLdZ, self.A[:, :, i : i + size], ((0, 2), (0, 2)))
        self.dLdb = np.sum(dLdZ, axis=(0, 2))
        padded = np.pad(dLdZ, ((0, 0), (0, 0), (k - 1, k - 1)))
        dLdA = np.zeros(self.A.shape)
        for i in range(dLdA.shape[2]):
            dLdA[:, :, i] = np.tensordot(padded[:, :, i : i + k], self.W[:, :, ::-1], ((1, 2), (0, 2)))
        return dLdA


class ConvTranspose1d:
    def __init__(self, in_channels, out_channels, kernel_size, upsampling_factor, weight_init_fn=None, bias_init_fn=None):
        self.upsampling_factor = upsampling_factor
        self.upsample1d = Upsample1d(upsampling_factor)
        self.conv1d_stride1 = Conv1d_stride1(in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn)

    def forward(self, A):
        A_upsampled = self.upsample1d.forward(A)
        pad = self.conv1d_stride1.kernel_size - 1
        return self.conv1d_stride1.forward(np.pad(A_upsampled, ((0, 0), (0, 0), (pad, pad))))

    def backward(self, dLdZ):
        delta_out = self.conv1d_stride1.backward(dLdZ)
        return self.upsample1d.backward(delta_out)
