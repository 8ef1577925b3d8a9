import numpy as np


class Conv:
    @staticmethod
    def naive_forward(x, w, b, conv_param):
        stride, pad = conv_param["stride"], conv_param["pad"]
        N, H, W, C = x.shape
        F, FH, FW, _ = w.shape
        xp = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        OH, OW = (H + 2 * pad - FH) // stride + 1, (W + 2 * pad - FW) // stride + 1
        out = np.zeros((N, OH, OW, F))
        for i in range(OH):
            for j in range(OW):
                window = xp[:, i * stride : i * stride + FH, j * stride : j * stride + FW, :]
                out[:, i, j, :] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
        return out, (x, w, b, conv_param)

    @staticmethod
    def backward(dout, cache):
        x, w, b, conv_param = cache
        stride, pad = conv_param["stride"], conv_param["pad"]
        F, FH, FW, _ = w.shape
        xp = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        dxp, dw = np.zeros_like(xp), np.zeros_like(w)
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                rows, cols = slice(i * stride, i * stride + FH), slice(j * stride, j * stride + FW)
                dw += np.tensordot(dout[:, i, j], xp[:, rows, cols], (0, 0))
                dxp[:, rows, cols] = np.tensordot(dout[:, i, j], w, (1, 0))
        dx = dxp[:, pad : pad + x.shape[1], pad : pad + x.shape[2]]
        return dx, dw, dout.sum(axis=(0, 1, 2))
